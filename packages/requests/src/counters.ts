/** What a member's requests have done since {@link createRequests}. */
export interface RequestCounters {
  /** Requests that this member made. */
  readonly sent: number;
  /** Requests that were sent again over a stream, because no answer came within `retryAfter`. */
  readonly retried: number;
  /** Requests with an answer. */
  readonly answered: number;
  /** Requests with an error of the other member as their answer. */
  readonly failed: number;
  /** Requests without an answer in time. */
  readonly timedOut: number;
  /** Answers that arrived after the end of their request, or from another member than was asked. */
  readonly lateAnswers: number;
  /** Requests of other members that ran a handler. */
  readonly handled: number;
  /** Requests of other members that arrived again; their handler ran once. */
  readonly duplicates: number;
  /** Requests of other members that were refused with `busy`. */
  readonly refused: number;
  /** Requests of other members for a name without a handler. */
  readonly unknown: number;
  /** Requests of other members that waited longer for their handler than the other member waits for the answer. */
  readonly expired: number;
  /** Handlers that still ran when the other member stopped waiting, or after `maxHandlerTime`. Their places are free for other requests. */
  readonly overdue: number;
  /** Answers that were too long for a requester that is not a member here. It got the error `not_a_member`, if that was short enough. */
  readonly withheld: number;
  /** Answers that could not be sent. */
  readonly unsent: number;
  /** Messages that could not be decoded. */
  readonly malformed: number;
}

export class Counters {
  readonly #counts: { -readonly [Name in keyof RequestCounters]: number } = {
    sent: 0,
    retried: 0,
    answered: 0,
    failed: 0,
    timedOut: 0,
    lateAnswers: 0,
    handled: 0,
    duplicates: 0,
    refused: 0,
    unknown: 0,
    expired: 0,
    overdue: 0,
    withheld: 0,
    unsent: 0,
    malformed: 0,
  };

  count(name: keyof RequestCounters): void {
    this.#counts[name]++;
  }

  read(): RequestCounters {
    return { ...this.#counts };
  }
}

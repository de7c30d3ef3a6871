/**
 * The codes of this package. A handler may fail with a code of its own.
 *
 * - `timeout`: no answer arrived in time. The handler may have run
 * - `aborted`: the signal was aborted. The handler may have run
 * - `closed`: `close()`, or the shutdown of this member
 * - `too_many_requests`: this member has `maxPending` requests without an answer
 * - `unknown_request`: the other member has no handler of this name
 * - `busy`: the other member has `maxQueued` requests that wait for their handler, or too many long answers that wait for their streams
 * - `handler_failed`: the handler threw an error without a code
 * - `answer_too_large`: the answer does not fit into a message (20 MiB)
 * - `not_a_member`: the other member does not list this one, and the answer is too long for that
 * - `handler_exists`: this member has a handler of this name
 */
export type RequestErrorCode =
  | "aborted"
  | "answer_too_large"
  | "busy"
  | "closed"
  | "handler_exists"
  | "handler_failed"
  | "not_a_member"
  | "timeout"
  | "too_many_requests"
  | "unknown_request";

/** Options of {@link RequestError}. */
export interface RequestErrorOptions extends ErrorOptions {
  /** The member that failed. Default: this one. */
  readonly member?: string;
}

/**
 * The failure of a request. A handler throws one to answer with a code of its own.
 *
 * @example
 * requests.handle("price", (name) => {
 *   throw new RequestError("no_such_product", "tea is sold out");
 * });
 */
export class RequestError extends Error {
  /** The name of the class. */
  override readonly name = "RequestError";
  /** A {@link RequestErrorCode}, or the code of the handler's error. */
  readonly code: string;
  /** The name of the member whose answer this error is; undefined if the error arose here. */
  readonly member: string | undefined;

  constructor(code: RequestErrorCode | (string & {}), message: string, { member, ...options }: RequestErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.member = member;
  }
}

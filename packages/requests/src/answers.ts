import type { Clock, Node } from "@memberlist/core";
import { BufferedStream, nextTurn, onAbort } from "@memberlist/core/internal";
import { RequestError } from "./errors.ts";

/** The answer of one member to `requestAll`: a payload or an error. */
export type RequestAnswer =
  | { readonly member: Node; readonly payload: Uint8Array; readonly error?: undefined }
  | { readonly member: Node; readonly payload?: undefined; readonly error: RequestError };

export interface AnswersOptions {
  readonly members: readonly Node[];
  readonly clock: Clock;
  /** Ends the iteration. */
  readonly signal: AbortSignal | undefined;
  /** Asks one member. */
  readonly ask: (member: Node, signal: AbortSignal) => { readonly answer: Promise<Uint8Array>; readonly isFull: boolean };
}

/** The answers to one `requestAll`, in the order of their arrival. The iteration ends when all members have answered, or at the deadline. */
export class Answers implements AsyncIterableIterator<RequestAnswer> {
  readonly #missing: Map<string, Node>;
  readonly #stop: AbortController = new AbortController();
  /** One answer of each member at most. */
  readonly #arrived: BufferedStream<RequestAnswer> = new BufferedStream(Infinity);

  constructor(options: AnswersOptions) {
    this.#missing = new Map(options.members.map((member) => [member.name, member]));
    const { signal } = options;
    const stopListening = signal && onAbort(signal, () => void this.return());
    const end = (): void => {
      stopListening?.();
      this.#arrived.end();
    };
    if (signal?.aborted === true) this.#stop.abort();
    this.#askAll(options).then(end, end);
  }

  /** The members that have not answered so far. After the end of the iteration: those that did not answer in time, or could not be reached. */
  get missing(): Node[] {
    return [...this.#missing.values()];
  }

  /** Resolves with the next answer. */
  next(): Promise<IteratorResult<RequestAnswer, undefined>> {
    return this.#arrived.next();
  }

  /** Stops waiting for further answers, as `break` does. */
  return(): Promise<IteratorResult<RequestAnswer, undefined>> {
    this.#stop.abort();
    return this.#arrived.return();
  }

  /** The answers themselves, for `for await`. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  async #askAll({ members, clock, ask }: AnswersOptions): Promise<void> {
    const answers: Promise<void>[] = [];
    for (const member of members) {
      if (this.#stop.signal.aborted) break;
      const { answer, isFull } = ask(member, this.#stop.signal);
      answers.push(this.#wait(member, answer));
      if (isFull) await nextTurn(clock);
    }
    await Promise.all(answers);
  }

  async #wait(member: Node, answer: Promise<Uint8Array>): Promise<void> {
    try {
      this.#push({ member, payload: await answer });
    } catch (error) {
      if (error instanceof RequestError && error.member !== undefined) this.#push({ member, error });
    }
  }

  #push(answer: RequestAnswer): void {
    this.#missing.delete(answer.member.name);
    this.#arrived.push(answer);
  }
}

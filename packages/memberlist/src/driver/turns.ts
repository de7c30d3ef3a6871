import { MemberlistError } from "../errors.ts";

/** Whether somebody still waits for the result of some work. */
export type IsWanted = () => boolean;

/** Work that is done one after the other: what each holds meanwhile is held once. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** @throws MemberlistError `aborted` when its turn comes and nobody wants it any more */
  take<T>(isWanted: IsWanted, work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => {
      if (!isWanted()) throw new MemberlistError("aborted", "nobody waits for it any more");
      return work();
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

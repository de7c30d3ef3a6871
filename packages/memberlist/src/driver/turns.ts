import { MemberlistError } from "../errors.ts";
import type { Breathe } from "../wire/push-pull.ts";

/** Whether somebody still waits for the result of some work. */
export type IsWanted = () => boolean;

/** Work that is done one after the other: what each holds meanwhile is held once. */
export class Turns {
  readonly #breathe: Breathe;
  #last: Promise<unknown> = Promise.resolve();

  /** @param breathe between the parts of some work */
  constructor(breathe: Breathe) {
    this.#breathe = breathe;
  }

  /**
   * @param work in parts, between which it awaits what it is given
   * @throws MemberlistError `aborted` as soon as nobody wants it any more
   */
  take<T>(isWanted: IsWanted, work: (breathe: Breathe) => Promise<T>): Promise<T> {
    const check = (): void => {
      if (!isWanted()) throw new MemberlistError("aborted", "nobody waits for it any more");
    };
    const turn = this.#last.then(() => {
      check();
      return work(async () => {
        await this.#breathe();
        check();
      });
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

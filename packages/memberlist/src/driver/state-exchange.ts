import { encodeLongPushPull, nodesInOneGo, type Breathe } from "../wire/push-pull.ts";
import type { RemoteState } from "../wire/stream-frame.ts";
import type { Driver } from "./driver.ts";

/** The two states of a push/pull: our own is written, and a peer's merged, in parts, so that packets and timers get their turn. */
export class StateExchange {
  readonly #driver: Driver;
  /** Lets packets and timers have their turn. */
  readonly breathe: Breathe;

  constructor(driver: Driver) {
    this.#driver = driver;
    this.breathe = () => new Promise((resolve) => driver.config.clock.defer(resolve));
  }

  /** Our nodes and the application's state, as one push/pull message. */
  localState(join: boolean): Promise<Uint8Array> {
    const { application, engine } = this.#driver;
    const userState = application.localState(join);
    return encodeLongPushPull(join, engine.localNodes(), userState, this.breathe);
  }

  /** See {@link Engine.dropsRepeats}; a merge delegate is to see all nodes of a peer's state. */
  get dropsRepeats(): boolean {
    const { application, engine } = this.#driver;
    return engine.dropsRepeats && !application.hasMergeDelegate;
  }

  /** @throws MemberlistError `incompatible_versions` or `merge_refused`; nothing has changed then */
  async merge({ nodes, join, userState }: RemoteState): Promise<void> {
    const { application, engine } = this.#driver;
    for (let from = 0; from === 0 || from < nodes.length; from += nodesInOneGo) {
      if (from > 0) await this.breathe();
      if (this.#driver.isStopped) return;
      this.#driver.run(() => {
        if (from === 0) engine.checkMerge(nodes, join);
        engine.mergeNodes(nodes.slice(from, from + nodesInOneGo));
      });
    }
    // One of those who were told of the merge may have shut us down.
    if (userState.length > 0 && !this.#driver.isStopped) application.mergeRemoteState(userState, join);
  }
}

import { checkMeta } from "../arguments.ts";
import type { UpdateNodeOptions, WaitOptions } from "../call-options.ts";
import { MemberlistError } from "../errors.ts";
import type { Driver } from "./driver.ts";

/** How long to wait for a broadcast to be out, in ms, where the caller does not say. */
const defaultTimeout = 10_000;

/** What we tell the others of ourselves: our metadata, that we leave, and that we are back. */
export class Presence {
  readonly #driver: Driver;
  #meta: Uint8Array;
  /** That we leave is out. */
  #left: Promise<void> | undefined;

  /** @param meta what the driver was started with */
  constructor(driver: Driver, meta: Uint8Array) {
    this.#driver = driver;
    this.#meta = meta;
  }

  /** See {@link Memberlist.leave}. */
  async leave(options: WaitOptions): Promise<void> {
    await this.#broadcastOut("leave", options, (finished) => {
      this.#left ??= new Promise((resolve) => this.#driver.engine.leave(resolve));
      this.#left.then(finished, finished);
    });
  }

  /** Takes a leave back, where there was one. */
  comeBack(): void {
    const { engine } = this.#driver;
    if (!engine.hasLeft) return;
    this.#left = undefined;
    this.#driver.run(() => engine.comeBack(this.#meta));
  }

  /** See {@link Memberlist.updateNode}. */
  async update(options: UpdateNodeOptions): Promise<void> {
    const { application, engine } = this.#driver;
    if (engine.hasLeft) throw new MemberlistError("left", "this node has left the cluster: join again before updateNode");
    const meta = checkMeta(options.meta ?? application.nodeMeta(this.#meta));
    await this.#broadcastOut("updateNode", options, (finished) => {
      engine.update(meta, finished);
      this.#meta = meta;
    });
  }

  /** Waits until a broadcast is out, or nobody is there any more to hear it: the others may be leaving, too. */
  async #broadcastOut(what: string, options: WaitOptions, start: (finished: () => void) => void): Promise<void> {
    const { timeout = defaultTimeout, signal } = options;
    await this.#driver.waits.run<void>({ what, timeout, signal, stateChanged: true }, (resolve) => {
      this.#driver.run(() => start(() => resolve()));
      return this.#driver.watch(() => {
        if (!this.#driver.engine.hasLivePeer) resolve();
      });
    });
  }
}

import { checkMeta } from "../api/arguments.ts";
import type { UpdateNodeOptions, WaitOptions } from "../api/call-options.ts";
import { MemberlistError } from "../api/errors.ts";
import type { NodeRuntime } from "./node-runtime.ts";

/** How long to wait for a broadcast to be out, in ms, where the caller does not say. */
const defaultTimeout = 10_000;

/** What we tell the others of ourselves: our metadata, that we leave, and that we are back. */
export class LocalNode {
  readonly #runtime: NodeRuntime;
  #meta: Uint8Array;
  /** That we leave is out. */
  #left: Promise<void> | undefined;

  /** @param meta what the runtime was started with */
  constructor(runtime: NodeRuntime, meta: Uint8Array) {
    this.#runtime = runtime;
    this.#meta = meta;
  }

  /** See {@link Memberlist.leave}. */
  async leave(options: WaitOptions): Promise<void> {
    await this.#broadcastOut("leave", options, (finished) => {
      this.#left ??= new Promise((resolve) => this.#runtime.engine.leave(resolve));
      this.#left.then(finished, finished);
    });
  }

  /** Takes a leave back, where there was one. */
  comeBack(): void {
    const { engine } = this.#runtime;
    if (!engine.hasLeft) return;
    this.#left = undefined;
    this.#runtime.run(() => engine.comeBack(this.#meta));
  }

  /** See {@link Memberlist.updateNode}. */
  async update(options: UpdateNodeOptions): Promise<void> {
    const { delegates, engine } = this.#runtime;
    if (engine.hasLeft) throw new MemberlistError("left", "this node has left the cluster: join again before updateNode");
    const meta = checkMeta(options.meta ?? delegates.nodeMeta(this.#meta));
    await this.#broadcastOut("updateNode", options, (finished) => {
      engine.update(meta, finished);
      this.#meta = meta;
    });
  }

  /** Waits until a broadcast is out, or nobody is there any more to hear it: the others may be leaving, too. */
  async #broadcastOut(what: string, options: WaitOptions, start: (finished: () => void) => void): Promise<void> {
    const { timeout = defaultTimeout, signal } = options;
    await this.#runtime.operations.run<void>({ what, timeout, signal, stateChanged: true }, (resolve) => {
      this.#runtime.run(() => start(() => resolve()));
      return this.#runtime.watch(() => {
        if (!this.#runtime.engine.hasLivePeer) resolve();
      });
    });
  }
}

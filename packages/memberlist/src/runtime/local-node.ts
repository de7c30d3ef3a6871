import { checkMeta } from "../api/check-arguments.ts";
import type { UpdateNodeOptions, WaitOptions } from "../api/call-options.ts";
import { MemberlistError } from "../api/errors.ts";
import type { Engine } from "../swim/engine.ts";
import type { Delegates } from "./delegates.ts";
import type { PendingOperations } from "./pending-operations.ts";

/** How long to wait for a broadcast to be out, in ms, if the caller sets no timeout. */
const defaultTimeout = 10_000;

/** The parts of a node that {@link LocalNode} uses. */
interface LocalNodeParts {
  readonly engine: Engine;
  readonly delegates: Delegates;
  readonly operations: PendingOperations;
  /** Runs an input of the engine. */
  run(input: () => void): void;
  /** Calls `check` now and after every input, until what it returns is called. */
  watch(check: () => void): () => void;
}

/** Broadcasts the changes of this node: new metadata, a leave, a rejoin. */
export class LocalNode {
  readonly #parts: LocalNodeParts;
  #meta: Uint8Array;
  /** Resolves when the leave is sent; undefined before a leave. */
  #left: Promise<void> | undefined;

  /** @param meta the metadata that the engine was started with */
  constructor(parts: LocalNodeParts, meta: Uint8Array) {
    this.#parts = parts;
    this.#meta = meta;
  }

  /** See {@link Memberlist.leave}. */
  async leave(options: WaitOptions): Promise<void> {
    await this.#broadcastOut("leave", options, (finished) => {
      this.#left ??= new Promise((resolve) => this.#parts.engine.leave(resolve));
      this.#left.then(finished, finished);
    });
  }

  /** Makes this node a member again if it has left. */
  rejoin(): void {
    const { engine } = this.#parts;
    if (!engine.hasLeft) return;
    this.#left = undefined;
    this.#parts.run(() => engine.rejoin(this.#meta));
  }

  /** See {@link Memberlist.updateNode}. */
  async update(options: UpdateNodeOptions): Promise<void> {
    const { delegates, engine } = this.#parts;
    if (engine.hasLeft) throw new MemberlistError("left", "this node has left the cluster: join again before updateNode");
    const meta = checkMeta(options.meta ?? delegates.nodeMeta(this.#meta));
    await this.#broadcastOut("updateNode", options, (finished) => {
      engine.update(meta, finished);
      this.#meta = meta;
    });
  }

  /** Waits until a broadcast is sent, or no other member is alive: the others may be leaving, too. */
  async #broadcastOut(what: string, options: WaitOptions, start: (finished: () => void) => void): Promise<void> {
    const { timeout = defaultTimeout, signal } = options;
    await this.#parts.operations.run<void>({ what, timeout, signal, stateChanged: true }, (resolve) => {
      this.#parts.run(() => start(() => resolve()));
      return this.#parts.watch(() => {
        if (!this.#parts.engine.hasLivePeer) resolve();
      });
    });
  }
}

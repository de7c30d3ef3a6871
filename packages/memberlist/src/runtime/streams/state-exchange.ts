import { encodeLongPushPull, nodesInOneGo, type YieldToEventLoop } from "../../wire/messages/push-pull.ts";
import type { PushNodeState } from "../../wire/messages/types.ts";
import type { RemoteState } from "../../wire/stream-frame.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Engine } from "../../swim/engine.ts";
import type { Delegates } from "../delegates.ts";

/** A node with more bytes than this, in its name and its metadata, counts for more than one. */
const usualBytes = 512;

export interface StateExchangeOptions {
  readonly engine: Engine;
  readonly delegates: Delegates;
  readonly clock: Clock;
  readonly isStopped: () => boolean;
  /** Runs an input of the engine. */
  readonly run: <T>(input: () => T) => T;
}

/** The two states of a push/pull: encodes our own and merges a peer's, both in parts, so that packets and timers get their turn. */
export class StateExchange {
  readonly #options: StateExchangeOptions;
  /** Lets packets and timers have their turn. */
  readonly yieldToEventLoop: YieldToEventLoop;

  constructor(options: StateExchangeOptions) {
    this.#options = options;
    this.yieldToEventLoop = () => new Promise((resolve) => options.clock.defer(resolve));
  }

  /** Our nodes and the delegate's state, as one push/pull message. */
  localState(join: boolean): Promise<Uint8Array> {
    const { delegates, engine } = this.#options;
    const userState = delegates.localState(join);
    return encodeLongPushPull(join, engine.localNodes(), userState, this.yieldToEventLoop);
  }

  /** See {@link Engine.dropsDuplicates}; a merge delegate is to see all nodes of a peer's state. */
  get dropsDuplicates(): boolean {
    const { delegates, engine } = this.#options;
    return engine.dropsDuplicates && !delegates.hasMergeDelegate;
  }

  /**
   * @param yieldToEventLoop awaited between parts of the work; what it throws ends the merge, and what was merged before stays
   * @throws MemberlistError `incompatible_versions` or `merge_refused`; nothing has changed then
   */
  async merge({ nodes, join, userState }: RemoteState, yieldToEventLoop: YieldToEventLoop): Promise<void> {
    const { delegates, engine, isStopped, run } = this.#options;
    const checks = engine.checkMerge(nodes, join);
    /** @returns where the next part begins; undefined while the checks go on */
    const part = (from: number): number | undefined => {
      if (from === 0 && checks.next().done !== true) return undefined;
      const end = partEnd(nodes, from);
      engine.mergeNodes(nodes.slice(from, end));
      return end;
    };
    let merged = 0;
    for (;;) {
      if (isStopped()) return;
      const end = run(() => part(merged));
      merged = end ?? 0;
      if (end === nodes.length) break;
      await yieldToEventLoop();
    }
    // A delegate that was notified of the merge may have shut us down.
    if (userState.length > 0 && !isStopped()) delegates.mergeRemoteState(userState, join);
  }
}

/** Where a part that begins at `from` ends: after {@link nodesInOneGo} nodes, or sooner where they are large. */
function partEnd(nodes: readonly PushNodeState[], from: number): number {
  let end = from;
  let work = 0;
  while (end < nodes.length && work < nodesInOneGo) {
    const { name, meta } = nodes[end++] as PushNodeState;
    work += 1 + Math.floor((name.length + meta.length) / usualBytes);
  }
  return end;
}

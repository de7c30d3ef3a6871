import { encodeLongPushPull } from "../../wire/messages/push-pull.ts";
import { TurnBudget, nodesInOneGo } from "../../util/turn-budget.ts";
import type { PushNodeState } from "../../wire/messages/types.ts";
import type { RemoteState } from "../../wire/stream-messages.ts";
import { nextTurn, type Clock, type YieldToEventLoop } from "../../ports/clock.ts";
import type { Engine } from "../../swim/engine.ts";
import type { Delegates } from "../delegates.ts";
import type { Stats } from "../stats.ts";

/** How long a merge runs in one turn of the event loop, in ms. */
const mergeTime = 4;
/** After so many nodes a merge passes on their events, and looks at the time. */
const mergedAtOnce = 50;
/** A node with more bytes than this, in its name and its metadata, counts for more than one. */
const usualBytes = 512;

export interface StateExchangeOptions {
  readonly engine: Engine;
  readonly delegates: Delegates;
  readonly clock: Clock;
  readonly stats: Stats;
  readonly isStopped: () => boolean;
  /** Runs an input of the engine. */
  readonly run: <T>(input: () => T) => T;
}

/** The part of the exchanged states that streams use. */
export type ExchangedStates = Pick<StateExchange, "localState" | "merge" | "nextPart" | "yieldToEventLoop" | "dropsDuplicates">;

/** The two states of a push/pull: encodes our own and merges a peer's, both in parts, so that packets and timers get their turn. */
export class StateExchange {
  readonly #options: StateExchangeOptions;
  /** Lets packets and timers have their turn. */
  readonly yieldToEventLoop: YieldToEventLoop;

  /**
   * Awaited before each part of the work for push/pulls, to read, write or merge up to {@link nodesInOneGo} nodes: one part is done in a turn of the event
   * loop, however many push/pulls there are.
   */
  readonly nextPart: YieldToEventLoop;

  constructor(options: StateExchangeOptions) {
    this.#options = options;
    this.yieldToEventLoop = () => nextTurn(options.clock);
    const parts = new TurnBudget(1, this.yieldToEventLoop);
    this.nextPart = async () => {
      // Work that the last part has deferred has its turn before the next part.
      await this.yieldToEventLoop();
      await parts.run(() => parts.spend(1));
    };
  }

  /** Our nodes and the delegate's state, as one push/pull message. */
  async localState(join: boolean): Promise<Uint8Array> {
    const { delegates, engine, stats } = this.#options;
    await this.nextPart();
    const userState = await delegates.localState(join);
    const message = await encodeLongPushPull(join, engine.pushPull.localNodes(), userState, this.nextPart);
    stats.gauge("memberlist.size.local", message.length);
    return message;
  }

  /** See {@link PushPull.dropsDuplicates}; a merge delegate is to see all nodes of a peer's state. */
  get dropsDuplicates(): boolean {
    const { delegates, engine } = this.#options;
    return engine.pushPull.dropsDuplicates && !delegates.hasMergeDelegate;
  }

  /**
   * @param nextPart {@link nextPart}, or a function that awaits it; what it throws ends the merge, and what was merged before stays
   * @throws MemberlistError `incompatible_versions` or `merge_refused`; nothing has changed then
   */
  async merge({ nodes, join, userState }: RemoteState, nextPart: YieldToEventLoop): Promise<void> {
    const { clock, delegates, engine, isStopped, run } = this.#options;
    const checks = engine.pushPull.check(nodes, join);
    for (let isChecked = false; !isChecked;) {
      await nextPart();
      if (isStopped()) return;
      isChecked = run(() => checks.next().done === true);
    }
    for (let merged = 0; merged < nodes.length;) {
      if (merged > 0) await nextPart();
      const end = partEnd(nodes, merged);
      const until = clock.now() + mergeTime;
      // While the code is cold, and memory grows, a node takes ten times as long as later.
      do {
        if (isStopped()) return;
        const next = Math.min(merged + mergedAtOnce, end);
        const some = nodes.slice(merged, next);
        run(() => engine.pushPull.merge(some));
        merged = next;
      } while (merged < end && clock.now() < until);
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

import type { ResolvedConfig } from "../config/config.ts";
import { errorMessage } from "../api/errors.ts";
import type { EngineEvent, Questions } from "../swim/effects.ts";
import type { Log } from "../ports/log.ts";
import type { Node } from "../api/node.ts";
import type { SelectPurpose } from "../api/select-nodes.ts";
import { emptyBytes } from "../wire/bytes.ts";
import { maxPushStateBytes, metaMaxSize } from "../wire/constants.ts";
import { DelegateGuard } from "./delegate-guard.ts";
import type { Stats } from "./stats.ts";
import type { UserBroadcasts } from "./user-broadcasts.ts";

/** The application: its six delegates and its callbacks, each asked and told under guard. */
export class Delegates implements Questions {
  readonly hasAliveDelegate: boolean;
  readonly hasMergeDelegate: boolean;
  readonly hasSelectNodes: boolean;
  readonly #config: ResolvedConfig;
  readonly #guard: DelegateGuard;
  readonly #log: Log;
  readonly #stats: Stats;
  /** The messages of `broadcast()`. */
  readonly #own: UserBroadcasts;
  /** Whether the messages of `broadcast()` come before the delegate's in the next packet: in turns, so that none starves. */
  #ownFirst = false;

  constructor(config: ResolvedConfig, log: Log, stats: Stats, own: UserBroadcasts) {
    this.#own = own;
    this.#config = config;
    this.#guard = new DelegateGuard(log, stats);
    this.#log = log;
    this.#stats = stats;
    this.hasAliveDelegate = config.alive !== undefined;
    this.hasMergeDelegate = config.merge !== undefined;
    this.hasSelectNodes = config.selectNodes !== undefined;
  }

  /** Tells the delegate whom it concerns. Suspicions and refutations concern none: they are for `events()`. */
  tell(event: EngineEvent): void {
    const { delegate, events, conflict, ping } = this.#config;
    const guard = this.#guard;
    switch (event.type) {
      case "message":
        guard.call("notifyMsg", undefined, () => delegate?.notifyMsg?.(event.message, event.from));
        break;
      case "pingComplete":
        guard.call("notifyPingComplete", undefined, () => ping?.notifyPingComplete?.(event.node, event.rtt, event.payload));
        break;
      case "join":
        guard.call("notifyJoin", undefined, () => events?.notifyJoin?.(event.node));
        break;
      case "leave":
        guard.call("notifyLeave", undefined, () => events?.notifyLeave?.(event.node));
        break;
      case "update":
        guard.call("notifyUpdate", undefined, () => events?.notifyUpdate?.(event.node));
        break;
      case "conflict":
        guard.call("notifyConflict", undefined, () => conflict?.notifyConflict(event.node, event.other));
        break;
      case "suspect":
      case "event_loop_blocked":
      case "alive":
      case "refute":
      case "isolated":
      case "healed":
        break;
    }
  }

  refusesAlive(node: Node): string | undefined {
    const objection = this.#guard.objection("notifyAlive", () => this.#config.alive?.notifyAlive(node));
    return objection === undefined ? undefined : errorMessage(objection);
  }

  refusesMerge(peers: readonly Node[]): unknown {
    return this.#guard.objection("notifyMerge", () => this.#config.merge?.notifyMerge(peers));
  }

  disablesTcpPings(node: string): boolean {
    const { disableTcpPings, disableTcpPingsForNode } = this.#config;
    return disableTcpPings || this.#guard.call("disableTcpPingsForNode", false, () => disableTcpPingsForNode?.(node) === true);
  }

  ackPayload(): Uint8Array {
    return this.#guard.bytes("ackPayload", emptyBytes, () => this.#config.ping?.ackPayload?.());
  }

  get hasUserBroadcasts(): boolean {
    return this.#own.hasAny || this.#config.delegate?.getBroadcasts !== undefined;
  }

  userBroadcasts(overhead: number, limit: number): readonly Uint8Array[] {
    this.#ownFirst = !this.#ownFirst;
    if (!this.#own.hasAny) return this.#delegateBroadcasts(overhead, limit);
    const fromOwn = (room: number): readonly Uint8Array[] => this.#own.getBroadcasts(overhead, room);
    const fromDelegate = (room: number): readonly Uint8Array[] => this.#delegateBroadcasts(overhead, room);
    const [first, second] = this.#ownFirst ? [fromOwn, fromDelegate] : [fromDelegate, fromOwn];
    const messages = first(limit);
    const left = messages.reduce((room, message) => room - overhead - message.length, limit);
    return left > overhead ? [...messages, ...second(left)] : messages;
  }

  #delegateBroadcasts(overhead: number, limit: number): readonly Uint8Array[] {
    const messages = this.#guard.bytesList("getBroadcasts", () => this.#config.delegate?.getBroadcasts?.(overhead, limit));
    let free = limit;
    return messages.filter((message) => {
      free -= overhead + message.length;
      if (free >= 0) return true;
      this.#stats.count("dropped.broadcast_over_limit");
      this.#log.warn(
        "broadcast_over_limit",
        "dropped a broadcast of the delegate: getBroadcasts returned more bytes than its limit",
        {
          size: message.length,
          limit,
        },
      );
      return false;
    });
  }

  selectNodes(purpose: SelectPurpose, candidates: readonly Node[]): readonly string[] {
    const answer: unknown = this.#guard.call<unknown>("selectNodes", [], () => this.#config.selectNodes?.(purpose, candidates));
    if (Array.isArray(answer)) return answer.map((node: unknown) => nameOf(node)).filter((name) => name !== undefined);
    this.#guard.report("selectNodes", new TypeError("it must return a list of nodes"));
    return [];
  }

  /** Our metadata as the delegate has it now; `fallback` where it has none to give. */
  nodeMeta(fallback: Uint8Array): Uint8Array {
    return this.#guard.bytes("nodeMeta", fallback, () => this.#config.delegate?.nodeMeta?.(metaMaxSize));
  }

  /** The application's state for a push/pull. */
  localState(join: boolean): Uint8Array {
    const state = this.#guard.bytes("localState", emptyBytes, () => this.#config.delegate?.localState?.(join));
    if (state.length <= maxPushStateBytes) return state;
    // Every peer would refuse the whole push/pull, our nodes included.
    this.#guard.report(
      "localState",
      new RangeError(`it returned ${state.length} bytes, but a push/pull carries at most ${maxPushStateBytes}`),
    );
    return emptyBytes;
  }

  mergeRemoteState(state: Uint8Array, join: boolean): void {
    this.#guard.call("mergeRemoteState", undefined, () => this.#config.delegate?.mergeRemoteState?.(state, join));
  }
}

function nameOf(node: unknown): string | undefined {
  if (typeof node !== "object" || node === null || !("name" in node)) return undefined;
  return typeof node.name === "string" ? node.name : undefined;
}

import type { ResolvedConfig } from "../config/config.ts";
import { errorMessage } from "../api/errors.ts";
import type { EngineEvent } from "../swim/outputs.ts";
import type { EngineDelegates } from "../swim/ports.ts";
import type { Log } from "../ports/log.ts";
import type { Node } from "../api/node.ts";
import type { SelectPurpose } from "../api/select-nodes.ts";
import { emptyBytes } from "../wire/bytes.ts";
import { maxPushStateBytes, metaMaxSize } from "../wire/constants.ts";
import { DelegateGuard } from "./delegate-guard.ts";
import type { Stats } from "./stats.ts";

/** The method of a delegate that is called for an event. */
const notifiedBy: Partial<Record<EngineEvent["type"], string>> = {
  message: "notifyMsg",
  pingComplete: "notifyPingComplete",
  join: "notifyJoin",
  leave: "notifyLeave",
  update: "notifyUpdate",
  conflict: "notifyConflict",
};

/** The six delegates and the callbacks of the config. Each call is guarded: what a delegate throws goes no further. */
export class Delegates implements EngineDelegates {
  readonly hasAliveDelegate: boolean;
  readonly hasMergeDelegate: boolean;
  readonly hasSelectNodes: boolean;
  readonly #config: ResolvedConfig;
  readonly #guard: DelegateGuard;
  readonly #log: Log;
  readonly #stats: Stats;

  constructor(config: ResolvedConfig, log: Log, stats: Stats) {
    this.#config = config;
    this.#guard = new DelegateGuard(log, stats);
    this.#log = log;
    this.#stats = stats;
    this.hasAliveDelegate = config.alive !== undefined;
    this.hasMergeDelegate = config.merge !== undefined;
    this.hasSelectNodes = config.selectNodes !== undefined;
  }

  /** Notifies the delegate that the event is for. Some events are for `events()` only. */
  notify(event: EngineEvent): void {
    const { delegate, events, conflict, ping } = this.#config;
    const method = notifiedBy[event.type];
    if (method === undefined) return;
    try {
      let result: unknown;
      // No closure for each call: there may be a message in every packet.
      if (event.type === "message") result = delegate?.notifyMsg?.(event.message, event.from);
      else if (event.type === "pingComplete") result = ping?.notifyPingComplete?.(event.node, event.rtt, event.payload);
      else if (event.type === "join") result = events?.notifyJoin?.(event.node);
      else if (event.type === "leave") result = events?.notifyLeave?.(event.node);
      else if (event.type === "update") result = events?.notifyUpdate?.(event.node);
      else if (event.type === "conflict") result = conflict?.notifyConflict(event.node, event.other);
      this.#guard.catchRejection(method, result);
    } catch (error) {
      this.#guard.report(method, error);
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

  get hasBroadcasts(): boolean {
    return this.#config.delegate?.getBroadcasts !== undefined;
  }

  getBroadcasts(overhead: number, limit: number): readonly Uint8Array[] {
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

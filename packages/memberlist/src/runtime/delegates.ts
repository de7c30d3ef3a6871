import type { Address } from "../api/address.ts";
import type { CountedName } from "../api/codes.ts";
import type { ResolvedConfig } from "../config/config.ts";
import { errorMessage } from "../api/errors.ts";
import type { EngineEvent } from "../swim/outputs.ts";
import type { EngineDelegates } from "../swim/ports.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Node } from "../api/node.ts";
import type { SelectPurpose } from "../api/delegates.ts";
import { atMost, late } from "../transport-kit/time-limit.ts";
import { emptyBytes } from "../wire/bytes.ts";
import { metaMaxSize } from "../wire/constants.ts";
import { isChannelMessage } from "../wire/channel-message.ts";
import { joinState, splitState, trailerBytes } from "../wire/channel-state.ts";
import { maxPushStateBytes } from "../wire/input-limits.ts";
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

/** Takes the messages and the state of channels. In a member's thread it passes them to the application. */
export interface ChannelLayer {
  /** Never throws. */
  receive(message: Uint8Array, from: Address): void;
  /** The encoded sections of all channels. Never rejects, but a layer in a thread may take as long as the application. */
  localState(join: boolean): Promise<Uint8Array>;
  mergeState(sections: Uint8Array, join: boolean): void;
}

/** The six delegates and the callbacks of the config. Each call is guarded: what a delegate throws goes no further. */
export class Delegates implements EngineDelegates {
  readonly hasAliveDelegate: boolean;
  readonly hasMergeDelegate: boolean;
  readonly hasSelectNodes: boolean;
  readonly guard: DelegateGuard;
  /** The member sets it before it starts. */
  channels: ChannelLayer | undefined;
  readonly #config: ResolvedConfig;
  readonly #log: Log;
  readonly #stats: Stats;

  constructor(config: ResolvedConfig, log: Log, stats: Stats) {
    this.#config = config;
    this.guard = new DelegateGuard(log, stats);
    this.#log = log;
    this.#stats = stats;
    this.hasAliveDelegate = config.alive !== undefined;
    this.hasMergeDelegate = config.merge !== undefined;
    this.hasSelectNodes = config.selectNodes !== undefined;
  }

  /** Notifies the delegate that the event is for. Some events are for `events()` only. */
  notify(event: EngineEvent): void {
    const method = notifiedBy[event.type];
    if (method === undefined) return;
    if (event.type === "message" && this.channels !== undefined && isChannelMessage(event.message)) {
      this.channels.receive(event.message, event.from);
      return;
    }
    try {
      // No closure for each call: there may be a message in every packet.
      const isTraced = this.#stats.diagnostics.delegate.isOn && this.#has(method);
      const result = isTraced ? this.#trace(method, event) : this.#call(event);
      this.guard.catchRejection(method, result);
    } catch (error) {
      this.guard.report(method, error);
    }
  }

  /** A function of its own: one that has closures allocates their context at each call, traced or not. */
  #trace(method: string, event: EngineEvent): unknown {
    const { delegate, node } = this.#stats.diagnostics;
    return delegate.traceSync(
      () => ({ node, method }),
      () => this.#call(event),
    );
  }

  #call(event: EngineEvent): unknown {
    const { delegate, events, conflict, ping } = this.#config;
    if (event.type === "message") return delegate?.notifyMsg?.(event.message, event.from);
    if (event.type === "pingComplete") return ping?.notifyPingComplete?.(event.node, event.rtt, event.payload);
    if (event.type === "join") return events?.notifyJoin?.(event.node);
    if (event.type === "leave") return events?.notifyLeave?.(event.node);
    if (event.type === "update") return events?.notifyUpdate?.(event.node);
    if (event.type === "conflict") return conflict?.notifyConflict(event.node, event.other);
    return undefined;
  }

  /** Whether one of the delegates for events has this method. */
  #has(method: string): boolean {
    const { delegate, events, conflict, ping } = this.#config;
    return [delegate, events, conflict, ping].some((one) => one !== undefined && method in one);
  }

  refusesAlive(node: Node): string | undefined {
    const objection = this.guard.objection("notifyAlive", () => this.#config.alive?.notifyAlive(node));
    return objection === undefined ? undefined : errorMessage(objection);
  }

  refusesMerge(peers: readonly Node[]): unknown {
    return this.guard.objection("notifyMerge", () => this.#config.merge?.notifyMerge(peers));
  }

  disablesTcpPings(node: string): boolean {
    const { disableTcpPings, disableTcpPingsForNode } = this.#config;
    if (disableTcpPings || disableTcpPingsForNode === undefined) return disableTcpPings;
    return this.guard.call("disableTcpPingsForNode", false, () => (disableTcpPingsForNode(node) as unknown) === true);
  }

  ackPayload(): Uint8Array {
    const { ping } = this.#config;
    if (ping?.ackPayload === undefined) return emptyBytes;
    return this.guard.bytes(
      "ackPayload",
      emptyBytes,
      this.guard.call<unknown>("ackPayload", emptyBytes, () => ping.ackPayload?.()),
    );
  }

  get hasBroadcasts(): boolean {
    return this.#config.delegate?.getBroadcasts !== undefined;
  }

  getBroadcasts(overhead: number, limit: number): readonly Uint8Array[] {
    if (!this.hasBroadcasts) return [];
    const messages = this.guard.bytesList("getBroadcasts", () => this.#config.delegate?.getBroadcasts?.(overhead, limit));
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
    const answer: unknown = this.guard.call<unknown>("selectNodes", [], () => this.#config.selectNodes?.(purpose, candidates));
    if (Array.isArray(answer)) return answer.map((node: unknown) => nameOf(node)).filter((name) => name !== undefined);
    this.guard.report("selectNodes", new TypeError("it must return a list of nodes"));
    return [];
  }

  /** Our metadata as the delegate has it now; `fallback` where it has none to give. */
  nodeMeta(fallback: Uint8Array): Uint8Array {
    const { delegate } = this.#config;
    if (delegate?.nodeMeta === undefined) return fallback;
    return this.guard.bytes(
      "nodeMeta",
      fallback,
      this.guard.call<unknown>("nodeMeta", fallback, () => delegate.nodeMeta?.(metaMaxSize)),
    );
  }

  /** The state of the delegate and of the channels for a push/pull. Never rejects. */
  async localState(join: boolean): Promise<Uint8Array> {
    const { clock, tcpTimeout } = this.#config;
    const { channels } = this;
    const [own, sections] = await Promise.all([
      this.delegateState(join),
      channels === undefined
        ? emptyBytes
        : this.guard.state("localState", () => channels.localState(join), clock, tcpTimeout / 2),
    ]);
    const size = own.length + sections.length + trailerBytes;
    if (size <= maxPushStateBytes || sections.length === 0) return joinState(own, sections);
    this.guard.report("localState", stateTooLong(size));
    return own;
  }

  /** The delegate's part of {@link localState}. */
  async delegateState(join: boolean): Promise<Uint8Array> {
    const { clock, delegate, tcpTimeout } = this.#config;
    if (delegate?.localState === undefined) return emptyBytes;
    const state = await this.guard.state("localState", () => delegate.localState?.(join), clock, tcpTimeout / 2);
    if (state.length <= maxPushStateBytes) return state;
    // Every peer would refuse the whole push/pull, our nodes included.
    this.guard.report("localState", stateTooLong(state.length));
    return emptyBytes;
  }

  /** Passes a peer's state to the delegate and the channels. */
  mergeRemoteState(state: Uint8Array, join: boolean): void {
    if (this.channels === undefined) {
      this.mergeDelegateState(state, join);
      return;
    }
    const { delegateState, isMalformed, sections } = splitState(state);
    if (isMalformed) this.count("dropped.bad_channel_state");
    if (delegateState.length > 0) this.mergeDelegateState(delegateState, join);
    if (sections !== undefined) this.channels.mergeState(sections, join);
  }

  mergeDelegateState(state: Uint8Array, join: boolean): void {
    const { delegate } = this.#config;
    if (delegate?.mergeRemoteState === undefined) return;
    this.guard.call("mergeRemoteState", undefined, () => delegate.mergeRemoteState?.(state, join));
  }

  count(name: CountedName, from?: Address): void {
    this.#stats.count(name, 1, from);
  }
}

function stateTooLong(bytes: number): RangeError {
  return new RangeError(`the state has ${bytes} bytes, but a push/pull carries at most ${maxPushStateBytes}`);
}

function nameOf(node: unknown): string | undefined {
  if (typeof node !== "object" || node === null || !("name" in node)) return undefined;
  return typeof node.name === "string" ? node.name : undefined;
}

/** Calls the application's delegates. What they throw, or reject with, is logged and counted, and goes no further. */
export class DelegateGuard {
  readonly #log: Log;
  readonly #stats: Stats;

  constructor(log: Log, stats: Stats) {
    this.#log = log;
    this.#stats = stats;
  }

  /** @param fallback what is returned in place of a result where the delegate threw */
  call<T>(method: string, fallback: T, call: () => T): T {
    try {
      const result = this.#trace(method, call);
      this.catchRejection(method, result);
      return result;
    } catch (error) {
      this.report(method, error);
      return fallback;
    }
  }

  /** A result that must be bytes. Anything else is an error of the delegate, too. */
  bytes(method: string, fallback: Uint8Array, result: unknown): Uint8Array {
    if (result === undefined) return fallback;
    if (result instanceof Uint8Array) return result;
    this.report(method, new TypeError("it must return a Uint8Array"));
    return fallback;
  }

  /** The result of a promise; undefined if it rejects, which {@link call} reports, or has none after `timeout` ms. */
  async settled(method: string, result: PromiseLike<unknown>, clock: Clock, timeout: number): Promise<unknown> {
    const settled = Promise.resolve(result).then(undefined, () => undefined);
    const value = await atMost(timeout, settled, clock);
    if (value !== late) return value;
    this.report(method, new Error(`the promise did not resolve within ${timeout} ms`));
    return undefined;
  }

  /** The bytes that a call returns or promises. Empty if it fails, or takes longer than `timeout` ms. Never rejects. */
  async state(method: string, call: () => unknown, clock: Clock, timeout: number): Promise<Uint8Array> {
    const answer = this.call<unknown>(method, emptyBytes, call);
    const within = isPromise(answer) ? this.settled(method, answer, clock, timeout) : answer;
    return this.bytes(method, emptyBytes, await within);
  }

  /** As {@link bytes}, for a list of them. */
  bytesList(method: string, call: () => readonly Uint8Array[] | undefined): readonly Uint8Array[] {
    const result: unknown = this.call<unknown>(method, [], call) ?? [];
    if (Array.isArray(result) && result.every((item) => item instanceof Uint8Array)) return result;
    this.report(method, new TypeError("it must return a list of Uint8Arrays"));
    return [];
  }

  /** Asks a delegate for its consent. @returns what it threw, or undefined when it did not object */
  objection(method: string, call: () => void): unknown {
    try {
      this.catchRejection(method, this.#trace(method, call));
      return undefined;
    } catch (error) {
      return error ?? "no reason given";
    }
  }

  /** A delegate may be an async function although its result is not awaited: its rejection must not end the process. */
  catchRejection(method: string, result: unknown): void {
    if (isPromise(result)) result.then(undefined, (error: unknown) => this.report(method, error));
  }

  #trace<T>(method: string, call: () => T): T {
    const { delegate, node } = this.#stats.diagnostics;
    return delegate.traceSync(() => ({ node, method }), call);
  }

  /** Logs and counts an error of a delegate. */
  report(method: string, error: unknown): void {
    this.#stats.count("delegate_failed");
    this.#log.error("delegate_failed", `the delegate's ${method} failed: ${errorMessage(error)}`, { method, error });
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as PromiseLike<unknown>).then === "function";
}

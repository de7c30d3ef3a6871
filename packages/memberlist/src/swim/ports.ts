import type { CounterName, LogCode } from "../api/codes.ts";
import type { Node } from "../api/node.ts";
import type { SelectPurpose } from "../api/delegates.ts";

/** The delegates and callbacks that the engine asks while it handles an input. The runtime guards them: none throws. */
export interface EngineDelegates {
  /** @returns why the node is refused, or undefined */
  refusesAlive(node: Node): string | undefined;
  readonly hasAliveDelegate: boolean;
  /** @returns why the merge is refused, or undefined */
  refusesMerge(peers: readonly Node[]): unknown;
  readonly hasMergeDelegate: boolean;
  /** Whether pings over a stream are off for this node. */
  disablesTcpPings(node: string): boolean;
  ackPayload(): Uint8Array;
  /** Whether the delegate has a `getBroadcasts`. */
  readonly hasBroadcasts: boolean;
  getBroadcasts(overhead: number, limit: number): readonly Uint8Array[];
  /** Whether the config has a `selectNodes`. */
  readonly hasSelectNodes: boolean;
  /** @returns the names of the selected; none if the callback failed */
  selectNodes(purpose: SelectPurpose, candidates: readonly Node[]): readonly string[];
}

/** Log lines, each with a stable code. */
export interface EngineLog {
  debug(code: LogCode, message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(code: LogCode, message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(code: LogCode, message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Counters and metrics. */
export interface EngineStats {
  /** Counts something for `members.counters()`, `times` times. Default 1. */
  count(name: CounterName, times?: number): void;
  increment(metric: string, value: number): void;
  gauge(metric: string, value: number): void;
  sample(metric: string, value: number): void;
}

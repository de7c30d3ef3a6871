import type { Address } from "../api/address.ts";
import type { CountedName, LogCode } from "../api/codes.ts";
import type { Node } from "../api/node.ts";
import type { SelectPurpose } from "../api/delegates.ts";
import type { MetricOf } from "../metrics/catalogue.ts";
import type { Diagnostics } from "../ports/diagnostics.ts";
import type { MetricLabels } from "../ports/metrics.ts";

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
  readonly diagnostics: Diagnostics;
  /**
   * Counts something for `members.counters()`, `times` times. Default 1. A count is a metric, too.
   *
   * @param from who sent what was dropped, where that is known
   */
  count(name: CountedName, times?: number, from?: Address): void;
  increment(metric: MetricOf<"counter">, value: number): void;
  gauge(metric: MetricOf<"gauge">, value: number, labels?: MetricLabels): void;
  sample(metric: MetricOf<"sample">, value: number): void;
  /**
   * Measures how long something takes, outside of the engine's time, which stands still meanwhile.
   *
   * @returns a function that samples the time since this call; undefined without a collector
   */
  measure(metric: MetricOf<"sample">): (() => void) | undefined;
  /** Reports metrics that are read from time to time, instead of when they change. Called every `queueCheckInterval`. */
  collect(): void;
}

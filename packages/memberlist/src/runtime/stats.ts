import { formatAddress, type Address } from "../api/address.ts";
import type { CountedName, CounterName } from "../api/codes.ts";
import { errorMessage } from "../api/errors.ts";
import type { Traffic } from "../api/stats.ts";
import type { MetricName, MetricOf } from "../metrics/catalogue.ts";
import type { Clock } from "../ports/clock.ts";
import { Diagnostics } from "../ports/diagnostics.ts";
import type { Log } from "../ports/log.ts";
import type { MetricLabels, Metrics } from "../ports/metrics.ts";
import type { EngineStats } from "../swim/ports.ts";

/** The traffic of a node at its start. */
export const noTraffic: Traffic = Object.freeze({
  packetsSent: 0,
  packetBytesSent: 0,
  packetsReceived: 0,
  packetBytesReceived: 0,
  streamsOpened: 0,
  streamsAccepted: 0,
  streamBytesSent: 0,
  streamBytesReceived: 0,
});

/** Counters that are one metric together: the part of the name before the first dot, and the label that the rest becomes. */
const labelOf = {
  dropped: "reason",
  stream_dropped: "reason",
  broadcast_dropped: "reason",
  limit: "limit",
  healing: "result",
} as const;

type Family = keyof typeof labelOf;

/** The metric of a counter. */
type CounterMetric<Name extends CountedName> = Name extends `${infer First extends Family}.${string}`
  ? `memberlist.${First}`
  : `memberlist.${Name}`;

/** A metric and its labels. */
interface Series {
  readonly metric: MetricOf<"counter">;
  readonly labels: MetricLabels;
}

export interface StatsOptions {
  /** Default none. */
  readonly metrics?: Metrics | undefined;
  /** Default none. */
  readonly labels?: MetricLabels;
  readonly clock: Clock;
  readonly log: Log;
  /** Default: without subscribers. */
  readonly diagnostics?: Diagnostics;
  /** Those of the transport, by name. Default none. */
  readonly transportCounters?: () => Readonly<Record<string, number>>;
}

/** Counts for `members.counters()` and `members.traffic()`, and metrics for the collector. */
export class Stats implements EngineStats {
  readonly traffic: { -readonly [Count in keyof Traffic]: number } = { ...noTraffic };
  readonly #options: Required<Omit<StatsOptions, "diagnostics" | "metrics">> & Pick<StatsOptions, "metrics">;
  readonly #counters: Map<CounterName, number> = new Map();
  readonly #series: Map<CountedName, Series> = new Map();

  readonly diagnostics: Diagnostics;

  constructor(options: StatsOptions) {
    this.diagnostics = options.diagnostics ?? new Diagnostics("");
    this.#options = { labels: {}, transportCounters: () => ({}), ...options };
  }

  count(name: CountedName, times: number = 1, from?: Address): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + times);
    if (this.diagnostics.drop.hasSubscribers) this.#publishDrop(name, times, from);
    if (this.#options.metrics === undefined) return;
    let series = this.#series.get(name);
    if (series === undefined) this.#series.set(name, (series = this.#seriesOf(name)));
    this.send("increment", series.metric, times, series.labels);
  }

  increment(metric: MetricOf<"counter">, value: number): void {
    this.send("increment", metric, value, this.#options.labels);
  }

  gauge(metric: MetricOf<"gauge">, value: number, labels?: MetricLabels): void {
    const { labels: common, metrics } = this.#options;
    if (metrics !== undefined) this.send("gauge", metric, value, labels === undefined ? common : { ...common, ...labels });
  }

  sample(metric: MetricOf<"sample">, value: number): void {
    this.send("sample", metric, value, this.#options.labels);
  }

  measure(metric: MetricOf<"sample">): (() => void) | undefined {
    const { clock, metrics } = this.#options;
    if (metrics === undefined) return undefined;
    const begun = clock.now();
    return () => this.sample(metric, clock.now() - begun);
  }

  collect(): void {
    const { metrics, transportCounters } = this.#options;
    if (metrics === undefined) return;
    for (const [counter, value] of Object.entries(transportCounters())) this.gauge("memberlist.transport", value, { counter });
  }

  /** Those of this node, and, with the prefix `transport.`, those of its transport. */
  counters(): Readonly<Record<string, number>> {
    const ofTransport = Object.entries(this.#options.transportCounters()).map(([name, count]) => [`transport.${name}`, count]);
    return Object.fromEntries([...this.#counters, ...ofTransport]);
  }

  #publishDrop(counter: CountedName, count: number, from: Address | undefined): void {
    const { drop, node } = this.diagnostics;
    const [family] = split(counter);
    if (!(family in labelOf) || family === "healing") return;
    drop.publish({ node, counter, count, from: from === undefined ? undefined : formatAddress(from) });
  }

  #seriesOf(name: CountedName): Series {
    const { labels } = this.#options;
    const [family, value] = split(name);
    if (!(family in labelOf)) return { metric: `memberlist.${name}` as CounterMetric<CountedName>, labels };
    return { metric: `memberlist.${family as Family}`, labels: { ...labels, [labelOf[family as Family]]: value } };
  }

  /** Passes one value to the collector. A collector that throws or rejects must not stop the protocol: the counters and the log show its error. */
  send(kind: keyof Metrics, metric: MetricName, value: number, labels: MetricLabels): void {
    const { metrics } = this.#options;
    if (metrics === undefined) return;
    try {
      const result: unknown = metrics[kind](metric, value, labels);
      if (result instanceof Promise) result.catch(this.#failed);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** This count is not a metric: it would fail as well. */
  readonly #failed = (error: unknown): void => {
    this.#counters.set("metrics_failed", (this.#counters.get("metrics_failed") ?? 0) + 1);
    this.#options.log.warn("metrics_failed", `the metrics collector failed: ${errorMessage(error)}`, { error });
  };
}

function split(name: string): [family: string, rest: string] {
  const dot = name.indexOf(".");
  return dot < 0 ? [name, ""] : [name.slice(0, dot), name.slice(dot + 1)];
}

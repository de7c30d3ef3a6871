import type { CounterName } from "../api/codes.ts";
import type { Traffic } from "../api/stats.ts";
import type { EngineStats } from "../swim/ports.ts";
import type { MetricLabels, Metrics } from "../ports/metrics.ts";

/** Counts for `members.counters()` and `members.traffic()`, and metrics for whoever collects them. */
export class Stats implements EngineStats {
  readonly traffic: { -readonly [Count in keyof Traffic]: number } = {
    packetsSent: 0,
    packetBytesSent: 0,
    packetsReceived: 0,
    packetBytesReceived: 0,
    streamsOpened: 0,
    streamsAccepted: 0,
    streamBytesSent: 0,
    streamBytesReceived: 0,
  };
  readonly #counters: Map<CounterName, number> = new Map();
  readonly #metrics: Metrics | undefined;
  readonly #labels: MetricLabels;

  constructor(metrics: Metrics | undefined, labels: MetricLabels) {
    this.#metrics = metrics;
    this.#labels = labels;
  }

  /** A count is a metric, too: `memberlist.` and its name. */
  count(name: CounterName, times: number = 1): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + times);
    this.increment(`memberlist.${name}`, times);
  }

  increment(metric: string, value: number): void {
    this.#send((metrics) => metrics.increment(metric, value, this.#labels));
  }

  gauge(metric: string, value: number, labels?: MetricLabels): void {
    this.#send((metrics) => metrics.gauge(metric, value, labels === undefined ? this.#labels : { ...this.#labels, ...labels }));
  }

  sample(metric: string, value: number): void {
    this.#send((metrics) => metrics.sample(metric, value, this.#labels));
  }

  counters(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counters);
  }

  readonly #failed = (): void => {
    this.#counters.set("metrics_failed", (this.#counters.get("metrics_failed") ?? 0) + 1);
  };

  /** A collector that throws, or rejects, must not stop the protocol; it shows in the counters. */
  #send(send: (metrics: Metrics) => unknown): void {
    if (this.#metrics === undefined) return;
    try {
      const result: unknown = send(this.#metrics);
      if (result instanceof Promise) result.catch(this.#failed);
    } catch {
      this.#failed();
    }
  }
}

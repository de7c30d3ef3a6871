import type { MetricName } from "../metrics/catalogue.ts";
import type { MetricLabels, Metrics } from "../ports/metrics.ts";
import type { MetricUpdate } from "./thread-messages.ts";

/** The most samples of one metric in a feed. Further ones are dropped. */
const maxSamples = 1_024;
/** How many labels are known by their identity. Gauges have new ones each time. */
const maxKnown = 64;

type Update = MetricUpdate & { readonly values: number[] };

/** Collects metrics for the application's collector: sums of counters, the last value of gauges, and samples. */
export class MetricsBuffer implements Metrics {
  readonly #onAdded: () => void;
  /** By name and labels. */
  readonly #updates: Map<string, Update> = new Map();
  /** By the identity of the labels, and by name: each packet changes a counter, and the core usually passes the same object for the same labels. */
  readonly #known: Map<MetricLabels, Map<MetricName, Update>> = new Map();

  constructor(onAdded: () => void) {
    this.#onAdded = onAdded;
  }

  increment(name: MetricName, value: number, labels: MetricLabels): void {
    const { values } = this.#of("increment", name, labels);
    values[0] = (values[0] ?? 0) + value;
  }

  gauge(name: MetricName, value: number, labels: MetricLabels): void {
    this.#of("gauge", name, labels).values[0] = value;
  }

  sample(name: MetricName, value: number, labels: MetricLabels): void {
    const { values } = this.#of("sample", name, labels);
    if (values.length < maxSamples) values.push(value);
  }

  take(): MetricUpdate[] {
    const taken = [...this.#updates.values()];
    this.#updates.clear();
    this.#known.clear();
    return taken;
  }

  #of(kind: keyof Metrics, name: MetricName, labels: MetricLabels): Update {
    let known = this.#known.get(labels);
    if (known === undefined) {
      if (this.#known.size >= maxKnown) return this.#find(kind, name, labels);
      this.#known.set(labels, (known = new Map()));
    }
    let update = known.get(name);
    if (update === undefined) known.set(name, (update = this.#find(kind, name, labels)));
    return update;
  }

  #find(kind: keyof Metrics, name: MetricName, labels: MetricLabels): Update {
    const key = `${name} ${JSON.stringify(labels)}`;
    let update = this.#updates.get(key);
    if (update === undefined) {
      update = { kind, name, labels, values: [] };
      this.#updates.set(key, update);
      this.#onAdded();
    }
    return update;
  }
}

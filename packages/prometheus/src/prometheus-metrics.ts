import { MemberlistError } from "@memberlist/core";
import { metricCatalogue, type Metric, type MetricName, type Metrics } from "@memberlist/core/metrics";
import { Counter, Gauge, Histogram, register as defaultRegister, Summary, type Registry } from "prom-client";

/** How {@link prometheusMetrics} registers the metrics. */
export interface PrometheusOptions {
  /** The registry. Default: prom-client's own, `register`. */
  readonly register?: Registry;
  /**
   * The names of all labels in the `metricLabels` of the members that share these metrics. Prometheus has to know them beforehand. Default
   * none.
   */
  readonly labelNames?: readonly string[];
  /**
   * What samples become: a `summary` with the quantiles that the Go library's Prometheus sink has (0.5, 0.9 and 0.99 over ten seconds), so that
   * dashboards for Go work; or a `histogram` with the buckets of the catalogue, which can be added up over members. Default `summary`.
   */
  readonly samples?: "summary" | "histogram";
}

/** Metrics that prom-client collects. */
export interface PrometheusMetrics extends Metrics {
  /** The registry that has them: `await register.metrics()` is the body of a `/metrics` response. */
  readonly register: Registry;
}

/** As the Go library's sink has them. */
const summary = { percentiles: [0.5, 0.9, 0.99], maxAgeSeconds: 10, ageBuckets: 5 };

/**
 * Registers every metric of the catalogue, for `config.metrics`. Names are those of the Go library's Prometheus sink: `memberlist.udp.sent` is
 * `memberlist_udp_sent`. Several members in one process share one such object; `metricLabels` of their configs keep them apart.
 *
 * @throws MemberlistError `invalid_argument` if a metric of one of the names is registered already; nothing is registered then
 *
 * @example
 * const metrics = prometheusMetrics({ labelNames: ["node"] });
 * const members = await createMemberlist({ ...lanConfig(), name: "web-1", metrics, metricLabels: { node: "web-1" } });
 * const body = await metrics.register.metrics();
 */
export function prometheusMetrics(options: PrometheusOptions = {}): PrometheusMetrics {
  const { register = defaultRegister, labelNames = [], samples = "summary" } = options;
  const taken = metricCatalogue.map(({ name }) => prometheusName(name)).find((name) => register.getSingleMetric(name));
  if (taken !== undefined) {
    throw new MemberlistError(
      "invalid_argument",
      `${taken} is registered already: call prometheusMetrics once, and share its result between members (metricLabels keeps them apart); or pass another register`,
      { details: { name: taken } },
    );
  }
  const counters = new Map<MetricName, Counter>();
  const gauges = new Map<MetricName, Gauge>();
  const distributions = new Map<MetricName, Summary | Histogram>();
  for (const metric of metricCatalogue) {
    const { name, kind, buckets } = metric;
    const common = { ...describe(metric, labelNames), registers: [register] };
    if (kind === "counter") counters.set(name, new Counter(common));
    else if (kind === "gauge") gauges.set(name, new Gauge(common));
    else if (samples === "summary") distributions.set(name, new Summary({ ...common, ...summary }));
    else distributions.set(name, new Histogram({ ...common, buckets: [...buckets] }));
  }
  return {
    register,
    increment: (name, value, labels) => counters.get(name)?.inc(labels, value),
    gauge: (name, value, labels) => gauges.get(name)?.set(labels, value),
    sample: (name, value, labels) => distributions.get(name)?.observe(labels, value),
  };
}

/** The name that Prometheus has for a metric. */
function prometheusName(name: MetricName): string {
  return name.replaceAll(".", "_");
}

function describe(
  { name, help, labels, unit }: Metric,
  labelNames: readonly string[],
): { name: string; help: string; labelNames: string[] } {
  return { name: prometheusName(name), help: `${help} Unit: ${unit}.`, labelNames: [...labelNames, ...labels] };
}

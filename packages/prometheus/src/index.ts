/** `@memberlist/prometheus`: memberlist's metrics in a registry of prom-client. */
export { prometheusMetrics, type PrometheusMetrics, type PrometheusOptions } from "./prometheus-metrics.ts";

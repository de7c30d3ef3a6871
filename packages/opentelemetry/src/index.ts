/** `@memberlist/opentelemetry`: memberlist's metrics and spans for the OpenTelemetry API. */
export { openTelemetryMetrics, type OpenTelemetryMetricsOptions } from "./metrics.ts";
export { traceMemberlist, type SpanOperation, type TraceOptions } from "./spans.ts";

/** `@memberlist/opentelemetry`: memberlist's metrics and spans by the API of OpenTelemetry. */
export { openTelemetryMetrics, type OpenTelemetryMetricsOptions } from "./metrics.ts";
export { traceMemberlist, type SpanOperation, type TraceOptions } from "./spans.ts";

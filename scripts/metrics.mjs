// Writes docs/reference/metrics.md from the catalogue of metrics.
// usage: node scripts/metrics.mjs           writes the page
//        node scripts/metrics.mjs --check   fails when it is out of date
import { transform } from "esbuild";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const page = "docs/reference/metrics.md";
const source = "packages/memberlist/src/metrics/catalogue.ts";

const { code } = await transform(readFileSync(source, "utf8"), { loader: "ts" });
const { metricCatalogue } = await import(`data:text/javascript;base64,${Buffer.from(code).toString("base64")}`);

const cell = (text) => text.replaceAll("|", "\\|");
const rows = metricCatalogue.map(({ name, kind, unit, help, labels }) => {
  const labelled = labels.map((label) => `\`${label}\``).join(", ");
  return `| \`${name}\` | ${kind} | ${unit} | ${labelled} | ${cell(help)} |`;
});
const buckets = new Map(metricCatalogue.filter(({ kind }) => kind === "sample").map((metric) => [metric.unit, metric.buckets]));
const text = `# Metrics

Each member reports these metrics to \`config.metrics\`. [Metrics, tracing and logs](../guide/metrics.md) shows how to collect them. \`@memberlist/core/metrics\` exports the
same table as \`metricCatalogue\`. Written by \`node scripts/metrics.mjs\`.

Prometheus has each name with \`_\` for \`.\`: \`memberlist_udp_sent\`. OpenTelemetry has it as it is. A counter only rises, a gauge goes up and down, and a sample is one value of a
distribution. Every metric has the labels of \`config.metricLabels\`, too.

| metric | kind | unit | labels | meaning |
| --- | --- | --- | --- | --- |
${rows.join("\n")}

The values of \`reason\`, \`limit\` and \`counter\` are in [codes](codes.md#counters). \`node_state\` is \`alive\`, \`suspect\`, \`dead\` or \`left\`; \`result\` is \`reached\` or \`failed\`.

The upper bounds of histogram buckets:

${[...buckets].map(([unit, bounds]) => `- ${unit}: ${bounds.map((bound) => bound.toLocaleString("en-US")).join("; ")}`).join("\n")}

The Go library has 18 of these metrics, with the same names and units. The value of its \`memberlist.size.local\` (0.7.0) is not the size of the state; here it is.
`;

if (!process.argv.includes("--check")) {
  writeFileSync(page, text);
} else if (!existsSync(page) || readFileSync(page, "utf8") !== text) {
  console.error(`metrics: ${page} is out of date: run node scripts/metrics.mjs`);
  process.exit(1);
}
console.log(`metrics: ${metricCatalogue.length} in ${page}`);

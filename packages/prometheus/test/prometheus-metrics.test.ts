import parsePrometheusTextFormat, { type ParsedMetric } from "parse-prometheus-text-format";
import { Counter, Registry, register as defaultRegister } from "prom-client";
import { afterEach, describe, expect, it } from "vitest";
import { createMemberlist, lanConfig, type Config, type Memberlist } from "@memberlist/core";
import { metricCatalogue } from "@memberlist/core/metrics";
import { MemoryNetwork, SeededRandom, VirtualClock } from "@memberlist/core/testing";
import { prometheusMetrics, type PrometheusMetrics } from "../src/index.ts";

const clock = new VirtualClock();
const network = new MemoryNetwork({ clock, random: new SeededRandom(1) });
const members: Memberlist[] = [];

async function start(name: string, config: Partial<Config> = {}): Promise<Memberlist> {
  const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
  const base = {
    ...lanConfig(),
    name,
    logger,
    transport: network.transport(),
    clock,
    random: new SeededRandom(name),
    label: "shop",
  };
  const node = await createMemberlist({ ...base, ...config, ...(config.logOutput === undefined ? {} : { logger: undefined }) });
  members.push(node);
  return node;
}

function ignore(): void {}

/** Starts two members that share metrics, joins them, and waits some seconds. */
async function pair(metrics: PrometheusMetrics): Promise<[Memberlist, Memberlist]> {
  const [a, b] = [
    await start("a", { metrics, metricLabels: { node: "a" }, queueCheckInterval: 500 }),
    await start("b", { metrics, metricLabels: { node: "b" } }),
  ];
  const { addr, port } = b.localNode();
  await clock.settle(a.join([`b/${addr}:${port}`]), { limit: 60_000 });
  await clock.advance(5_000);
  return [a, b];
}

async function scrape(register: Registry): Promise<Map<string, ParsedMetric>> {
  const parsed = parsePrometheusTextFormat(await register.metrics());
  return new Map(parsed.map((metric) => [metric.name, metric]));
}

function value(metrics: Map<string, ParsedMetric>, name: string, labels: Readonly<Record<string, string>>): number {
  const found = metrics.get(name)?.metrics.find((one) => Object.entries(labels).every(([key, of]) => one.labels?.[key] === of));
  return Number(found?.value);
}

afterEach(async () => {
  for (const node of members.splice(0)) await node.shutdown();
  await clock.advance(1_000);
  defaultRegister.clear();
});

describe("prometheusMetrics", () => {
  it("exposes every metric of the catalogue under its name in the Go library's sink, in a format that a parser accepts", async () => {
    const metrics = prometheusMetrics({ register: new Registry(), labelNames: ["node"] });
    await pair(metrics);
    const exposed = await scrape(metrics.register);
    const types = { counter: "COUNTER", gauge: "GAUGE", sample: "SUMMARY" } as const;
    expect([...exposed].map(([name, { type }]) => [name, type])).toEqual(
      metricCatalogue.map(({ name, kind }) => [name.replaceAll(".", "_"), types[kind]]),
    );
    expect([...exposed.values()].filter(({ help }) => !/^[A-Z].*\. Unit: \w+\.$/.test(help))).toEqual([]);
  });

  it("distinguishes members that share the metrics by their labels", async () => {
    const metrics = prometheusMetrics({ register: new Registry(), labelNames: ["node"] });
    const [a] = await pair(metrics);
    const before = await scrape(metrics.register);
    expect(value(before, "memberlist_node_instances", { node: "a", node_state: "alive" })).toBe(2);
    expect(value(before, "memberlist_node_instances", { node: "b", node_state: "dead" })).toBe(0);
    expect(value(before, "memberlist_tcp_connect", { node: "a" })).toBe(1);
    expect(value(before, "memberlist_tcp_accept", { node: "b" })).toBe(1);
    expect(value(before, "memberlist_health_score", { node: "b" })).toBe(0);
    expect(value(before, "memberlist_udp_sent", { node: "a" })).toBe(value(before, "memberlist_udp_received", { node: "b" }));
    expect(value(before, "memberlist_udp_sent", { node: "a" })).toBeGreaterThan(100);

    const stranger = network.transport();
    const { addr: host, port } = a.localNode();
    stranger.writeTo(Uint8Array.of(99), { host, port, name: "" });
    await clock.advance(10);
    const after = await scrape(metrics.register);
    expect(value(after, "memberlist_dropped", { node: "a", reason: "label_mismatch" })).toBe(1);
    await stranger.shutdown();
  });

  it("makes summaries of samples with the Go library's quantiles", async () => {
    const metrics = prometheusMetrics({ register: new Registry(), labelNames: ["node"] });
    await pair(metrics);
    const text = await metrics.register.metrics();
    const quantiles = [...text.matchAll(/^memberlist_probe_rtt\{quantile="([^"]+)",node="a"\} (.+)$/gm)].map(
      ([, ...found]) => found,
    );
    expect(quantiles).toEqual([
      ["0.5", "2"],
      ["0.9", "2"],
      ["0.99", "2"],
    ]);
    const count = Number(/^memberlist_probe_rtt_count\{node="a"\} (.+)$/m.exec(text)?.[1]);
    expect(count).toBeGreaterThan(2);
    expect(text).toContain(`memberlist_probe_rtt_sum{node="a"} ${2 * count}\n`);
  });

  it("makes histograms of samples on request, with the catalogue's buckets", async () => {
    const metrics = prometheusMetrics({ register: new Registry(), labelNames: ["node"], samples: "histogram" });
    await pair(metrics);
    const exposed = await scrape(metrics.register);
    const rtt = exposed.get("memberlist_probe_rtt");
    expect(rtt?.type).toBe("HISTOGRAM");
    const { buckets = [] } = metricCatalogue.find(({ name }) => name === "memberlist.probe.rtt") ?? {};
    const text = await metrics.register.metrics();
    const found = [...text.matchAll(/^memberlist_probe_rtt_bucket\{le="([^"]+)",node="a"\} (\d+)$/gm)];
    expect(found.map(([, bound]) => bound)).toEqual([...buckets.map(String), "+Inf"]);
    const [total] = found.slice(-1).map(([, , times]) => Number(times));
    expect(total).toBeGreaterThan(2);
    // The round trip in this network takes 2 ms.
    expect(found.map(([, , times]) => Number(times))).toEqual([...buckets.map((bound) => (bound < 2 ? 0 : total)), total]);
    for (const { name, kind } of metricCatalogue) {
      expect([name, exposed.get(name.replaceAll(".", "_"))?.type]).toEqual([
        name,
        kind === "sample" ? "HISTOGRAM" : kind.toUpperCase(),
      ]);
    }
  });

  it("uses prom-client's own registry by default", async () => {
    const metrics = prometheusMetrics();
    expect(metrics.register).toBe(defaultRegister);
    await start("a", { metrics });
    expect(value(await scrape(defaultRegister), "memberlist_node_instances", { node_state: "alive" })).toBe(1);
  });

  it("refuses to register a name twice, advises the caller, and registers nothing", () => {
    const register = new Registry();
    prometheusMetrics({ register });
    const again = (): unknown => prometheusMetrics({ register });
    expect(again).toThrow(expect.objectContaining({ code: "invalid_argument", details: { name: "memberlist_health_score" } }));
    expect(again).toThrow("call prometheusMetrics once, and share its result between members");

    const other = new Registry();
    other.registerMetric(new Counter({ name: "memberlist_tcp_accept", help: "somebody else's", registers: [] }));
    expect(() => prometheusMetrics({ register: other })).toThrow("memberlist_tcp_accept is registered already");
    expect(other.getMetricsAsArray()).toHaveLength(1);
  });

  it("logs a line that names the label if labelNames lacks one", async () => {
    const lines: string[] = [];
    const logOutput = { write: (line: string): void => void lines.push(line) };
    const metrics = prometheusMetrics({ register: new Registry() });
    const node = await start("a", { metrics, metricLabels: { zone: "eu" }, logOutput });
    expect(lines[0]).toContain('the metrics collector failed: Added label "zone" is not included in initial labelset');
    expect(node.counters()["metrics_failed"]).toBeGreaterThan(0);
  });
});

import { readFileSync } from "node:fs";
import { parser } from "@prometheus-io/lezer-promql";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { metricCatalogue, type Metric } from "@memberlist/core/metrics";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly targets?: readonly { readonly expr: string }[];
}
interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] };
}

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
const { groups } = parse(read("../src/alerts.yaml")) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(read("../src/grafana-dashboard.json")) as Dashboard;
const dashboardExpressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

const byName = new Map<string, Metric>(metricCatalogue.map((metric) => [metric.name.replaceAll(".", "_"), metric]));
/** Labels that Prometheus adds. */
const targetLabels = ["instance", "job"];

/** The name of a metric in an expression, and the labels that select its series. */
interface Selector {
  readonly name: string;
  readonly labels: readonly string[];
}

/** @throws Error if the expression is not PromQL */
function selectorsOf(expr: string): Selector[] {
  const source = expr.replaceAll("$__rate_interval", "5m");
  const found: { name: string; labels: string[] }[] = [];
  parser.parse(source).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) throw new Error(`not PromQL at ${from}: ${source}`);
      if (type.name === "VectorSelector") found.push({ name: /^\w+/.exec(source.slice(from, to))?.[0] ?? "", labels: [] });
      if (type.name === "LabelName" && source[from - 1] !== "(") found.at(-1)?.labels.push(source.slice(from, to));
    },
  });
  return found;
}

/** Returns the problems with the metrics of an expression. */
function problemsOf(expr: string): string[] {
  return selectorsOf(expr).flatMap(({ name, labels }) => {
    const [, base = "", suffix] = /^(\w+?)(_sum|_count|_bucket)?$/.exec(name) ?? [];
    const metric = byName.get(suffix === undefined ? name : base);
    if (metric === undefined) return [`${name} is not in the catalogue`];
    if (metric.kind === "sample" ? suffix === undefined && !labels.includes("quantile") : suffix !== undefined) {
      return [`${name} is not a series of a ${metric.kind}`];
    }
    const known = [...metric.labels, ...targetLabels, ...(metric.kind === "sample" ? ["quantile"] : [])];
    return labels.filter((label) => !known.includes(label)).map((label) => `${name} has no label ${label}`);
  });
}

describe("each alert rule", () => {
  it("uses valid PromQL, and metrics of the catalogue with their labels", () => {
    expect(rules.length).toBeGreaterThan(10);
    expect(rules.flatMap(({ expr }) => problemsOf(expr))).toEqual([]);
    for (const { expr } of rules) expect(selectorsOf(expr).length).toBeGreaterThan(0);
  });

  it("gives a unique name, a severity and advice", () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { labels, annotations } of rules) {
      expect(["warning", "critical"]).toContain(labels.severity);
      expect(annotations.summary.length).toBeGreaterThan(10);
      expect(annotations.description).toMatch(/\.$/);
    }
  });

  it("names only reasons that members report", () => {
    const codes = read("../../../docs/reference/codes.md");
    const reasons = rules.flatMap(({ expr }) =>
      [...expr.matchAll(/reason=~?"([^"]+)"/g)].flatMap(([, list = ""]) => list.split("|")),
    );
    expect(reasons.length).toBeGreaterThan(3);
    expect(reasons.filter((reason) => !codes.includes(`| \`dropped.${reason}\` |`))).toEqual([]);
  });
});

describe("the Grafana dashboard", () => {
  it("uses valid PromQL, and metrics of the catalogue with their labels", () => {
    expect(dashboardExpressions.length).toBeGreaterThan(30);
    expect(dashboardExpressions.flatMap((expr) => problemsOf(expr))).toEqual([]);
  });

  it("shows all metrics except rare failures", () => {
    const shown = new Set(
      dashboardExpressions.flatMap((expr) => selectorsOf(expr).map(({ name }) => name.replace(/_(sum|count)$/, ""))),
    );
    expect([...byName.keys()].filter((name) => !shown.has(name))).toEqual([
      "memberlist_select_nodes_failed",
      "memberlist_key_limit_reached",
      "memberlist_address_lost",
      "memberlist_advertise_address_failed",
      "memberlist_rejoin_failed",
      "memberlist_store_load_failed",
      "memberlist_thread_failed",
      "memberlist_store_corrupted",
      "memberlist_store_foreign",
    ]);
  });

  it("uses unique panel ids and known variables, and overlaps no panels", () => {
    const { panels, templating } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { h, w, x, y } }) =>
      Array.from({ length: h * w }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    const variables = new Set(templating.list.map(({ name }) => name));
    const used = [...JSON.stringify(dashboard).matchAll(/\$\{?([a-z]\w*)/g)].map(([, name = ""]) => name);
    expect(used.filter((name) => !variables.has(name))).toEqual([]);
  });
});

describe("the check of expressions", () => {
  it("finds unknown metrics, unknown labels and invalid PromQL", () => {
    expect(problemsOf("rate(memberlist_udp_snet[5m])")).toEqual(["memberlist_udp_snet is not in the catalogue"]);
    expect(problemsOf('memberlist_dropped{cause="x"}')).toEqual(["memberlist_dropped has no label cause"]);
    expect(problemsOf("memberlist_probe_rtt")).toEqual(["memberlist_probe_rtt is not a series of a sample"]);
    expect(problemsOf("memberlist_udp_sent_sum")).toEqual(["memberlist_udp_sent_sum is not a series of a counter"]);
    expect(() => problemsOf("rate(memberlist_udp_sent[5m]")).toThrow("not PromQL");
  });
});

import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import * as diagnostics from "node:diagnostics_channel";
import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context, type ContextManager } from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type MetricData,
} from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor, type ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { afterEach, describe, expect, it } from "vitest";
import { lanConfig, type Clock, type Config, type Memberlist } from "@memberlist/core";
import { createInstrumented } from "@memberlist/core/internal";
import { metricCatalogue } from "@memberlist/core/metrics";
import { MemoryNetwork, SeededRandom, VirtualClock } from "@memberlist/core/testing";
import { openTelemetryMetrics, traceMemberlist, type TraceOptions } from "../src/index.ts";

const clock = new VirtualClock();
const network = new MemoryNetwork({ clock, random: new SeededRandom(1) });
const members: Memberlist[] = [];
const stops: (() => void)[] = [];
const limit = 60_000;

async function start(name: string, config: Partial<Config> = {}): Promise<Memberlist> {
  const ignore = (): void => undefined;
  const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
  const base = { ...lanConfig(), name, logger, transport: network.transport(), clock, random: new SeededRandom(name) };
  const node = await createInstrumented({ ...base, ...config }, { diagnostics });
  members.push(node);
  return node;
}

function seedOf(node: Memberlist): string {
  const { name, addr, port } = node.localNode();
  return `${name}/${addr}:${port}`;
}

/** Collects the ended spans of all members. */
function spans(options: Omit<TraceOptions, "tracer"> = {}): () => readonly ReadableSpan[] {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  stops.push(traceMemberlist({ tracer: provider.getTracer("test"), ...options }));
  return () => exporter.getFinishedSpans();
}

function named(all: readonly ReadableSpan[], name: string, node: string): ReadableSpan {
  const found = all.find((span) => span.name === `memberlist ${name}` && span.attributes["memberlist.node"] === node);
  if (found === undefined) throw new Error(`no span ${name} of ${node} among ${all.map((span) => span.name).join()}`);
  return found;
}

afterEach(async () => {
  for (const stop of stops.splice(0)) stop();
  for (const node of members.splice(0)) await node.shutdown();
  await clock.advance(1_000);
});

/** Works like the context manager of the SDK for Node. */
class Contexts implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();

  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT;
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(of: Context, run: F, _: unknown, ...args: A): ReturnType<F> {
    return this.#storage.run(of, run, ...args);
  }

  bind<T>(_: Context, target: T): T {
    return target;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    return this;
  }
}

describe("openTelemetryMetrics", () => {
  async function collect(): Promise<Map<string, MetricData>> {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 30 });
    const provider = new MeterProvider({ readers: [reader] });
    const metrics = openTelemetryMetrics({ meter: provider.getMeter("test") });
    const [a, b] = [
      await start("a", { metrics, metricLabels: { node: "a" }, queueCheckInterval: 500 }),
      await start("b", { metrics, metricLabels: { node: "b" } }),
    ];
    await clock.settle(a.join([seedOf(b)]), { limit });
    await clock.advance(5_000);
    await provider.forceFlush();
    const exported = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    await provider.shutdown();
    return new Map(exported.map((metric) => [metric.descriptor.name, metric]));
  }

  it("reports metrics under the names of the catalogue, with labels as attributes", async () => {
    const metrics = await collect();
    const known = new Set<string>(metricCatalogue.map(({ name }) => name));
    expect([...metrics.keys()].filter((name) => !known.has(name))).toEqual([]);
    expect(metrics.size).toBeGreaterThan(12);
    const points = metrics.get("memberlist.node.instances")?.dataPoints ?? [];
    const alive = points.filter(({ attributes }) => attributes["node_state"] === "alive");
    expect(alive.map(({ attributes, value }) => [attributes["node"], value])).toEqual([
      ["a", 2],
      ["b", 2],
    ]);
    const sent = metrics.get("memberlist.udp.sent")?.dataPoints ?? [];
    expect(new Set(sent.map(({ attributes }) => JSON.stringify(attributes)))).toEqual(new Set(['{"node":"a"}', '{"node":"b"}']));
    expect(Math.min(...sent.map(({ value }) => Number(value)))).toBeGreaterThan(100);
  });

  it("gives each instrument its unit, and histograms the catalogue's buckets", async () => {
    const metrics = await collect();
    const unit = (name: string): string | undefined => metrics.get(name)?.descriptor.unit;
    expect(unit("memberlist.udp.sent")).toBe("By");
    expect(unit("memberlist.probe.rtt")).toBe("ms");
    expect(unit("memberlist.node.instances")).toBe("{member}");
    const [rtt] = metrics.get("memberlist.probe.rtt")?.dataPoints ?? [];
    const { buckets } = metricCatalogue.find(({ name }) => name === "memberlist.probe.rtt") ?? { buckets: [] };
    expect(rtt?.value).toMatchObject({ min: 2, max: 2, buckets: { boundaries: buckets } });
  });
});

describe("traceMemberlist", () => {
  it("makes a span for a join, with its push/pull as a child, and a span at the other end", async () => {
    const finished = spans({ operations: ["join", "pushPull"] });
    const [a, b] = [await start("a"), await start("b")];
    await clock.settle(a.join([seedOf(b)]), { limit });
    await clock.advance(100);
    const [join, out, inbound] = [
      named(finished(), "join", "a"),
      named(finished(), "pushPull", "a"),
      named(finished(), "pushPull", "b"),
    ];
    expect(finished()).toHaveLength(3);
    expect(join).toMatchObject({
      kind: SpanKind.INTERNAL,
      attributes: { "memberlist.seeds": [seedOf(b)], "memberlist.reached": 1, "memberlist.attempts": 1 },
    });
    expect(join.parentSpanContext).toBeUndefined();
    expect(out.parentSpanContext?.spanId).toBe(join.spanContext().spanId);
    const { addr, port } = b.localNode();
    expect(out).toMatchObject({
      kind: SpanKind.CLIENT,
      attributes: {
        "network.peer.address": addr,
        "network.peer.port": port,
        "memberlist.peer": "b",
        "memberlist.join": true,
        "memberlist.nodes": 1,
        "memberlist.user_state_bytes": 0,
      },
    });
    expect(inbound.kind).toBe(SpanKind.SERVER);
    expect(inbound.parentSpanContext).toBeUndefined();
  });

  it("gives spans of a member's own work no parent, even if a traced call has set its timers", async () => {
    const finished = spans();
    // Like the timers of a runtime, these run in the context of the code that set them.
    const contextual: Clock = {
      now: () => clock.now(),
      wallTime: () => clock.wallTime(),
      setTimeout: (callback, delay) => clock.setTimeout(AsyncResource.bind(callback), delay),
      clearTimeout: (timer) => clock.clearTimeout(timer),
      defer: (callback) => clock.defer(AsyncResource.bind(callback)),
    };
    const [a, b] = [await start("a", { clock: contextual, pushPullInterval: 2_000 }), await start("b")];
    context.setGlobalContextManager(new Contexts());
    stops.push(() => context.disable());
    await clock.settle(a.join([seedOf(b)]), { limit });
    await clock.advance(5_000);
    const request = trace.setSpan(ROOT_CONTEXT, new BasicTracerProvider().getTracer("test").startSpan("request"));
    await context.with(request, () => a.broadcast(new Uint8Array(1)));
    await context.with(request, () => clock.settle(a.sendReliable("b", new Uint8Array(7)), { limit }));
    const before = finished().length;
    await clock.advance(5_000);
    const own = finished().slice(before);
    expect(new Set(own.map(({ name }) => name))).toEqual(new Set(["memberlist probe", "memberlist pushPull"]));
    expect(own.filter(({ parentSpanContext }) => parentSpanContext !== undefined)).toEqual([]);
    const sent = named(finished(), "sendReliable", "a").parentSpanContext;
    expect(sent?.spanId).toBe(trace.getSpanContext(request)?.spanId);
  });

  it("marks the span of a failed operation as an error, with its code", async () => {
    const finished = spans();
    const a = await start("a");
    await expect(clock.settle(a.join(["10.9.9.9:7946"]), { limit })).rejects.toMatchObject({ code: "join_failed" });
    const { attributes, events, status } = named(finished(), "join", "a");
    expect(status.code).toBe(SpanStatusCode.ERROR);
    expect(attributes["error.type"]).toBe("join_failed");
    expect(events.map(({ name }) => name)).toEqual(["exception"]);
    expect(named(finished(), "pushPull", "a").attributes["error.type"]).toBe("dial_failed");
  });

  it("makes spans for probes and sends, and marks a probe without an answer as an error", async () => {
    const finished = spans({ operations: ["probe", "sendReliable", "ping"] });
    const [a, b] = [await start("a"), await start("b")];
    await clock.settle(a.join([seedOf(b)]), { limit });
    await clock.settle(a.sendReliable("b", new Uint8Array(7)), { limit });
    await clock.settle(a.ping("b"), { limit });
    await clock.advance(3_000);
    expect(named(finished(), "sendReliable", "a").attributes["memberlist.size"]).toBe(7);
    expect(named(finished(), "ping", "a").attributes["memberlist.rtt"]).toBe(2);
    expect(named(finished(), "probe", "a")).toMatchObject({
      attributes: { "memberlist.answer": "direct", "memberlist.rtt": 2, "memberlist.peer": "b" },
      status: { code: SpanStatusCode.UNSET },
    });
    await b.shutdown();
    await clock.runUntil(() => a.get("b")?.state === "suspect", { limit });
    const failed = finished().find(({ attributes }) => attributes["memberlist.answer"] === "none");
    expect(failed?.status).toEqual({ code: SpanStatusCode.ERROR, message: "no answer" });
  });

  it("makes no spans after its end, and only for the given operations", async () => {
    const finished = spans({ operations: ["pushPull"] });
    const [a, b] = [await start("a"), await start("b")];
    await clock.settle(a.join([seedOf(b)]), { limit });
    await clock.advance(3_000);
    expect(new Set(finished().map(({ name }) => name))).toEqual(new Set(["memberlist pushPull"]));
    const { length } = finished();
    for (const stop of stops.splice(0)) stop();
    await clock.settle(b.join([seedOf(a)]), { limit });
    expect(finished()).toHaveLength(length);
    expect(trace.getSpan(context.active())).toBeUndefined();
  });
});

import { describe, expect, it } from "vitest";
import type { Metrics } from "../../src/index.ts";
import { bytes, clusters, type TestNode } from "./cluster.ts";
import { RawPeer } from "./raw-peer.ts";

const cluster = clusters();

/** Keeps sums of counters, the last value of gauges, and all samples. */
class Collector implements Metrics {
  readonly counters: Map<string, number> = new Map();
  readonly gauges: Map<string, number> = new Map();
  readonly samples: Map<string, number[]> = new Map();

  increment(name: string, value: number): void {
    this.counters.set(name, (this.counters.get(name) ?? 0) + value);
  }

  gauge(name: string, value: number): void {
    this.gauges.set(name, value);
  }

  sample(name: string, value: number): void {
    this.samples.set(name, [...(this.samples.get(name) ?? []), value]);
  }
}

describe("a member with metrics", () => {
  it("counts bytes and messages under the Go library's names", async () => {
    const one = cluster();
    const [mine, theirs] = [new Collector(), new Collector()];
    const [a, b] = (await one.joined(2, (i) => ({ metrics: i === 0 ? mine : theirs, enableCompression: false }))) as [
      TestNode,
      TestNode,
    ];
    await one.advance(2_000);
    await one.settle(a.members.sendReliable(b.seed, bytes("hello")));
    await one.settle(b.members.leave());
    await one.advance(2_000);
    // Two alive messages on each side: of itself, and of the other.
    expect(mine.counters.get("memberlist.msg.alive")).toBe(2);
    expect(mine.counters.get("memberlist.msg.dead")).toBe(1);
    expect(mine.counters.get("memberlist.tcp.accept")).toBe(1);
    expect(theirs.counters.get("memberlist.tcp.connect")).toBe(1);
    expect(theirs.counters.get("memberlist.tcp.accept")).toBe(1);
    for (const name of ["memberlist.udp.sent", "memberlist.udp.received", "memberlist.tcp.sent"]) {
      expect(mine.counters.get(name)).toBeGreaterThan(50);
    }
    expect(mine.counters.get("memberlist.udp.sent")).toBe(theirs.counters.get("memberlist.udp.received"));
    expect(new Set(mine.samples.get("memberlist.probeNode"))).toEqual(new Set([2]));
  });

  it("shows its own poor health, suspicions and slow probes", async () => {
    const one = cluster();
    const metrics = new Collector();
    const node = await one.start({ metrics, disableTcpPings: true });
    const peer = new RawPeer(one);
    await peer.become("silent", node);
    await one.until(() => metrics.gauges.get("memberlist.health.score") === 2);
    expect(node.members.healthScore()).toBe(2);
    expect(metrics.counters.get("memberlist.msg.suspect")).toBe(1);
    expect(metrics.counters.get("memberlist.degraded.probe")).toBeGreaterThan(0);
    expect(Math.max(...(metrics.samples.get("memberlist.probeNode") ?? []))).toBe(2_000);
  });

  it("reports the same counts as counters(), with the reason as a label", async () => {
    const one = cluster();
    const metrics = new Collector();
    const node = await one.start({ metrics });
    const peer = new RawPeer(one);
    for (let i = 0; i < 3; i++) peer.send(Uint8Array.of(99), node);
    peer.send(Uint8Array.of(244, 1, 65, 8), node);
    await one.advance(10);
    expect(node.members.counters()).toEqual({ "dropped.unknown_type": 3, "dropped.label_mismatch": 1 });
    expect(metrics.counters.get("memberlist.dropped")).toBe(4);
    const counters = node.members.counters();
    peer.send(Uint8Array.of(99), node);
    await one.advance(10);
    expect(counters["dropped.unknown_type"]).toBe(3);
  });

  it("goes on when its metrics throw, and counts the errors", async () => {
    const one = cluster();
    const fail = (): never => {
      throw new Error("collector is full");
    };
    const [a, b] = (await one.joined(2, { metrics: { increment: fail, gauge: fail, sample: fail } })) as [TestNode, TestNode];
    await one.advance(5_000);
    expect([a.members.numMembers(), b.members.numMembers()]).toEqual([2, 2]);
    expect(a.members.counters()["metrics_failed"]).toBeGreaterThan(10);
    const lines = a.log.filter(({ fields }) => fields.code === "metrics_failed");
    expect(lines[0]).toMatchObject({ level: "warn", message: "the metrics collector failed: collector is full" });
    // Limited as all lines are.
    expect(lines.length).toBeLessThan(20);
  });
});

it("causes no unhandled rejections when a collector or a log output rejects", async () => {
  const one = cluster();
  const reject = (): Promise<void> => Promise.reject(new Error("wrong"));
  const metrics = { increment: reject, gauge: reject, sample: reject };
  const [a] = (await one.joined(2, { metrics, logOutput: { write: reject } })) as [TestNode];
  a.members.sendBestEffort("10.0.0.77:7946", new Uint8Array(1));
  await one.advance(2000);
  expect(a.members.counters()["metrics_failed"]).toBeGreaterThan(0);
});

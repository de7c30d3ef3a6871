import { describe, expect, it } from "vitest";
import { EngineHarness, type HarnessNetwork } from "./engine-harness.ts";
import { ack, alive, suspect } from "./messages.ts";

const config = { probeInterval: 100, probeTimeout: 50, disableTcpPings: true };

/** Time passes without a timer, as when the event loop is blocked; then the engine learns how late its timers are. */
function block(node: EngineHarness, ms: number): void {
  node.jump(ms);
  node.run(() => node.engine.eventLoopBlocked(ms));
}

/** It has just sent its first ping, to n2; n3 can help. */
function probing(): EngineHarness {
  const node = new EngineHarness({ fixedRandom: 0, config }).start();
  node.deliverAll(alive("n3"), alive("n2"));
  node.takeBroadcasts();
  node.advance(0);
  node.takeEvents();
  expect(node.sentOf("ping")).toMatchObject([{ node: "n2" }]);
  return node;
}

describe("after the event loop was blocked", () => {
  it("extends a waiting probe by the lost time, at each of its steps", () => {
    const node = probing();
    node.advance(20);
    block(node, 1000);
    node.advance(29);
    expect(node.sentOf("indirectPing")).toEqual([]);
    node.advance(1);
    expect(node.sentOf("indirectPing")).toHaveLength(1);
    block(node, 500);
    node.advance(49);
    expect(node.state("n2")).toBe("alive");
    node.advance(1);
    expect(node.state("n2")).toBe("suspect");
    expect(node.takeEvents().find(({ type }) => type === "suspect")).toMatchObject({ cause: { elapsed: 100 } });
  });

  it("accepts an ack within the extended time", () => {
    const node = probing();
    const { seqNo } = node.sentOf("ping")[0] ?? { seqNo: -1 };
    node.advance(20);
    block(node, 1000);
    node.advance(79);
    node.deliver(ack(seqNo));
    node.advance(100);
    expect(node.eventTypes()).not.toContain("suspect n2");
  });

  it("does not extend a probe past its deadline that only waits for its stream", () => {
    const silence: HarnessNetwork = { packet: () => undefined, streamPing: () => undefined, pushPull: () => undefined };
    const node = new EngineHarness({ fixedRandom: 0, network: silence, config: { ...config, disableTcpPings: false } }).start();
    node.deliver(alive("n2"));
    node.takeBroadcasts();
    node.advance(105);
    expect(node.streamPings).toHaveLength(1);
    block(node, 1000);
    node.streamPings[0]?.done(false);
    expect(node.state("n2")).toBe("suspect");
    expect(node.takeEvents().find(({ type }) => type === "suspect")).toMatchObject({
      cause: { elapsed: 1105, stream: "failed" },
    });
    expect(node.metrics.get("memberlist.probeNode")).toEqual([1105]);
  });

  it("extends suspicions by the lost time, and leaves other nodes alone", () => {
    const node = new EngineHarness({
      config: { ...config, probeInterval: 100_000, suspicionMult: 1, suspicionMaxTimeoutMult: 1 },
    }).start();
    node.deliverAll(alive("n2"), alive("n3"), suspect("n2"));
    node.advance(99_000);
    block(node, 5000);
    node.advance(999);
    expect(node.state("n2")).toBe("suspect");
    node.advance(1);
    expect(node.state("n2")).toBe("dead");
    expect(node.state("n3")).toBe("alive");
  });

  it("worsens the health score by 1 for each lost probeTimeout, with an event and a warning", () => {
    const node = new EngineHarness({ config: { ...config, probeInterval: 0 } }).start();
    node.takeEvents();
    block(node, 49);
    expect(node.engine.healthScore).toBe(0);
    expect(node.count("event_loop_blocked")).toBe(0);
    expect(node.takeEvents()).toEqual([]);
    block(node, 149);
    expect(node.engine.healthScore).toBe(2);
    expect(node.count("event_loop_blocked")).toBe(1);
    expect(node.logged("event_loop_blocked")).toMatchObject([{ level: "warn" }]);
    expect(node.takeEvents()).toMatchObject([{ type: "event_loop_blocked", late: 149, node: { name: "n1" } }]);
    expect(node.metrics.get("memberlist.health.score")).toEqual([0, 2]);
  });
});

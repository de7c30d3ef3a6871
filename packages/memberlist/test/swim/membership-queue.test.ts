import { describe, expect, it } from "vitest";
import type { Limits } from "../../src/config/limits.ts";
import { EngineHarness } from "./engine-harness.ts";
import { alive, dead, suspect } from "./messages.ts";

/** A node that says nothing by itself, and has nothing left to say of its start. */
function node(limits: Limits): EngineHarness {
  const harness = new EngineHarness({ config: { limits, gossipInterval: 0, probeInterval: 0, pushPullInterval: 0 } }).start();
  harness.takeBroadcasts();
  return harness;
}

function said(harness: EngineHarness): string[] {
  return harness.takeBroadcasts().map((message) => `${message.kind} ${"node" in message ? message.node : ""}`);
}

describe("news of members that waits to be gossiped", () => {
  it("is bounded by count: what is lost is counted and logged", () => {
    const harness = node({ maxMembershipBroadcasts: 10 });
    for (let i = 2; i < 102; i++) {
      harness.deliver(alive(`n${i}`));
      expect(harness.engine.numQueuedBroadcasts).toBeLessThanOrEqual(10);
    }
    expect(harness.count("limit.maxMembershipBroadcasts")).toBe(90);
    expect(harness.logs.filter(({ code }) => code === "membership_queue_full").length).toBeGreaterThan(0);
    expect(said(harness)).toHaveLength(10);
    expect(harness.known()).toHaveLength(101);
  });

  it("is bounded by bytes", () => {
    const harness = node({ maxMembershipBroadcastBytes: 3_000 });
    for (let i = 2; i < 22; i++) harness.deliver(alive(`n${i}`, { meta: new Uint8Array(400) }));
    expect(harness.count("limit.maxMembershipBroadcastBytes")).toBeGreaterThanOrEqual(14);
    expect(harness.engine.numQueuedBroadcasts).toBeGreaterThanOrEqual(5);
    expect(harness.engine.numQueuedBroadcasts).toBeLessThanOrEqual(6);
  });

  it("a message that is over the bound by itself is not gossiped, counted, and breaks nothing", () => {
    const harness = node({ maxMembershipBroadcastBytes: 200 });
    harness.deliverAll(alive("n2", { meta: new Uint8Array(400) }), alive("n3"));
    expect(harness.count("limit.maxMembershipBroadcastBytes")).toBe(1);
    expect(said(harness)).toEqual(["alive n3"]);
    expect(harness.known()).toHaveLength(3);
  });

  it("a bound that our own news is over keeps nobody from starting and leaving", () => {
    const harness = node({ maxMembershipBroadcastBytes: 1 });
    let isOut = false;
    harness.engine.leave(() => (isOut = true));
    expect(isOut).toBe(true);
  });

  it("gives up who is alive before who is dead, and never what we say of ourselves", () => {
    const harness = node({ maxMembershipBroadcasts: 6 });
    for (let i = 2; i < 12; i++) harness.deliver(alive(`n${i}`, { meta: new Uint8Array(50) }));
    harness.takeBroadcasts();
    harness.deliver(suspect("n1", harness.engine.incarnation, "n2"));
    for (const name of ["n2", "n3", "n4"]) harness.deliver(dead(name, 1, "n5"));
    for (let i = 20; i < 40; i++) harness.deliver(alive(`n${i}`, { meta: new Uint8Array(50) }));
    expect(said(harness)).toEqual(expect.arrayContaining(["alive n1", "dead n2", "dead n3", "dead n4"]));
  });
});

import { describe, expect, it } from "vitest";
import type { Limits } from "../../src/config/limits.ts";
import { EngineHarness } from "./engine-harness.ts";
import { alive, dead, suspect } from "./messages.ts";

/** A node that sends nothing by itself, with an empty broadcast queue. */
function node(limits: Limits): EngineHarness {
  const harness = new EngineHarness({ config: { limits, gossipInterval: 0, probeInterval: 0, pushPullInterval: 0 } }).start();
  harness.takeBroadcasts();
  return harness;
}

function said(harness: EngineHarness): string[] {
  return harness.takeBroadcasts().map((message) => `${message.kind} ${"node" in message ? message.node : ""}`);
}

describe("the queue of membership updates", () => {
  it("stays bounded by count, and counts and logs dropped updates", () => {
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

  it("stays bounded by bytes", () => {
    const harness = node({ maxMembershipBroadcastBytes: 3_000 });
    for (let i = 2; i < 22; i++) harness.deliver(alive(`n${i}`, { meta: new Uint8Array(400) }));
    expect(harness.count("limit.maxMembershipBroadcastBytes")).toBeGreaterThanOrEqual(14);
    expect(harness.engine.numQueuedBroadcasts).toBeGreaterThanOrEqual(5);
    expect(harness.engine.numQueuedBroadcasts).toBeLessThanOrEqual(6);
  });

  it("drops and counts a message that exceeds the bound by itself", () => {
    const harness = node({ maxMembershipBroadcastBytes: 200 });
    harness.deliverAll(alive("n2", { meta: new Uint8Array(400) }), alive("n3"));
    expect(harness.count("limit.maxMembershipBroadcastBytes")).toBe(1);
    expect(said(harness)).toEqual(["alive n3"]);
    expect(harness.known()).toHaveLength(3);
  });

  it("does not block start or leave if this node's own message exceeds the bound", () => {
    const harness = node({ maxMembershipBroadcastBytes: 1 });
    let isOut = false;
    harness.engine.leave(() => (isOut = true));
    expect(isOut).toBe(true);
  });

  it("drops alive messages before dead ones, and never this node's own", () => {
    const harness = node({ maxMembershipBroadcasts: 6 });
    for (let i = 2; i < 12; i++) harness.deliver(alive(`n${i}`, { meta: new Uint8Array(50) }));
    harness.takeBroadcasts();
    harness.deliver(suspect("n1", harness.engine.incarnation, "n2"));
    for (const name of ["n2", "n3", "n4"]) harness.deliver(dead(name, 1, "n5"));
    for (let i = 20; i < 40; i++) harness.deliver(alive(`n${i}`, { meta: new Uint8Array(50) }));
    expect(said(harness)).toEqual(expect.arrayContaining(["alive n1", "dead n2", "dead n3", "dead n4"]));
  });
});

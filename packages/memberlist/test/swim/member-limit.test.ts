import { describe, expect, it } from "vitest";
import { EngineHarness, mergeAll } from "./engine-harness.ts";
import { alive, dead, goodVersions, hostOf } from "./messages.ts";

/** A node whose table has room for five, and has four: itself, n2, n3 and n4. */
function nearlyFull(): EngineHarness {
  const config = { limits: { maxMembers: 5 }, probeInterval: 1_000, gossipToTheDeadTime: 5_000 };
  const node = new EngineHarness({ config }).start();
  node.deliverAll(alive("n2"), alive("n3"), alive("n4"));
  return node;
}

describe("limits.maxMembers", () => {
  it("refuses new names in alive messages over it, counts and logs them", () => {
    const node = nearlyFull();
    for (let i = 5; i < 105; i++) node.deliver(alive(`n${i}`));
    expect(
      node
        .known()
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(["n1", "n2", "n3", "n4", "n5"]);
    expect(node.count("limit.maxMembers")).toBe(99);
    expect(node.logged("member_limit_reached")[0]?.message).toContain("limits.maxMembers (5)");
    expect(node.eventTypes().filter((type) => type.startsWith("join"))).toHaveLength(5);
  });

  it("refuses new names in a push/pull over it, and merges the rest of it", () => {
    const node = nearlyFull();
    const states = ["n5", "n6", "n2"].map((name) => ({
      name,
      addr: hostOf(name),
      port: 7946,
      meta: new Uint8Array(0),
      incarnation: 7,
      vsn: goodVersions,
      state: 0,
    }));
    node.run(() => mergeAll(node.engine, states, true));
    expect([node.state("n5"), node.state("n6"), node.node("n2")?.incarnation]).toEqual(["alive", undefined, 7]);
    expect(node.count("limit.maxMembers")).toBe(1);
  });

  it("leaves known members alone, and accepts new ones once the dead are forgotten", () => {
    const node = nearlyFull();
    node.deliverAll(alive("n5"), alive("n6"), dead("n5"), alive("n3", { incarnation: 2 }));
    expect([node.state("n6"), node.node("n3")?.incarnation]).toEqual([undefined, 2]);
    node.deliver(alive("n5", { incarnation: 2 }));
    expect(node.state("n5")).toBe("alive");
    node.deliver(dead("n5", 2));
    node.deliver(alive("n6"));
    expect(node.state("n6")).toBeUndefined();
    for (let i = 0; i < 30 && node.state("n5") !== undefined; i++) {
      node.advance(1_000);
      for (const name of ["n2", "n3", "n4"]) node.deliver(alive(name, { incarnation: 100 + i }));
    }
    expect(node.state("n5")).toBeUndefined();
    node.deliver(alive("n6"));
    expect(node.state("n6")).toBe("alive");
  });

  it("never refuses this node itself", () => {
    const node = new EngineHarness({ config: { limits: { maxMembers: 1 } } }).start();
    node.deliver(alive("n2"));
    expect(node.known().map(({ name }) => name)).toEqual(["n1"]);
  });
});

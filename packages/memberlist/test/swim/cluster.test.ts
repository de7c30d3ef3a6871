import { describe, expect, it } from "vitest";
import { SeededRandom } from "../../src/testing/seeded-random.ts";
import { cluster, type VirtualCluster } from "./virtual-cluster.ts";

const config = { gossipInterval: 200, pushPullInterval: 30_000 };

function everybodySees(
  members: VirtualCluster,
  observers: readonly string[],
  name: string,
  state: string | undefined,
): () => boolean {
  return () => observers.every((observer) => members.node(observer).state(name) === state);
}

function namesTo(n: number, except: readonly string[] = []): string[] {
  return Array.from({ length: n }, (_, i) => `n${i + 1}`).filter((name) => !except.includes(name));
}

describe("a cluster in virtual time", () => {
  it("stays quiet while all is well: no member is ever suspected", () => {
    for (let seed = 1; seed <= 5; seed++) {
      const members = cluster(8, { seed, config });
      members.advance(120_000);
      for (const node of members.nodes) {
        expect(node.takeEvents().filter(({ type }) => type !== "pingComplete")).toEqual([]);
        expect(node.engine.healthScore).toBe(0);
      }
    }
  });

  it("detects a crash in bounded time, without a false positive", () => {
    for (let seed = 1; seed <= 5; seed++) {
      const members = cluster(8, { seed, config });
      members.advance(5000);
      members.crash("n3");
      const others = namesTo(8, ["n3"]);
      // Probed by somebody within a round, dead within the longest suspicion, and gossiped.
      expect(members.advance(8 * 1000 + 24_000 + 5000, everybodySees(members, others, "n3", "dead"))).toBe(true);
      for (const observer of others) {
        for (const name of others) expect(members.node(observer).state(name)).toBe("alive");
      }
      expect(members.advance(90_000, everybodySees(members, others, "n3", undefined))).toBe(true);
    }
  });

  it("detects a crash sooner if more nodes confirm", () => {
    const members = cluster(8, { config });
    members.crash("n3");
    const n1 = members.node("n1");
    members.advance(30_000, () => n1.state("n3") === "suspect");
    const suspectedAt = members.now;
    members.advance(30_000, () => n1.state("n3") === "dead");
    expect(members.now - suspectedAt).toBeLessThan(24_000);
  });

  it("learns of a leave at once, and declares no member dead", () => {
    // With some seeds gossip misses a member, which then learns of the leave by a push/pull.
    const members = cluster(8, { seed: 3, config });
    const n5 = members.node("n5");
    let isOut = false;
    n5.run(() => n5.engine.leave(() => (isOut = true)));
    expect(members.advance(3000, everybodySees(members, namesTo(8), "n5", "left"))).toBe(true);
    members.advance(1000);
    expect(isOut).toBe(true);
    members.advance(60_000);
    for (const node of members.nodes) expect(node.takeEvents().filter(({ type }) => type === "suspect")).toEqual([]);
  });

  it("spreads a new node that contacted only one member", () => {
    const members = cluster(8, { config });
    const newcomer = members.add("n9");
    members.pushPull(newcomer, members.node("n4").address);
    const known = (): boolean => members.nodes.every((node) => node.engine.numMembers === 9);
    expect(members.advance(3000, known)).toBe(true);
  });

  it("spreads new metadata", () => {
    const members = cluster(8, { config });
    const n2 = members.node("n2");
    n2.run(() => n2.engine.update(Uint8Array.of(5), () => undefined));
    const spread = (): boolean => members.nodes.every((node) => node.node("n2")?.meta[0] === 5);
    expect(members.advance(3000, spread)).toBe(true);
  });

  it("keeps a node that some members cannot reach, as long as others can", () => {
    const members = cluster(6, { config });
    members.losesPacket = (from, to) => (from === "n1" && to === "n2") || (from === "n2" && to === "n1");
    members.refusesStream = members.losesPacket;
    members.advance(120_000);
    for (const node of members.nodes) {
      expect(node.known().every(({ state }) => state === "alive")).toBe(true);
      expect(node.takeEvents().filter(({ type }) => type === "suspect")).toEqual([]);
    }
    expect(members.node("n1").sentOf("indirectPing").length).toBeGreaterThan(0);
  });

  it("keeps a node whose UDP is blocked, and warns", () => {
    const members = cluster(4, { config });
    members.losesPacket = (from, to) => from === "n2" || to === "n2";
    members.advance(60_000);
    for (const name of ["n1", "n3", "n4"]) {
      expect(members.node(name).state("n2")).toBe("alive");
      expect(members.node(name).logged("udp_unreachable").length).toBeGreaterThan(0);
    }
  });

  it("loses no member permanently on a lossy network", () => {
    const members = cluster(6, { config: { ...config, pushPullInterval: 5000 } });
    const random = new SeededRandom("loss");
    members.losesPacket = () => random.next() < 0.25;
    members.refusesStream = () => random.next() < 0.25;
    members.advance(300_000);
    for (const node of members.nodes) expect(node.known().filter(({ state }) => state === "dead")).toEqual([]);
    members.losesPacket = () => false;
    members.refusesStream = () => false;
    const isWhole = (): boolean => members.nodes.every((node) => node.known().every(({ state }) => state === "alive"));
    expect(members.advance(60_000, isWhole)).toBe(true);
  });

  it("merges after a partition shorter than gossipToTheDeadTime", () => {
    const members = cluster(6, { config: { ...config, gossipToTheDeadTime: 120_000 } });
    const side = (name: string): boolean => Number(name.slice(1)) <= 3;
    members.losesPacket = (from, to) => side(from) !== side(to);
    members.refusesStream = members.losesPacket;
    const isSplit = (): boolean => members.nodes.every((node) => node.engine.numMembers === 3);
    expect(members.advance(110_000, isSplit)).toBe(true);
    members.losesPacket = () => false;
    members.refusesStream = () => false;
    const known = (): boolean => members.nodes.every((node) => node.engine.numMembers === 6);
    expect(members.advance(60_000, known)).toBe(true);
  });

  it("agrees on a node that one member keeps accusing falsely", () => {
    // With some seeds gossip misses the accused, which then learns of it by a push/pull.
    const members = cluster(5, { seed: 3, config });
    for (let i = 0; i < 20; i++) {
      const victim = members.node("n2");
      const incarnation = victim.engine.localNode.incarnation;
      members.node("n3").deliver({ kind: "dead", incarnation, node: "n2", from: "n99" });
      members.advance(3000);
      expect(victim.engine.localNode.incarnation).toBeGreaterThan(incarnation);
    }
    expect(members.advance(10_000, everybodySees(members, namesTo(5), "n2", "alive"))).toBe(true);
  });

  it("repeats its run for a seed", () => {
    const trace = (seed: number): string => {
      const members = cluster(5, { seed, config });
      const random = new SeededRandom(seed);
      members.losesPacket = () => random.next() < 0.2;
      members.advance(20_000);
      members.crash("n4");
      members.advance(40_000);
      return JSON.stringify(members.nodes.map((node) => [node.events, node.sent.map(({ at, to }) => [at, to.name])]));
    };
    expect(trace(7)).toBe(trace(7));
    expect(trace(7)).not.toBe(trace(8));
  });
});

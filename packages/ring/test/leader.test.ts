import { describe, expect, it } from "vitest";
import { MemberlistError, type Memberlist, type Node } from "@memberlist/core";
import { clusters, membersOf } from "../../memberlist/test/facade/cluster.ts";
import { createRing, leader, type Leader, type RingSource } from "../src/index.ts";
import { firstAddress } from "./support.ts";

const cluster = clusters();

/** The leaders that are reported; "none" for undefined. */
function reported(of: Leader): string[] {
  const list: string[] = [];
  of.onLeader((node) => void list.push(node?.name ?? "none"));
  return list;
}

/** A task for which the member of this name is the first choice. */
function taskFor(members: RingSource, name: string): string {
  const ring = createRing(members);
  for (let i = 0; ; i++) {
    if (ring.ownersOf(`task-${i}`)[0]?.name !== name) continue;
    ring.close();
    return `task-${i}`;
  }
}

describe("a leader", () => {
  it("leads once it was the first choice for the settling time, at all members alike", async () => {
    const one = cluster();
    const all = membersOf(await one.joined(4));
    const task = taskFor(all[0] as Memberlist, "node-2");
    const leaders = all.map((members) => leader(members, { task, settle: 3_000 }));
    const lists = leaders.map(reported);
    await one.clock.advance(2_999);
    expect(leaders.map(({ current }) => current)).toEqual([undefined, undefined, undefined, undefined]);
    expect(leaders.some(({ isMe }) => isMe)).toBe(false);
    await one.clock.advance(1);
    expect(leaders.map(({ current }) => current?.name)).toEqual(["node-2", "node-2", "node-2", "node-2"]);
    expect(leaders.map(({ isMe }) => isMe)).toEqual([false, false, true, false]);
    expect(lists).toEqual([["node-2"], ["node-2"], ["node-2"], ["node-2"]]);
  });

  it("does not lead alone at the start, if its join takes less than the settling time", async () => {
    const one = cluster();
    const { members: a } = await one.start({ name: "node-0" });
    const { members: b } = await one.start({ name: "node-1" });
    const both = [a, b].map((members) => leader(members, {}));
    const lists = both.map(reported);
    await one.clock.advance(4_000);
    await one.settle(b.join([a.toJSON().address]));
    await one.clock.advance(6_000);
    expect(both[0]?.current?.name).toBe(both[1]?.current?.name);
    expect(both.filter(({ isMe }) => isMe)).toHaveLength(1);
    // The member that stays the first choice has led since its own settling time.
    expect(lists.flat().every((name) => name === both[0]?.current?.name)).toBe(true);
  });

  it("stops before its successor starts when a better choice joins", async () => {
    const one = cluster();
    const all = membersOf(await one.joined(3));
    const { members: ghost } = await one.start({ name: "node-3" });
    const name = taskFor(withNode(all[0] as Memberlist, ghost.localNode()), "node-3");
    const leaders = all.map((members) => leader(members, { task: name, settle: 2_000 }));
    await one.clock.advance(2_000);
    const joining = leader(ghost, { task: name, settle: 2_000 });
    const everyone = [...leaders, joining];
    expect(leaders.filter(({ isMe }) => isMe)).toHaveLength(1);
    const lists = leaders.map(reported);
    await one.settle(ghost.join([firstAddress(one)]));
    for (let i = 0; i < 1_000; i++) {
      await one.clock.advance(10);
      expect(everyone.filter(({ isMe }) => isMe).length).toBeLessThanOrEqual(1);
    }
    expect(everyone.map(({ current }) => current?.name)).toEqual(everyone.map(() => "node-3"));
    expect(lists).toEqual(leaders.map(() => ["none", "node-3"]));
  });

  it("loses the task when it dies or leaves, to the same member at all others", async () => {
    const one = cluster();
    const all = membersOf(await one.joined(4));
    const [a] = all as [Memberlist];
    const task = taskFor(a, "node-1");
    const leaders = all.map((members) => leader(members, { task, settle: 1_000 }));
    const list = reported(leaders[0] as Leader);
    await one.until(() => leaders[0]?.current?.name === "node-1");
    await all[1]?.shutdown();
    await one.clock.advance(0);
    expect(leaders[1]?.current).toBeUndefined();
    await one.until(() => leaders[0]?.current !== undefined && leaders[0].current.name !== "node-1");
    const second = leaders[0]?.current?.name ?? "";
    const next = all.find((members) => members.localNode().name === second) as Memberlist;
    await one.settle(next.leave());
    await one.clock.advance(0);
    expect(leaders.find((_, i) => all[i] === next)?.isMe).toBe(false);
    const left = leaders.filter((_, i) => all[i] !== next && i !== 1);
    await one.until(() => left.every(({ current }) => current !== undefined && current.name !== second));
    expect(new Set(left.map(({ current }) => current?.name)).size).toBe(1);
    expect(list.slice(0, 4)).toEqual(["node-1", "none", second, "none"]);
  });

  it("does not lead with fewer members than minMembers", async () => {
    const one = cluster();
    const [a, b, c] = membersOf(await one.joined(3)) as [Memberlist, Memberlist, Memberlist];
    const own = leader(a, { task: taskFor(a, "node-0"), settle: 0, minMembers: 2 });
    expect(own.isMe).toBe(true);
    const list = reported(own);
    await b.shutdown();
    await c.shutdown();
    await one.until(() => a.numMembers() === 1);
    await one.clock.advance(0);
    expect({ current: own.current, list }).toEqual({ current: undefined, list: ["none"] });
  });

  it("does not lead after its close", async () => {
    const one = cluster();
    const { members: a } = await one.start({ name: "a" });
    const [waiting, leading] = [leader(a), leader(a, { settle: 0 })];
    const lists = [waiting, leading].map(reported);
    for (const each of [waiting, leading]) each.close();
    await one.clock.advance(10_000);
    expect(lists).toEqual([[], ["none"]]);
    expect([waiting.isMe, leading.isMe]).toEqual([false, false]);
  });

  it("refuses wrong options", async () => {
    const one = cluster();
    const { members: a } = await one.start({ name: "a" });
    for (const options of [{ settle: -1 }, { minMembers: 0 }, { task: "" }, { name: "x" }, { filter: 1 }]) {
      expect(() => leader(a, options as never)).toThrow(MemberlistError);
    }
  });
});

/** A member that lists one more node. */
function withNode(members: Memberlist, node: Node): RingSource {
  return {
    config: members.config,
    events: (options) => members.events(options),
    localNode: () => members.localNode(),
    members: () => [...members.members(), node] as never,
  };
}

import { describe, expect, it, vi } from "vitest";
import { MemberlistError, type Memberlist, type Node } from "@memberlist/core";
import { clusters, membersOf, type TestNode } from "../../memberlist/test/facade/cluster.ts";
import { createRing, leader, type Ring, type RingChange } from "../src/index.ts";
import { firstAddress, joins, keys, names } from "./support.ts";

const cluster = clusters();

function codeOf(act: () => unknown): string {
  try {
    act();
    return "ok";
  } catch (error) {
    return error instanceof MemberlistError ? error.code : String(error);
  }
}

function changesOf(ring: Ring): RingChange[] {
  const changes: RingChange[] = [];
  ring.onChange((change) => void changes.push(change));
  return changes;
}

describe("a ring", () => {
  it("chooses the same owners at all members", async () => {
    const one = cluster();
    const all = membersOf(await one.joined(5, (i) => ({ tags: { zone: `zone-${i % 3}`, weight: String(i + 1) } })));
    const rings = all.map((members) => createRing(members));
    for (const key of keys(200)) {
      const [owners, ...others] = rings.map((ring) => names(ring.ownersOf(key, 3)));
      for (const other of others) expect(other).toEqual(owners);
      expect(
        all
          .filter((_, i) => rings[i]?.isMine(key, 3))
          .map((members) => members.localNode().name)
          .sort(),
      ).toEqual(owners?.toSorted());
      expect(rings.filter((ring) => ring.isMine(key))).toHaveLength(1);
    }
  });

  it("reads the members once for all that a join brings at once", async () => {
    const one = cluster();
    await one.joined(30);
    const { members: last } = await one.start({ name: "last" });
    const reads = vi.spyOn(last, "members");
    const ring = createRing(last);
    const changes = changesOf(ring);
    await one.settle(last.join([firstAddress(one)]));
    await one.until(() => ring.members.length === 31);
    expect(changes.length).toBeLessThan(5);
    expect(reads.mock.calls.length).toBeLessThan(10);
  });

  it("reports a join with the keys that the new member takes, by which time it owns them", async () => {
    const one = cluster();
    const [a] = membersOf(await one.joined(4)) as [Memberlist];
    const ring = createRing(a);
    const before = new Map(keys(2_000).map((key) => [key, names(ring.ownersOf(key))]));
    const changes = changesOf(ring);
    const owners: string[][] = [];
    ring.onChange(() => void owners.push(names(ring.members)));
    await joins(one, "node-4");
    await one.until(() => changes.length > 0);
    expect(changes).toHaveLength(1);
    const [change] = changes as [RingChange];
    expect({ joined: names(change.joined), left: change.left, changed: change.changed }).toEqual({
      joined: ["node-4"],
      left: [],
      changed: [],
    });
    expect(owners).toEqual([["node-0", "node-1", "node-2", "node-3", "node-4"]]);
    const moves = [...before].map(([key, owner]) => {
      const move = change.moved(key);
      return move && { key, owner, from: names(move.from), to: names(move.to) };
    });
    const expected = [...before].map(([key, owner]) => {
      const to = names(ring.ownersOf(key));
      return to[0] === owner[0] ? undefined : { key, owner, from: owner, to };
    });
    expect(moves).toEqual(expected);
    const moved = moves.filter((move) => move !== undefined);
    expect(new Set(moved.flatMap(({ to }) => to))).toEqual(new Set(["node-4"]));
    expect(change.movedShare()).toBeCloseTo(1 / 5);
    expect(Math.abs(moved.length - 400)).toBeLessThan(100);
  });

  it("keeps a suspect member until it is dead, and then reports the new owners of its keys", async () => {
    const one = cluster();
    const [a, b] = membersOf(await one.joined(4)) as [Memberlist, Memberlist];
    const ring = createRing(a);
    const changes = changesOf(ring);
    await b.shutdown();
    await one.until(() => a.get("node-1")?.state === "suspect");
    expect(names(ring.members)).toContain("node-1");
    await one.until(() => a.get("node-1")?.state === "dead");
    await one.until(() => changes.length > 0);
    expect(changes.map(({ left }) => names(left))).toEqual([["node-1"]]);
    expect(names(ring.members)).toEqual(["node-0", "node-2", "node-3"]);
    const lost = keys(300).flatMap((key) => changes[0]?.moved(key, 2)?.from ?? []);
    expect(lost.length).toBeGreaterThan(100);
    expect(new Set(names(lost))).toEqual(new Set(["node-1"]));
    expect(changes[0]?.movedShare()).toBeCloseTo(1 / 4);
  });

  it("follows weights and zones that members publish, but not other tags", async () => {
    const one = cluster();
    const [a, b] = membersOf(await one.joined(3, () => ({ tags: { weight: "1" } }))) as [Memberlist, Memberlist];
    const ring = createRing(a);
    const changes = changesOf(ring);
    await one.settle(b.setTags({ weight: "1", role: "web" }));
    await one.until(() => ring.members.some(({ meta }) => meta.length > 10));
    expect(changes).toEqual([]);
    await one.settle(b.setTags({ weight: "3", role: "web" }));
    await one.until(() => changes.length > 0);
    expect(names(changes[0]?.changed ?? [])).toEqual(["node-1"]);
    // Before: 1/3 each; now 1/5, 3/5, 1/5.
    expect(changes[0]?.movedShare()).toBeCloseTo(3 / 5 - 1 / 3);
    const all = keys(3_000);
    const moved = all.filter((key) => changes[0]?.moved(key) !== undefined);
    expect(Math.abs(moved.length - 800)).toBeLessThan(150);
    for (const key of moved) expect(names(ring.ownersOf(key))).toEqual(["node-1"]);
  });

  it("takes members, weights and zones from functions", async () => {
    const one = cluster();
    const [a] = membersOf(await one.joined(6, (i) => ({ tags: { role: i < 4 ? "cache" : "web", rack: String(i % 2) } }))) as [
      Memberlist,
    ];
    const ring = createRing(a, {
      filter: (_, tags) => tags["role"] === "cache",
      weight: ({ name }) => (name === "node-0" ? 0 : 1),
      zone: (_, tags) => tags["rack"] ?? "",
    });
    expect(names(ring.members)).toEqual(["node-1", "node-2", "node-3"]);
    for (const key of keys(50)) expect(names(ring.ownersOf(key, 2))).toContain("node-2");
    expect(keys(50).some((key) => ring.isMine(key, 3))).toBe(false);
  });

  it("gives no keys to a member for which a function throws, and logs that", async () => {
    const one = cluster();
    const [first] = (await one.joined(2)) as [TestNode];
    const wrong = (): never => {
      throw new TypeError("no rack");
    };
    const only = (name: string) => (node: Node) => node.name !== name || wrong();
    const rings = [
      createRing(first.members, { filter: only("node-2") }),
      createRing(first.members, { weight: (node) => Number(only("node-2")(node)) }),
      createRing(first.members, { zone: (node) => String(only("node-2")(node)) }),
    ];
    const chosen = leader(first.members, { filter: only("node-2"), settle: 0 });
    await joins(one, "node-2");
    await joins(one, "node-3");
    await one.until(() => rings.every(({ members }) => members.length === 3));
    for (const ring of [...rings, createRing(first.members, { filter: only("node-2") })]) {
      expect(names(ring.members)).toEqual(["node-0", "node-1", "node-3"]);
    }
    expect(chosen.current).toBeDefined();
    const [line] = first.log.filter(({ fields }) => fields.code === "delegate_failed");
    expect(line).toMatchObject({ level: "error", message: "a function of the ring failed for node-2: no rack" });
    expect(line?.fields["err"]).toBeInstanceOf(TypeError);
  });

  it("stops at its close and at the shutdown of its member", async () => {
    const one = cluster();
    const [a, b] = membersOf(await one.joined(2)) as [Memberlist, Memberlist];
    const [closed, open] = [createRing(a), createRing(b)];
    const changes = [closed, open].map(changesOf);
    closed.close();
    await joins(one, "node-2");
    await one.until(() => b.numMembers() === 3);
    await one.clock.advance(0);
    expect(changes.map(({ length }) => length)).toEqual([0, 1]);
    expect(names(closed.members)).toEqual(["node-0", "node-1"]);
    await b.shutdown();
    expect(names(open.ownersOf("a", 9)).sort()).toEqual(["node-0", "node-1", "node-2"]);
  });

  it("ends the calls of a listener that was removed", async () => {
    const one = cluster();
    const [a] = membersOf(await one.joined(2)) as [Memberlist];
    const ring = createRing(a);
    let calls = 0;
    const listener = (): void => void calls++;
    const remove = [ring.onChange(listener), ring.onChange(listener)];
    remove[0]?.();
    const changes = changesOf(ring);
    await joins(one, "node-2");
    await one.until(() => changes.length > 0);
    expect(calls).toBe(1);
  });

  it("refuses wrong arguments", async () => {
    const one = cluster();
    const { members: a } = await one.start({ name: "a" });
    expect(codeOf(() => createRing(a, { weights: 1 } as never))).toBe("invalid_argument");
    expect(codeOf(() => createRing(a, { filter: true } as never))).toBe("invalid_argument");
    const ring = createRing(a);
    for (const n of [0, -1, 1.5, NaN, "2"]) expect(codeOf(() => ring.ownersOf("key", n as number))).toBe("invalid_argument");
    for (const key of [undefined, 5, null, {}]) expect(codeOf(() => ring.isMine(key as never))).toBe("invalid_argument");
  });
});

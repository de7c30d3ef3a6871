import * as fc from "fast-check";
import { expect, it } from "vitest";
import { NodeRecord } from "../../src/swim/node-record.ts";
import { ProbeList } from "../../src/swim/probe-list.ts";
import { SeededRandom } from "../../src/testing/seeded-random.ts";

function recordOf(name: string): NodeRecord {
  return new NodeRecord(name, "10.0.0.1", 1, new Uint8Array(0), 0);
}

it("probes each member that stays once in a round, and no member that was deleted", () => {
  const step = fc.record({ node: fc.nat(9), kind: fc.constantFrom("add", "delete", "next") });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.nat(1_000), (steps, seed) => {
      const list = new ProbeList<NodeRecord>(new SeededRandom(seed));
      const records = Array.from({ length: 10 }, (_, i) => recordOf(`n${i}`));
      const members = new Set<NodeRecord>();
      const probed = new Set<NodeRecord>();
      /** They have been members since the round began. */
      let due = new Set<NodeRecord>();
      /** Whether the next of the list is one that it may be, or the end of the round where nobody is due. */
      const isRight = (next: NodeRecord | undefined): boolean => {
        if (next !== undefined) {
          due.delete(next);
          const isNew = !probed.has(next);
          probed.add(next);
          return isNew && members.has(next);
        }
        const isOver = due.size === 0;
        probed.clear();
        due = new Set(members);
        return isOver;
      };
      for (const { node, kind } of steps) {
        const record = records[node] as NodeRecord;
        if (kind === "add" && !members.has(record)) {
          list.add(record);
          members.add(record);
        } else if (kind === "delete" && members.delete(record)) {
          list.delete(record);
          due.delete(record);
          probed.delete(record);
        }
        expect([list.size, kind !== "next" || isRight(list.next())]).toEqual([members.size, true]);
      }
    }),
  );
});

it("probes a new member at any time of a round alike", () => {
  const waits: number[] = [];
  for (let seed = 0; seed < 400; seed++) {
    const list = new ProbeList<NodeRecord>(new SeededRandom(seed));
    for (let i = 0; i < 20; i++) list.add(recordOf(`n${i}`));
    for (let i = 0; i < 10; i++) list.next();
    const added = recordOf("new");
    list.add(added);
    let wait = 0;
    for (let next = list.next(); next !== added; next = list.next()) wait++;
    waits.push(wait);
  }
  // Half of them in what is left of this round, the others in the next one.
  expect(waits.reduce((sum, wait) => sum + wait) / waits.length).toBeGreaterThan(8);
  expect(waits.reduce((sum, wait) => sum + wait) / waits.length).toBeLessThan(16);
  expect(waits.filter((wait) => wait <= 10).length).toBeGreaterThan(150);
});

it("draws every order alike", () => {
  const random = new SeededRandom(1);
  const list = new ProbeList<NodeRecord>(random);
  for (const name of ["a", "b", "c"]) list.add(recordOf(name));
  const counts = new Map<string, number>();
  for (let round = 0; round < 1_200; round++) {
    let order = "";
    for (let next = list.next(); next !== undefined; next = list.next()) order += next.name;
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(6);
  for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(60);
});

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeHeapSnapshot } from "node:v8";
import { expect, it } from "vitest";
import { heapClasses, heapGrowth, joinedClasses } from "../src/soak/heap-snapshot.ts";

const types = ["hidden", "array", "string", "object", "code", "closure", "native"];

function snapshot(nodes: readonly (readonly [type: string, name: string, size: number])[]): string {
  const strings = nodes.map(([, name]) => name);
  return JSON.stringify({
    snapshot: { meta: { node_fields: ["type", "name", "id", "self_size"], node_types: [types, "string", "number", "number"] } },
    nodes: nodes.flatMap(([type, , size], index) => [types.indexOf(type), index, index, size]),
    strings,
  });
}

it("counts objects by constructor, and V8's own by kind", () => {
  const classes = heapClasses(
    snapshot([
      ["object", "Node", 40],
      ["object", "Node", 60],
      ["string", "some text", 16],
      ["string", "another", 24],
      ["closure", "tick", 32],
      ["native", "ArrayBuffer", 8],
    ]),
  );
  expect(Object.fromEntries(classes)).toEqual({
    Node: { count: 2, size: 100 },
    "(string)": { count: 2, size: 40 },
    "(closure) tick": { count: 1, size: 32 },
    "(native) ArrayBuffer": { count: 1, size: 8 },
  });
});

it("lists growing constructors, the most bytes first, and no shrinking ones", () => {
  const before = heapClasses(
    snapshot([
      ["object", "A", 10],
      ["object", "B", 100],
    ]),
  );
  const after = heapClasses(
    snapshot([
      ["object", "A", 10],
      ["object", "A", 15],
      ["object", "B", 60],
      ["object", "C", 30],
    ]),
  );
  expect(heapGrowth(before, after)).toEqual([
    { name: "C", count: 1, size: 30 },
    { name: "A", count: 1, size: 15 },
  ]);
});

it("adds up the objects of several processes", () => {
  const one = heapClasses(snapshot([["object", "A", 10]]));
  expect(Object.fromEntries(joinedClasses([one, one]))).toEqual({ A: { count: 2, size: 20 } });
});

it("refuses a file that is not a heap snapshot", () => {
  const other = JSON.stringify({ snapshot: { meta: { node_fields: [], node_types: [] } }, nodes: [], strings: [] });
  expect(() => heapClasses(other)).toThrow(/not a heap snapshot/);
});

it("finds objects that leak in snapshots of this process", () => {
  class LeakingThing {
    readonly number: number;
    constructor(number: number) {
      this.number = number;
    }
  }
  const folder = mkdtempSync(join(tmpdir(), "memberlist-heap-"));
  try {
    const read = (name: string) => heapClasses(readFileSync(writeHeapSnapshot(join(folder, name)), "utf8"));
    const kept = [new LeakingThing(0)];
    const before = read("before.heapsnapshot");
    for (let i = 1; i <= 5000; i++) kept.push(new LeakingThing(i));
    const leak = heapGrowth(before, read("after.heapsnapshot")).find(({ name }) => name === "LeakingThing");
    expect(leak?.count).toBe(5000);
    expect(leak?.size).toBeGreaterThan(5000 * 12);
    expect(kept).toHaveLength(5001);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 60_000);

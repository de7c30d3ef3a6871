import { expect, it } from "vitest";
import type { SelectNodes } from "../../src/index.ts";
import { bytes, clusters } from "./cluster.ts";

const cluster = clusters();

it.each<[string, unknown]>([
  [
    "throws",
    () => {
      throw new Error("no good");
    },
  ],
  ["is async", () => Promise.resolve([])],
  ["returns no list", () => "node-1"],
  ["returns no nodes", () => [undefined, 5, {}, { name: 7 }]],
  ["returns none", () => []],
])("counts a selectNodes that %s, and uses all candidates", async (_, hook) => {
  const one = cluster();
  const nodes = await one.joined(6, (i) =>
    i === 0 ? { selectNodes: hook as SelectNodes, pushPullInterval: 0 } : { pushPullInterval: 0 },
  );
  const [first, ...others] = nodes;
  await one.settle(first!.members.updateNode({ meta: bytes("meta") }));
  await one.until(() => others.every(({ members }) => members.members().some(({ meta }) => meta.length === 4)));
  expect(first?.members.counters()["select_nodes_failed"]).toBeGreaterThan(0);
});

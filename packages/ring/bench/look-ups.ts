// npx -y pnpm@12 --filter @memberlist/ring bench
// Measures how many look-ups a ring makes in a second of CPU time.
import process from "node:process";
import { encodeTags, type EventStream, type Node } from "@memberlist/core";
import { createRing, type Ring, type RingSource } from "../src/index.ts";

const keyCount = 1_000;
const milliseconds = 1_000;

function nodeOf(i: number, meta: Uint8Array): Node {
  const versions = { pMin: 1, pMax: 5, pCur: 2, dMin: 0, dMax: 0, dCur: 0 };
  return { name: `node-${i}`, addr: "10.0.0.1", port: 7946, meta, state: "alive", incarnation: 1, ...versions };
}

function ringOf(count: number, tagsOf: (i: number) => Readonly<Record<string, string>>): Ring {
  const nodes = Array.from({ length: count }, (_, i) => nodeOf(i, encodeTags(tagsOf(i))));
  const members: Pick<RingSource, "events" | "localNode" | "members"> = {
    members: () => nodes as never,
    localNode: () => nodes[0] as Node,
    events: () => (async function* () {})() as unknown as EventStream,
  };
  return createRing(members as RingSource);
}

/** Look-ups in a second of CPU time. */
function rate(lookUp: (key: string) => unknown): number {
  const keys = Array.from({ length: keyCount }, (_, i) => `user:${i * 7_919}:profile`);
  for (let round = 0; round < 20; round++) for (const key of keys) lookUp(key);
  const before = process.cpuUsage();
  const end = performance.now() + milliseconds;
  let count = 0;
  while (performance.now() < end) {
    for (const key of keys) lookUp(key);
    count += keyCount;
  }
  return count / (process.cpuUsage(before).user / 1e6);
}

const kinds = {
  "equal weights": () => ({}),
  "weights 1 to 8": (i: number) => ({ weight: String(1 + (i % 8)) }),
  "three zones": (i: number) => ({ zone: `zone-${i % 3}` }),
};
process.stdout.write("| members | | one owner | three owners |\n| --- | --- | --- | --- |\n");
for (const count of [10, 100, 1_000]) {
  for (const [kind, tagsOf] of Object.entries(kinds)) {
    const ring = ringOf(count, tagsOf);
    const [one, three] = [1, 3].map((n) => Math.round(rate((key) => ring.ownersOf(key, n)) / 1_000));
    process.stdout.write(`| ${count} | ${kind} | ${one},000 | ${three},000 |\n`);
  }
}

import type { NodeState } from "../../src/api/node.ts";
import { NodeRecord } from "../../src/swim/node-record.ts";
import { NodeTable } from "../../src/swim/node-table.ts";
import { SeededRandom } from "../../src/testing/seeded-random.ts";
import { hostOf } from "./messages.ts";

/** A table of the nodes `test0`, `test1`, and so on, in these states. */
export function tableOf(wanted: readonly (readonly [state: NodeState, changedAt: number])[], seed: number = 1): NodeTable {
  const table = new NodeTable(new SeededRandom(seed));
  for (const [i, [state, changedAt]] of wanted.entries()) {
    const record = new NodeRecord(`test${i}`, hostOf(`n${i}`), 7946, new Uint8Array(0), 0);
    table.add(record);
    table.setState(record, state, changedAt);
  }
  return table;
}

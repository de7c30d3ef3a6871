import type { Node } from "../api/node.ts";
import type { EngineContext } from "./context.ts";
import { NodeRecord } from "./node-table.ts";

/**
 * For experiments: enters these nodes into the table as alive, as if they had been known for long, and tells of their joins. Nothing is
 * broadcast. What the nodes of a simulation know of each other is one snapshot and one name each, which they share.
 */
export function introduce({ config, outputs, table, now }: EngineContext, nodes: readonly Node[]): void {
  for (const node of nodes) {
    if (node.name === config.name || table.get(node.name) !== undefined) continue;
    const record = new NodeRecord(node.name, node.addr, node.port, node.meta, now);
    table.add(record);
    table.setState(record, "alive", now);
    record.share(node, table.internVersions([node.pMin, node.pMax, node.pCur, node.dMin, node.dMax, node.dCur]));
    outputs.events.push({ type: "join", node });
  }
}

import type { Node } from "@memberlist/core";
import { NodeRecord, type Engine } from "@memberlist/core/internal";

/**
 * Adds these nodes to the table of a member as alive, as if they had been known for long, and reports their joins. It gossips nothing. All
 * members share the view and the name of each node. To be called once, as an input of an engine that has started.
 */
export function preload({ context, gossip, pushPull }: Engine, nodes: readonly Node[]): void {
  const { config, outputs, table, now } = context;
  for (const node of nodes) {
    if (node.name === config.name || table.get(node.name) !== undefined) continue;
    const record = new NodeRecord(node.name, node.addr, node.port, node.meta, now);
    table.add(record);
    table.setState(record, "alive", now);
    record.share(node, table.internVersions([node.pMin, node.pMax, node.pCur, node.dMin, node.dMax, node.dCur]));
    outputs.events.push({ type: "join", node });
  }
  gossip.forget();
  pushPull.restart();
}

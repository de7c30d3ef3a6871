import type { Address } from "../api/address.ts";
import type { ResolvedConfig } from "../config/config.ts";
import type { Engine } from "../swim/engine.ts";
import { makeNode } from "../swim/node-table.ts";
import { nodeStateName } from "../swim/versions.ts";
import { isLoopback, isWildcard } from "../transport-kit/bind-target.ts";
import type { Node } from "../api/node.ts";
import type { PushNodeState } from "../wire/messages/types.ts";
import type { PeerView } from "./streams/outbound-streams.ts";

type Joiner = { readonly config: ResolvedConfig; readonly engine: Engine };

/**
 * Whether this node exchanged states with itself, which is likely with a shared list of seeds or a load balancer. The wire does not show
 * it, so two rules decide: the address is this node's own and lists no other node there, or the peer lists only this node, although every
 * member lists itself.
 */
export function isOurselves({ config, engine }: Joiner, address: Address, { count, nodes }: PeerView): boolean {
  const us = engine.localNode;
  const isUs = ({ name, addr, port }: PushNodeState): boolean => name === us.name && addr === us.addr && port === us.port;
  if (count === 1 && nodes.every(isUs) && (nodes.length === 1 || engine.numKnown === 1)) return true;
  if (nodes.some((node) => node.addr === address.host && node.port === address.port && !isUs(node))) return false;
  if (address.host === us.addr && address.port === us.port) return true;
  const isBoundHere = isWildcard(config.bindAddr) && isLoopback(address.host) && address.port === config.bindPort;
  return isBoundHere && !engine.isOccupied(address);
}

/** The peer's nodes with this node's name at another address that have not left. The peer does not list this node while it lists them. */
export function namesakes({ config, engine }: Joiner, { nodes }: PeerView): Node[] {
  const us = engine.localNode;
  return nodes
    .filter(({ name, addr, port }) => name === config.name && (addr !== us.addr || port !== us.port))
    .map((node) => makeNode(node, node.vsn, nodeStateName(node.state) ?? "dead"))
    .filter(({ state }) => state !== "left");
}

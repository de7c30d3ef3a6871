import type { Address } from "../api/address.ts";
import type { MemberInfo, Node, NodeState } from "../api/node.ts";
import { addressOf } from "./context.ts";
import type { NodeRecord } from "./node-record.ts";
import type { NodeTable } from "./node-table.ts";

/** All that are alive or suspect. */
export function liveNodes(table: NodeTable): Node[] {
  const nodes: Node[] = [];
  for (const record of table.records()) {
    if (!record.isDeadOrLeft) nodes.push(record.view());
  }
  return nodes;
}

/** The addresses of the members that are alive, without the one of this name: all, or `limit` of them. */
export function aliveAddresses(table: NodeTable, except: string, limit: number): Address[] {
  const found: Address[] = [];
  for (const record of table.records()) {
    if (found.length >= limit) break;
    if (record.state === "alive" && record.name !== except) found.push(addressOf(record));
  }
  return found;
}

/** The members in these states. @param wallTime now, in ms since the Unix epoch */
export function memberInfos(table: NodeTable, states: readonly NodeState[], now: number, wallTime: number): MemberInfo[] {
  return table
    .records()
    .filter(({ state }) => states.includes(state))
    .map((record) => memberInfo(record, now, wallTime));
}

export function memberInfo(record: NodeRecord, now: number, wallTime: number): MemberInfo {
  const age = now - record.stateChangedAt;
  const { rtt, cause, suspicion } = record;
  return Object.freeze({
    ...record.viewOnce(),
    since: wallTime - age,
    age,
    rtt,
    cause,
    accusers: suspicion?.accusers ?? [],
  });
}

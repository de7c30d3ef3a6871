import { vi } from "vitest";
import type { Address } from "../../src/api/address.ts";
import type { Metrics, Node } from "../../src/index.ts";
import type { Cluster, TestNode } from "./cluster.ts";

export interface SentPacket {
  readonly bytes: Uint8Array;
  readonly to: Address;
}

/** Every packet that is sent on the network, from when it is called. */
export function sentPackets(one: Cluster): SentPacket[] {
  const packets: SentPacket[] = [];
  const send = one.network.sendPacket.bind(one.network);
  vi.spyOn(one.network, "sendPacket").mockImplementation((packet, from, to) => {
    packets.push({ bytes: packet.slice(), to });
    send(packet, from, to);
  });
  return packets;
}

/** Whether somebody on the network could read `what`: five characters at least, as fewer are in random bytes soon enough. */
export function shows(packets: readonly SentPacket[], what: string): boolean {
  return packets.some((packet) => Buffer.from(packet.bytes).includes(what));
}

/** Counts what nobody wants to see in a cluster that is well: members suspected, or declared dead. */
export class Alarms {
  count = 0;
  readonly metrics: Metrics = {
    increment: (metric) => void (/^memberlist\.msg\.(suspect|dead)$/.test(metric) && this.count++),
    gauge: () => {},
    sample: () => {},
  };
}

/** What a node knows of everybody, in the order of the names. */
export function everybody(node: TestNode): readonly Node[] {
  return node.members.members().toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

export function allSee(nodes: readonly TestNode[]): boolean {
  return nodes.every((node) => node.members.numMembers() === nodes.length);
}

/** What a promise was rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return error;
  }
}

import { vi } from "vitest";
import type { Address } from "../../src/api/address.ts";
import type { Metrics, Node } from "../../src/index.ts";
import type { Cluster, TestNode } from "./cluster.ts";

export interface SentPacket {
  readonly bytes: Uint8Array;
  readonly to: Address;
}

/** Collects every packet sent on the network from now on. */
export function sentPackets(one: Cluster): SentPacket[] {
  const packets: SentPacket[] = [];
  const send = one.network.sendPacket.bind(one.network);
  vi.spyOn(one.network, "sendPacket").mockImplementation((packet, from, to) => {
    packets.push({ bytes: packet.slice(), to });
    send(packet, from, to);
  });
  return packets;
}

/** Whether `what` is readable in the packets. It needs five characters or more: random bytes contain shorter strings by chance. */
export function shows(packets: readonly SentPacket[], what: string): boolean {
  return packets.some((packet) => Buffer.from(packet.bytes).includes(what));
}

/** Counts suspect and dead messages, which a healthy cluster does not send. */
export class Accusations {
  count = 0;
  readonly metrics: Metrics = {
    increment: (metric) => void (/^memberlist\.msg\.(suspect|dead)$/.test(metric) && this.count++),
    gauge: () => {},
    sample: () => {},
  };
}

/** All members that a node knows, by name. */
export function everybody(node: TestNode): readonly Node[] {
  return node.members.members().toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

export function allSee(nodes: readonly TestNode[]): boolean {
  return nodes.every((node) => node.members.numMembers() === nodes.length);
}

/** The error that a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return error;
  }
}

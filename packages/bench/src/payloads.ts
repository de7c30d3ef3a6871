import { TransmitLimitedQueue } from "@memberlist/core";
import { SeededRandom } from "../../memberlist/src/testing/seeded-random.ts";
import { encodeAlive } from "../../memberlist/src/wire/messages/encode.ts";
import { makeCompound } from "../../memberlist/src/wire/compound.ts";
import type { Alive, Ping, PushNodeState } from "../../memberlist/src/wire/messages/types.ts";

/** What the benchmarks feed in: alike on every run, so that figures can be compared. */
export const ping: Ping = {
  seqNo: 70_000,
  node: "node-17.dc-1.example",
  sourceAddr: "10.0.3.17",
  sourcePort: 7946,
  sourceNode: "node-3.dc-1.example",
};

const versions = [1, 5, 2, 0, 0, 0];

/** @param first the number of the first node */
export function alives(count: number, first = 0): Alive[] {
  return Array.from({ length: count }, (_, at) => at + first).map((i) => ({
    incarnation: 1 + (i % 7),
    node: `node-${i}.dc-${i % 3}.example`,
    addr: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
    port: 7946,
    meta: new TextEncoder().encode(`role=web;build=2026.11.${i % 30}`),
    vsn: versions,
  }));
}

/** Broadcasts as a member queues them: alive messages, by the names of the nodes. */
export function aliveBroadcasts(count: number): { readonly name: string; readonly message: Uint8Array }[] {
  return alives(count).map((alive) => ({ name: alive.node, message: encodeAlive(alive) }));
}

/** A queue that takes every broadcast, and gives none up. */
export function unboundedQueue(numNodes: number): TransmitLimitedQueue {
  return new TransmitLimitedQueue({
    numNodes: () => numNodes,
    maxPayload: () => Infinity,
    retransmitMult: 1_000_000,
    maxCount: Infinity,
    maxBytes: Infinity,
  });
}

export function pushNodes(count: number): PushNodeState[] {
  return alives(count).map(({ node, ...rest }) => ({ ...rest, name: node, state: 0 }));
}

/** In {@link gossipPacket}. */
export const nodesInPacket: number = 20;

/**
 * A compound of alive messages, cut to `size` bytes.
 *
 * @param first the number of the first node
 */
export function gossipPacket(size: number, first = 0): Uint8Array {
  return makeCompound(alives(nodesInPacket, first).map(encodeAlive)).subarray(0, size);
}

export function randomBytes(size: number, seed = 1): Uint8Array {
  const random = new SeededRandom(seed);
  return Uint8Array.from({ length: size }, () => Math.floor(random.next() * 256));
}

/** What LZW makes a quarter of, without any part being like another. */
export function letters(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0, seed = 7; i < size; i++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = 97 + ((seed >>> 16) % 20);
  }
  return bytes;
}

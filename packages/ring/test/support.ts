import { encodeTags, type Memberlist, type Node, type Tags } from "@memberlist/core";
import type { Cluster } from "../../memberlist/test/facade/cluster.ts";

/** A member that joins the first one. */
export async function joins(one: Cluster, name: string): Promise<Memberlist> {
  const { members } = await one.start({ name });
  await one.settle(members.join([firstAddress(one)]));
  return members;
}

export function firstAddress({ nodes }: Cluster): string {
  return nodes[0]?.address ?? "";
}

export function nodeOf(name: string, tags: Tags = {}): Node {
  const versions = { pMin: 1, pMax: 5, pCur: 2, dMin: 0, dMax: 0, dCur: 0 };
  return { name, addr: "10.0.0.1", port: 7946, meta: encodeTags(tags), state: "alive", incarnation: 1, ...versions };
}

export const names = (nodes: readonly Node[]): string[] => nodes.map(({ name }) => name);

/** `key-0` and so on. */
export const keys = (count: number): string[] => Array.from({ length: count }, (_, i) => `key-${i}`);

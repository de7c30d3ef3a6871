import process from "node:process";
import type { Config, Node } from "@memberlist/core";
import { describeNode, epochMs, toBase64, type PeerConfig, type PeerEvent } from "./peer-protocol.ts";

/** The rules of a peer's delegates that decide within the protocol. If its member runs in a thread, a module of that thread has them. */
export type PeerRules = Pick<PeerConfig, "disableTcpPingsForNode" | "meta" | "refuseAlive" | "refuseMerge" | "zones">;

/** The config fields of these rules. @param report reports a merge */
export function policyOf(rules: PeerRules, report: (event: PeerEvent) => void): Partial<Config> {
  const { disableTcpPingsForNode, meta = "", refuseAlive, refuseMerge, zones } = rules;
  return {
    ...(disableTcpPingsForNode && { disableTcpPingsForNode: (name: string) => disableTcpPingsForNode.includes(name) }),
    ...(zones === true && { selectNodes: (_purpose, nodes) => nodes.filter(({ meta: zone }) => toBase64(zone) === meta) }),
    merge: {
      notifyMerge: (peers: readonly Node[]): void => {
        report({ event: "merge", at: epochMs(), nodes: peers.map(describeNode) });
        if (refuseMerge !== undefined) throw new Error(refuseMerge);
      },
    },
    ...(refuseAlive && {
      alive: {
        notifyAlive: (node: Node): void => {
          if (refuseAlive.includes(node.name)) throw new Error("refused by the alive delegate");
        },
      },
    }),
  };
}

/** The module of a thread: its URL has the rules. */
export default function threadPolicy(): Partial<Config> {
  const rules = new URL(import.meta.url).searchParams.get("rules") ?? "{}";
  return policyOf(JSON.parse(rules) as PeerRules, (event) => void process.stdout.write(`${JSON.stringify(event)}\n`));
}

import process from "node:process";
import type { Config, Node } from "@memberlist/core";
import { describeNode, epochMs, toBase64, type PeerConfig, type PeerEvent } from "./peer-protocol.ts";

/** The rules of a peer that decide within the protocol: where its member runs in a thread, they are in a module of that thread. */
export type PeerRules = Pick<PeerConfig, "disableTcpPingsForNode" | "meta" | "refuseAlive" | "refuseMerge" | "zones">;

/** The fields of the config for these rules. @param report reports a merge */
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

/** As a module of a thread: the rules are in its URL. */
export default function threadPolicy(): Partial<Config> {
  const rules = new URL(import.meta.url).searchParams.get("rules") ?? "{}";
  return policyOf(JSON.parse(rules) as PeerRules, (event) => void process.stdout.write(`${JSON.stringify(event)}\n`));
}

import { MemberlistError } from "../errors.ts";
import type { NodeState } from "../node.ts";
import type { PushNodeState, Versions } from "../wire/messages.ts";
import type { NodeRecord } from "./node-table.ts";

const stateNames: readonly NodeState[] = ["alive", "suspect", "dead", "left"];

/** The state behind its number on the wire; undefined for numbers that nobody has defined. */
export function nodeStateName(state: number): NodeState | undefined {
  return stateNames[state];
}

export function nodeStateNumber(state: NodeState): number {
  return stateNames.indexOf(state);
}

interface Range {
  min: number;
  max: number;
}

/**
 * Checks that everybody, theirs and ours, speaks protocol and delegate versions that every alive node understands.
 * Source: PROTOCOL.md section 5.
 *
 * @throws MemberlistError `incompatible_versions`
 */
export function verifyProtocol(remote: readonly PushNodeState[], local: readonly NodeRecord[]): void {
  const protocol: Range = { min: 0, max: 255 };
  const delegate: Range = { min: 0, max: 255 };
  // Members share what versions they have: each is looked at once for a row of members.
  let last: Versions | undefined;
  for (const node of remote) {
    if (nodeStateName(node.state) === "alive" && node.vsn.length >= 5) narrow(protocol, delegate, node.vsn);
  }
  for (const { state, versions } of local) {
    if (state !== "alive" || versions === last) continue;
    narrow(protocol, delegate, versions);
    last = versions;
  }
  for (const node of remote) check(node.name, node.vsn.length >= 6 ? node.vsn : [], protocol, delegate);
  last = undefined;
  for (const { name, versions } of local) {
    if (versions === last) continue;
    check(name, versions, protocol, delegate);
    last = versions;
  }
}

function narrow(protocol: Range, delegate: Range, versions: Versions): void {
  const { 0: pMin = 0, 1: pMax = 0, 3: dMin = 0, 4: dMax = 0 } = versions;
  protocol.min = Math.max(protocol.min, pMin);
  protocol.max = Math.min(protocol.max, pMax);
  delegate.min = Math.max(delegate.min, dMin);
  delegate.max = Math.min(delegate.max, dMax);
}

function check(name: string, versions: Versions, protocol: Range, delegate: Range): void {
  const { 2: pCur = 0, 5: dCur = 0 } = versions;
  if (pCur < protocol.min || pCur > protocol.max) refuse(name, "protocol", pCur, protocol);
  if (dCur < delegate.min || dCur > delegate.max) refuse(name, "delegate protocol", dCur, delegate);
}

function refuse(name: string, what: string, version: number, { min, max }: Range): never {
  const accepted =
    min <= max ? `but the alive members all accept ${min} to ${max} only` : "and no version is accepted by all alive members";
  const fields = what === "protocol" ? "protocolVersion" : "delegateProtocolMin, delegateProtocolMax and delegateProtocolVersion";
  throw new MemberlistError(
    "incompatible_versions",
    `node ${name} speaks ${what} version ${version}, ${accepted}. Set ${fields}`,
    {
      details: { node: name, version, min, max },
    },
  );
}

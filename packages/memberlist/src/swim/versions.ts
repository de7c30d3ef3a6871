import { MemberlistError } from "../api/errors.ts";
import { nodeStates, type NodeState } from "../api/node.ts";
import type { PushNodeState, Versions } from "../wire/messages/types.ts";

/** The state of a number on the wire; undefined for unknown numbers. */
export function nodeStateName(state: number): NodeState | undefined {
  return nodeStates[state];
}

export function nodeStateNumber(state: NodeState): number {
  return nodeStates.indexOf(state);
}

/** The versions of a member. */
interface VersionedNode {
  readonly name: string;
  readonly state: NodeState;
  readonly versions: Versions;
}

interface Range {
  min: number;
  max: number;
}

/** Nodes that are checked in one go: at most some 2 ms. */
const checkedInOneGo = 5_000;

/**
 * Checks that everybody, theirs and ours, speaks protocol and delegate versions that every alive node understands. Yields between parts of the work.
 * Source: PROTOCOL.md section 5.
 *
 * @throws MemberlistError `incompatible_versions`
 */
export function* protocolChecks(remote: readonly PushNodeState[], local: readonly VersionedNode[]): Generator<undefined, void> {
  const protocol: Range = { min: 0, max: 255 };
  const delegate: Range = { min: 0, max: 255 };
  // Members share their arrays of versions: in a row of members with the same one, it is checked once.
  let last: Versions | undefined;
  for (let i = 0; i < remote.length; i++) {
    if (i % checkedInOneGo === checkedInOneGo - 1) yield;
    const { state, vsn } = remote[i] as PushNodeState;
    if (nodeStateName(state) === "alive" && vsn.length >= 5) narrow(protocol, delegate, vsn);
  }
  for (let i = 0; i < local.length; i++) {
    if (i % checkedInOneGo === checkedInOneGo - 1) yield;
    const { state, versions } = local[i] as VersionedNode;
    if (state !== "alive" || versions === last) continue;
    narrow(protocol, delegate, versions);
    last = versions;
  }
  for (let i = 0; i < remote.length; i++) {
    if (i % checkedInOneGo === checkedInOneGo - 1) yield;
    const { name, vsn } = remote[i] as PushNodeState;
    check(name, vsn.length >= 6 ? vsn : [], protocol, delegate);
  }
  last = undefined;
  for (let i = 0; i < local.length; i++) {
    if (i % checkedInOneGo === checkedInOneGo - 1) yield;
    const { name, versions } = local[i] as VersionedNode;
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

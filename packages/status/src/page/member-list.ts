import type { NodeState } from "@memberlist/core";
import type { MemberStatus } from "../document.ts";
import { metaText } from "../meta-text.ts";
import { formatDuration } from "../readable.ts";

export type SortKey = "name" | "state" | "since" | "rtt" | "address" | "incarnation" | "versions" | "meta";

export interface Sort {
  readonly key: SortKey;
  readonly isDescending: boolean;
}

export interface Selection {
  /** Words. A member is shown if its name, address and metadata contain all words. */
  readonly filter: string;
  /** Undefined for members of all states. */
  readonly state: NodeState | undefined;
  readonly sort: Sort;
}

/** The states, the most worrying first. */
export const statesByConcern: readonly NodeState[] = ["suspect", "dead", "left", "alive"];

const collator = new Intl.Collator(undefined, { numeric: true });
const searched = new WeakMap<MemberStatus, string>();

/** Returns the members to show, in order. */
export function select(members: Iterable<MemberStatus>, { filter, state, sort }: Selection): MemberStatus[] {
  const words = filter.toLowerCase().split(/\s+/);
  const found = [...members].filter(
    (member) => (state === undefined || member.state === state) && words.every((word) => searchText(member).includes(word)),
  );
  const sign = sort.isDescending ? -1 : 1;
  const compare = comparators[sort.key];
  return found.sort((a, b) => sign * compare(a, b) || byName(a, b));
}

/** Formats the age of a state in whole seconds. */
export function ageText(age: number): string {
  return age < 1_000 ? "0 s" : formatDuration(Math.floor(age / 1_000) * 1_000);
}

/** Formats the current versions of the protocol and of the delegate protocol, such as `5 · 4`. */
export function versionText({ protocol, delegateProtocol }: MemberStatus): string {
  return `${protocol[2]} · ${delegateProtocol[2]}`;
}

type Compare = (a: MemberStatus, b: MemberStatus) => number;

const byName: Compare = (a, b) => collator.compare(a.name, b.name);
const comparators: Readonly<Record<SortKey, Compare>> = {
  name: byName,
  state: (a, b) => statesByConcern.indexOf(a.state) - statesByConcern.indexOf(b.state),
  // The newest state first.
  since: (a, b) => b.since - a.since,
  rtt: (a, b) => (a.rtt ?? Infinity) - (b.rtt ?? Infinity) || 0,
  address: (a, b) => collator.compare(a.address, b.address),
  incarnation: (a, b) => a.incarnation - b.incarnation,
  versions: (a, b) => a.protocol[2] - b.protocol[2] || a.delegateProtocol[2] - b.delegateProtocol[2],
  meta: (a, b) => collator.compare(metaText(a.meta), metaText(b.meta)),
};

function searchText(member: MemberStatus): string {
  let text = searched.get(member);
  if (text === undefined) {
    text = `${member.name} ${member.address} ${metaText(member.meta)}`.toLowerCase();
    searched.set(member, text);
  }
  return text;
}

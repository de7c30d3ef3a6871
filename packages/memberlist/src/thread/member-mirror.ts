import { nodeStates, type MemberInfo, type Node, type NodeState } from "../api/node.ts";
import type { Clock } from "../ports/clock.ts";
import { unpack } from "./packed-values.ts";
import type { NodeUpdate } from "./thread-messages.ts";

interface Entry {
  readonly node: Node;
  readonly info: Omit<MemberInfo, "age">;
}

/** The members as the application last heard of them from the thread. */
export class MemberMirror {
  readonly #clock: Clock;
  readonly #entries: Map<string, Entry> = new Map();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  update({ name, info: packed }: NodeUpdate): void {
    if (packed === undefined) {
      this.#entries.delete(name);
      return;
    }
    const info = unpack(packed) as MemberInfo;
    const { addr, port, meta, state, incarnation, pMin, pMax, pCur, dMin, dMax, dCur } = info;
    const node = Object.freeze({ name, addr, port, meta, state, incarnation, pMin, pMax, pCur, dMin, dMax, dCur });
    this.#entries.set(name, { node, info });
  }

  /** Forgets the members that are not alive or suspect, but not `self`. */
  forgetDead(self: string): void {
    for (const [name, { node }] of this.#entries) if (name !== self && !isLive(node)) this.#entries.delete(name);
  }

  delete(name: string): void {
    this.#entries.delete(name);
  }

  node(name: string): Node | undefined {
    return this.#entries.get(name)?.node;
  }

  /** Those that are alive or suspect. */
  nodes(): Node[] {
    const nodes: Node[] = [];
    for (const { node } of this.#entries.values()) if (isLive(node)) nodes.push(node);
    return nodes;
  }

  info(name: string): MemberInfo | undefined {
    const entry = this.#entries.get(name);
    return entry && this.#infoOf(entry);
  }

  infos(states: readonly NodeState[]): MemberInfo[] {
    return [...this.#entries.values()].filter(({ node }) => states.includes(node.state)).map((entry) => this.#infoOf(entry));
  }

  countStates(): Record<NodeState, number> {
    const counts = Object.fromEntries(nodeStates.map((state) => [state, 0])) as Record<NodeState, number>;
    for (const { node } of this.#entries.values()) counts[node.state]++;
    return counts;
  }

  #infoOf({ info }: Entry): MemberInfo {
    return Object.freeze({ ...info, age: Math.max(0, this.#clock.wallTime() - info.since) });
  }
}

export function isLive({ state }: Node): boolean {
  return state === "alive" || state === "suspect";
}

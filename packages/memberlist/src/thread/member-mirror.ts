import { MemberlistError } from "../api/errors.ts";
import type { MemberInfo, Node, NodeState } from "../api/node.ts";
import type { Traffic } from "../api/stats.ts";
import type { Clock } from "../ports/clock.ts";
import { noTraffic } from "../runtime/stats.ts";
import { unpack } from "./packed-values.ts";
import type { MemberNumbers, NodeUpdate } from "./thread-messages.ts";

interface Entry {
  readonly node: Node;
  readonly info: Omit<MemberInfo, "age">;
}

type Counts = Readonly<Record<string, number>>;

/** The state of a member, and the nodes that it knows, after the last report of its thread. */
export class MemberMirror {
  readonly #clock: Clock;
  readonly #entries: Map<string, Entry> = new Map();
  #numbers: MemberNumbers | undefined;
  /** The counts of earlier threads. */
  #endedTraffic: Traffic = noTraffic;
  #endedCounters: Counts = {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a thread has reported the member's start. */
  get hasStarted(): boolean {
    return this.#numbers !== undefined;
  }

  /** @throws MemberlistError `thread_failed` before the member has started */
  get numbers(): MemberNumbers {
    if (this.#numbers === undefined) throw new MemberlistError("thread_failed", "the member has not started");
    return this.#numbers;
  }

  /** Of all threads. */
  get traffic(): Traffic {
    return addTraffic(this.numbers.traffic, this.#endedTraffic);
  }

  /** Of all threads. */
  get counters(): Counts {
    return addCounts(this.numbers.counters, this.#endedCounters);
  }

  setNumbers(numbers: MemberNumbers): void {
    this.#numbers = { ...numbers, localNode: Object.freeze(numbers.localNode) };
  }

  /** The thread has ended; the next one counts from 0. */
  threadEnded(): void {
    if (this.#numbers === undefined) return;
    this.#endedTraffic = this.traffic;
    this.#endedCounters = this.counters;
    this.#numbers = { ...this.#numbers, traffic: noTraffic, counters: {} };
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

  /** The states of all nodes. */
  *states(): IterableIterator<NodeState> {
    for (const { node } of this.#entries.values()) yield node.state;
  }

  #infoOf({ info }: Entry): MemberInfo {
    return Object.freeze({ ...info, age: Math.max(0, this.#clock.wallTime() - info.since) });
  }
}

export function isLive({ state }: Node): boolean {
  return state === "alive" || state === "suspect";
}

export function addCounts(a: Counts, b: Counts): Counts {
  const sum: Record<string, number> = { ...a };
  for (const [name, value] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + value;
  return sum;
}

function addTraffic(a: Traffic, b: Traffic): Traffic {
  return addCounts({ ...a }, { ...b }) as unknown as Traffic;
}

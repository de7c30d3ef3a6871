import type { NodeState } from "../api/node.ts";
import { randomOffset, shuffle, type Random } from "../ports/random.ts";
import { packIp, type PackedIp } from "../wire/ip.ts";
import type { Versions } from "../wire/messages/types.ts";
import { AddressIndex } from "./address-index.ts";
import { NameIndex } from "./name-index.ts";
import { noVersions, type NodeFields, type NodeRecord } from "./node-record.ts";
import { ProbeList } from "./probe-list.ts";

/** Nodes that {@link NodeTable.reap} looks at in one call: at most some 2 ms, on a busy machine 5. */
const reapedAtOnce = 1_024;
/** Draws in vain after which {@link NodeTable.randomNodes} walks from a random node on, */
const missesMax = 64;
/** over so many nodes at most. */
const walkedMax = 1_024;

/** All known members, dead ones included. */
export class NodeTable {
  readonly #random: Random;
  readonly #byName: NameIndex<NodeRecord> = new NameIndex();
  readonly #versions: Map<string, Versions> = new Map();
  /** One of them: what was last asked for. */
  #lastVersions: Versions = noVersions;
  /** The addresses of all nodes that are not dead: healing must not try those of nodes that left. */
  readonly #occupied: AddressIndex = new AddressIndex();
  /** Each node is in one of three lists, because a list takes 10 bytes for each of its nodes. This one has the alive and the suspect nodes. */
  readonly #live: ProbeList<NodeRecord>;
  readonly #dead: NodeRecord[] = [];
  readonly #left: NodeRecord[] = [];
  readonly #counts: Record<NodeState, number> = { alive: 0, suspect: 0, dead: 0, left: 0 };
  #stateChanges = 0;
  /** Undefined until {@link trackChanges}. */
  #changed: Set<string> | undefined;
  /** How many of the dead and the left, from the first one on, {@link reap} has not looked at yet. */
  #reapLeft = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#live = new ProbeList(random);
  }

  /** How many nodes are known, ourselves and the dead included: the n of every formula. */
  get size(): number {
    return this.#byName.size;
  }

  /** How many are alive or suspect, ourselves included. */
  get liveCount(): number {
    return this.#live.size;
  }

  /** How many are in this state, ourselves included. */
  count(state: NodeState): number {
    return this.#counts[state];
  }

  /** Rises whenever {@link count} of some state changes. */
  get stateChanges(): number {
    return this.#stateChanges;
  }

  /** Adds the names of all members to a set, and from then on the name of each member that changes. */
  trackChanges(changed: Set<string>): void {
    this.#changed = changed;
    for (const { name } of this.records()) changed.add(name);
  }

  /** Notes that a member has changed, even in a field that the table does not set: its round-trip time, its accusers. */
  changed({ name }: NodeRecord): void {
    this.#changed?.add(name);
  }

  get(name: string): NodeRecord | undefined {
    return this.#byName.get(name);
  }

  /** The record whose name is the `size` bytes from `at` on. */
  getAt(bytes: Uint8Array, at: number, size: number): NodeRecord | undefined {
    return this.#byName.getAt(bytes, at, size);
  }

  /** All of them, a new list each time: the live ones in a random order, then the dead, then those that left. */
  records(): NodeRecord[] {
    return [...this.#live.records, ...this.#dead, ...this.#left];
  }

  add(record: NodeRecord): void {
    this.#byName.set(record);
    this.changed(record);
    this.#enter(record);
    this.#count(record.state, 1);
    if (record.state !== "dead") this.#occupied.add(record.ip, record.port);
  }

  /** @param fields other fields that change with it */
  setState(record: NodeRecord, state: NodeState, now: number, fields: NodeFields = {}): void {
    const { ip, port, state: before } = record;
    const stays = this.#goneOf(before) === this.#goneOf(state);
    if (!stays) this.#leave(record);
    record.changeState(state, now, fields);
    if (!stays) this.#enter(record);
    this.#count(before, -1);
    this.#count(state, 1);
    this.changed(record);
    this.#moved(record, ip, port, before);
  }

  /** Changes a record whose state stays. */
  change(record: NodeRecord, fields: NodeFields): void {
    const { ip, port, state } = record;
    record.change(fields);
    this.changed(record);
    this.#moved(record, ip, port, state);
  }

  /** Whether a member that is not dead, one that left included, has this address. */
  isOccupied(addr: string, port: number): boolean {
    return this.#occupied.has(packIp(addr), port);
  }

  /** The next live member in the order of probing; undefined at the end of a round. See {@link ProbeList.next}. */
  nextProbed(): NodeRecord | undefined {
    return this.#live.next();
  }

  /**
   * Forgets nodes that have been dead or left for longer than `deadFor` ms. A call looks at up to {@link reapedAtOnce} nodes, and goes on where the last one
   * has stopped.
   *
   * @param begin begins anew once all nodes have been looked at
   * @returns the forgotten
   */
  reap(deadFor: number, now: number, begin: boolean): NodeRecord[] {
    const gone = [this.#dead, this.#left];
    if (begin && this.#reapLeft === 0) this.#reapLeft = sizeOf(gone);
    const reaped: NodeRecord[] = [];
    const start = Math.min(this.#reapLeft, sizeOf(gone));
    const end = Math.max(0, start - reapedAtOnce);
    // From the end, where the last one fills each gap.
    for (let i = start - 1; i >= end; i--) {
      const record = nth(gone, i);
      if (now - record.stateChangedAt <= deadFor) continue;
      this.#leave(record);
      this.#count(record.state, -1);
      this.#byName.delete(record.name);
      this.changed(record);
      if (record.state !== "dead") this.#occupied.delete(record.ip, record.port);
      reaped.push(record);
    }
    this.#reapLeft = end;
    return reaped;
  }

  /**
   * Up to k distinct random nodes in one of these states for which `isEligible` holds. In a small cluster the search is exhaustive; in a large one it may miss
   * some where few are eligible.
   */
  randomNodes(k: number, states: readonly NodeState[], isEligible: (record: NodeRecord) => boolean): NodeRecord[] {
    const chosen = this.#draw(k, states, isEligible);
    if (chosen.length >= k || !states.includes("dead")) return chosen;
    // The dead may be many, and hardly any of them eligible.
    const others = states.filter((state) => state !== "dead");
    return [...chosen, ...this.#draw(k - chosen.length, others, (record) => isEligible(record) && !chosen.includes(record))];
  }

  #draw(k: number, states: readonly NodeState[], isEligible: (record: NodeRecord) => boolean): NodeRecord[] {
    const lists: (readonly NodeRecord[])[] = [];
    if (states.includes("alive") || states.includes("suspect")) lists.push(this.#live.records);
    if (states.includes("dead")) lists.push(this.#dead);
    if (states.includes("left")) lists.push(this.#left);
    const n = sizeOf(lists);
    // One list has the alive and the suspect nodes, so a draw of only one of these states checks each node.
    const isOneOfTwo = states.includes("alive") !== states.includes("suspect");
    const mayHave = isOneOfTwo
      ? (record: NodeRecord): boolean => states.includes(record.state) && isEligible(record)
      : isEligible;
    if (n < k * 3) {
      const candidates = lists.flat().filter(mayHave);
      shuffle(this.#random, candidates);
      return candidates.slice(0, k);
    }
    const chosen: NodeRecord[] = [];
    const take = (record: NodeRecord): boolean => {
      const isTaken = mayHave(record) && !chosen.includes(record);
      if (isTaken) chosen.push(record);
      return isTaken;
    };
    for (let misses = 0; chosen.length < k && misses < missesMax;) if (!take(nth(lists, randomOffset(this.#random, n)))) misses++;
    if (chosen.length === k) return chosen;
    const start = randomOffset(this.#random, n);
    for (let i = 0; i < Math.min(n, walkedMax) && chosen.length < k; i++) take(nth(lists, (start + i) % n));
    return chosen;
  }

  #enter(record: NodeRecord): void {
    const gone = this.#goneOf(record.state);
    if (gone === undefined) {
      this.#live.add(record);
      return;
    }
    record.place = gone.length;
    gone.push(record);
  }

  #leave(record: NodeRecord): void {
    const gone = this.#goneOf(record.state);
    if (gone === undefined) {
      this.#live.delete(record);
      return;
    }
    const last = gone.pop() as NodeRecord;
    if (last === record) return;
    gone[record.place] = last;
    last.place = record.place;
  }

  /** The list of the dead, or of those that left; undefined for a live state. */
  #goneOf(state: NodeState): NodeRecord[] | undefined {
    if (state === "dead") return this.#dead;
    return state === "left" ? this.#left : undefined;
  }

  #count(state: NodeState, by: number): void {
    this.#counts[state] += by;
    this.#stateChanges++;
  }

  /** @param before the state that it had at that address */
  #moved(record: NodeRecord, ip: PackedIp, port: number, before: NodeState): void {
    const isThere = record.state !== "dead";
    if (isThere === (before !== "dead") && record.ip === ip && record.port === port) return;
    if (before !== "dead") this.#occupied.delete(ip, port);
    if (isThere) this.#occupied.add(record.ip, record.port);
  }

  /** The six versions out of a message: nearly all members share a handful of them, so each is kept once. */
  internVersions(vsn: Versions): Versions {
    if (startsWith(vsn, this.#lastVersions)) return this.#lastVersions;
    const key = vsn.slice(0, 6).join();
    let versions = this.#versions.get(key);
    if (versions === undefined) {
      versions = Object.freeze(vsn.slice(0, 6));
      // A hostile peer can make up 2^48 of them: past a bound they are simply not shared.
      if (this.#versions.size < 256) this.#versions.set(key, versions);
      else return versions;
    }
    this.#lastVersions = versions;
    return versions;
  }
}

function sizeOf(lists: readonly (readonly NodeRecord[])[]): number {
  return lists.reduce((sum, { length }) => sum + length, 0);
}

/** The nth of the nodes in lists that follow one another. */
function nth(lists: readonly (readonly NodeRecord[])[], n: number): NodeRecord {
  let index = n;
  for (const list of lists) {
    if (index < list.length) return list[index] as NodeRecord;
    index -= list.length;
  }
  throw new RangeError(`no node ${n}`);
}

function startsWith(vsn: Versions, six: Versions): boolean {
  for (let i = 0; i < 6; i++) if (vsn[i] !== six[i]) return false;
  return true;
}

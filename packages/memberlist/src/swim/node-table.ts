import type { LeaveCause, SuspectCause } from "../api/causes.ts";
import type { Node, NodeState } from "../api/node.ts";
import { randomOffset, shuffle, type Random } from "../ports/random.ts";
import { isIpAt } from "../wire/ip.ts";
import { copyBytes } from "../wire/bytes.ts";
import type { MessageCursor } from "../wire/messages/scan.ts";
import { aliveSchema } from "../wire/messages/schema.ts";
import type { PushNodeState, Versions } from "../wire/messages/types.ts";
import { AddressIndex } from "./address-index.ts";
import type { Suspicion } from "./suspicion.ts";
import { ProbeList } from "./probe-list.ts";
import { nodeStateNumber } from "./versions.ts";

/** The assumed versions of a node without version information. */
const noVersions: Versions = Object.freeze([0, 0, 0, 0, 0, 0]);

/** Nodes that {@link NodeTable.reap} looks at in one call: at most some 2 ms, on a busy machine 5. */
const reapedAtOnce = 1_024;
/** Draws in vain after which {@link NodeTable.randomNodes} walks from a random node on, */
const missesMax = 64;
/** over so many nodes at most. */
const walkedMax = 1_024;

/** Metadata up to this length shares memory, so many bytes at a time: one that stays keeps no more than that. */
const sharedMetaMax = 128;
const metaSlabSize = 1024;

/** The fields of a member that change together. */
export type NodeFields = Partial<Pick<Node, "addr" | "port" | "meta" | "incarnation"> & { readonly versions: Versions }>;

/**
 * The engine's record of one member. Only the engine changes it; everybody else gets its frozen {@link view}. The record keeps no second
 * copy of the view's fields, because a large cluster has tens of thousands of records.
 */
export class NodeRecord {
  versions: Versions;
  /** The member's IPv4 address came in 16 bytes: we relay it in the same form, which Go peers compare. */
  isMapped: true | undefined;
  /** When `state` last changed, in ms on the engine's clock. */
  stateChangedAt: number;
  suspicion: Suspicion | undefined;
  /** Why it is suspect, dead or left; undefined while it is alive. */
  cause: SuspectCause | LeaveCause | undefined;
  /** The moving estimate of its round trip, in ms. */
  rtt: number | undefined;
  /** Its index in {@link NodeTable}'s list of the nodes of its state. */
  statePlace = 0;
  /** Its index in {@link ProbeList}; below 0 outside the list. */
  probePlace = -1;
  #node: Node;

  /** It is dead, and of incarnation 0, until it is said to be otherwise. */
  constructor(name: string, addr: string, port: number, meta: Uint8Array, now: number) {
    this.versions = noVersions;
    this.stateChangedAt = now;
    this.#node = makeNode({ name, addr, port, meta, incarnation: 0 }, noVersions, "dead");
  }

  get name(): string {
    return this.#node.name;
  }

  get addr(): string {
    return this.#node.addr;
  }

  get port(): number {
    return this.#node.port;
  }

  get meta(): Uint8Array {
    return this.#node.meta;
  }

  get incarnation(): number {
    return this.#node.incarnation;
  }

  get state(): NodeState {
    return this.#node.state;
  }

  get isDeadOrLeft(): boolean {
    return this.state === "dead" || this.state === "left";
  }

  /** Only through {@link NodeTable.setState}, which keeps count. */
  changeState(state: NodeState, now: number, { versions = this.versions, ...fields }: NodeFields = {}): void {
    this.versions = versions;
    this.#node = makeNode({ ...this.#node, ...fields }, versions, state);
    this.stateChangedAt = now;
  }

  /** A direct ping was answered. The estimate moves by an eighth of the difference, as TCP's does (RFC 6298). */
  addRtt(rtt: number): void {
    this.rtt = this.rtt === undefined ? rtt : this.rtt + (rtt - this.rtt) / 8;
  }

  /** Whether an alive message has the address, the metadata and the versions of this record, and no higher incarnation. */
  isUnchangedBy(bytes: Uint8Array, message: MessageCursor): boolean {
    const { versions } = this;
    const { addr, incarnation, meta, port } = this.#node;
    const fields = aliveSchema.of;
    if (message.number(fields.incarnation) > incarnation || message.number(fields.port) !== port) return false;
    if (message.size(fields.meta) !== meta.length || message.size(fields.vsn) !== versions.length || versions === noVersions)
      return false;
    const vsnAt = message.start(fields.vsn);
    for (let i = 0; i < versions.length; i++) if (bytes[vsnAt + i] !== versions[i]) return false;
    const metaAt = message.start(fields.meta);
    for (let i = 0; i < meta.length; i++) if (bytes[metaAt + i] !== meta[i]) return false;
    return isIpAt(bytes, message.start(fields.addr), message.size(fields.addr), addr);
  }

  /** Call only through {@link NodeTable.change}, which maintains the address index. */
  change({ versions = this.versions, ...fields }: NodeFields): void {
    this.versions = versions;
    this.#node = makeNode({ ...this.#node, ...fields }, versions, this.state);
  }

  /** Takes over a view that other nodes share. It must have the record's name and state. */
  share(view: Node, versions: Versions): void {
    this.versions = versions;
    this.#node = view;
  }

  view(): Node {
    return this.#node;
  }

  /** The record as a push/pull sends it. */
  pushState(): PushNodeState {
    const { name, addr, port, meta, incarnation, state } = this.#node;
    return { name, addr, isMapped: this.isMapped, port, meta, incarnation, state: nodeStateNumber(state), vsn: this.versions };
  }
}

/** A node as delegates and callers see it. */
export function makeNode(
  of: Pick<Node, "name" | "addr" | "port" | "meta" | "incarnation">,
  versions: Versions,
  state: NodeState,
): Node {
  const { 0: pMin = 0, 1: pMax = 0, 2: pCur = 0, 3: dMin = 0, 4: dMax = 0, 5: dCur = 0 } = versions;
  const { name, addr, port, meta, incarnation } = of;
  return Object.freeze({ name, addr, port, meta, state, incarnation, pMin, pMax, pCur, dMin, dMax, dCur });
}

/** All known members, dead ones included. */
export class NodeTable {
  readonly #random: Random;
  readonly #byName: Map<string, NodeRecord> = new Map();
  readonly #versions: Map<string, Versions> = new Map();
  /** One of them: what was last asked for. */
  #lastVersions: Versions = noVersions;
  /** The addresses of all nodes that are not dead: healing must not try those of nodes that left. */
  readonly #occupied: AddressIndex = new AddressIndex();
  #list: NodeRecord[] = [];
  #metaSlab: ArrayBuffer | undefined;
  #metaUsed = 0;
  readonly #byState: Readonly<Record<NodeState, NodeRecord[]>> = { alive: [], suspect: [], dead: [], left: [] };
  readonly #probeList: ProbeList<NodeRecord>;
  #stateChanges = 0;
  /** Undefined until {@link trackChanges}. */
  #changed: Set<string> | undefined;
  /** How many nodes, from the first one on, {@link reap} has not looked at yet. */
  #reapLeft = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#probeList = new ProbeList(random);
  }

  /** How many nodes are known, ourselves and the dead included: the n of every formula. */
  get size(): number {
    return this.#list.length;
  }

  /** How many are alive or suspect, ourselves included. */
  get liveCount(): number {
    return this.#probeList.size;
  }

  /** How many are in this state, ourselves included. */
  count(state: NodeState): number {
    return this.#byState[state].length;
  }

  /** Rises whenever {@link count} of some state changes. */
  get stateChanges(): number {
    return this.#stateChanges;
  }

  /** Adds the names of all members to a set, and from then on the name of each member that changes. */
  trackChanges(changed: Set<string>): void {
    this.#changed = changed;
    for (const { name } of this.#list) changed.add(name);
  }

  /** Notes that a member has changed, even in a field that the table does not set: its round-trip time, its accusers. */
  changed({ name }: NodeRecord): void {
    this.#changed?.add(name);
  }

  get(name: string): NodeRecord | undefined {
    return this.#byName.get(name);
  }

  records(): readonly NodeRecord[] {
    return this.#list;
  }

  /** Adds a node at a random place, so that the first few of {@link records} are a random choice. */
  add(record: NodeRecord): void {
    this.#byName.set(record.name, record);
    this.changed(record);
    this.#enterState(record);
    if (record.state !== "dead") this.#occupied.add(record.addr, record.port);
    const offset = randomOffset(this.#random, this.#list.length);
    this.#list.push(record);
    this.#list[this.#list.length - 1] = this.#list[offset] as NodeRecord;
    this.#list[offset] = record;
  }

  /** @param fields other fields that change with it */
  setState(record: NodeRecord, state: NodeState, now: number, fields: NodeFields = {}): void {
    const { addr, port, state: before } = record;
    record.changeState(state, now, fields);
    this.changed(record);
    this.#moved(record, addr, port, before);
    this.#leaveState(record, before);
    this.#enterState(record);
    if (record.probePlace < 0 || !record.isDeadOrLeft) return;
    this.#probeList.delete(record);
    record.probePlace = -1;
  }

  /** Changes a record whose state stays. */
  change(record: NodeRecord, fields: NodeFields): void {
    const { addr, port, state } = record;
    record.change(fields);
    this.changed(record);
    this.#moved(record, addr, port, state);
  }

  /** Whether a member that is not dead, one that left included, has this address. */
  isOccupied(addr: string, port: number): boolean {
    return this.#occupied.has(addr, port);
  }

  /** The next live member in the order of probing; undefined at the end of a round. See {@link ProbeList.next}. */
  nextProbed(): NodeRecord | undefined {
    return this.#probeList.next();
  }

  /**
   * Forgets nodes that have been dead or left for longer than `deadFor` ms. A call looks at up to {@link reapedAtOnce} nodes, and goes on where the last one
   * has stopped.
   *
   * @param begin begins anew once all nodes have been looked at
   * @returns the forgotten
   */
  reap(deadFor: number, now: number, begin: boolean): NodeRecord[] {
    if (begin && this.#reapLeft === 0) this.#reapLeft = this.#list.length;
    const reaped: NodeRecord[] = [];
    const end = Math.max(0, this.#reapLeft - reapedAtOnce);
    // From the end, where the last one fills each gap.
    for (let i = this.#reapLeft - 1; i >= end; i--) {
      const record = this.#list[i] as NodeRecord;
      if (!record.isDeadOrLeft || now - record.stateChangedAt <= deadFor) continue;
      const last = this.#list.pop() as NodeRecord;
      if (last !== record) this.#list[i] = last;
      this.#byName.delete(record.name);
      this.changed(record);
      if (record.state !== "dead") this.#occupied.delete(record.addr, record.port);
      this.#leaveState(record);
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
    const lists = states.map((state) => this.#byState[state]);
    const n = lists.reduce((sum, { length }) => sum + length, 0);
    if (n < k * 3) {
      const candidates = lists.flat().filter(isEligible);
      shuffle(this.#random, candidates);
      return candidates.slice(0, k);
    }
    const chosen: NodeRecord[] = [];
    const take = (record: NodeRecord): boolean => {
      const isTaken = isEligible(record) && !chosen.includes(record);
      if (isTaken) chosen.push(record);
      return isTaken;
    };
    for (let misses = 0; chosen.length < k && misses < missesMax;) if (!take(nth(lists, randomOffset(this.#random, n)))) misses++;
    if (chosen.length === k) return chosen;
    const start = randomOffset(this.#random, n);
    for (let i = 0; i < Math.min(n, walkedMax) && chosen.length < k; i++) take(nth(lists, (start + i) % n));
    return chosen;
  }

  #enterState(record: NodeRecord): void {
    const list = this.#byState[record.state];
    this.#stateChanges++;
    record.statePlace = list.length;
    list.push(record);
    if (!record.isDeadOrLeft && record.probePlace < 0) this.#probeList.add(record);
  }

  /** @param state the one that it was in */
  #leaveState(record: NodeRecord, state: NodeState = record.state): void {
    const list = this.#byState[state];
    this.#stateChanges++;
    const last = list.pop() as NodeRecord;
    if (last === record) return;
    list[record.statePlace] = last;
    last.statePlace = record.statePlace;
  }

  /** @param before the state that it had at that address */
  #moved(record: NodeRecord, addr: string, port: number, before: NodeState): void {
    const isThere = record.state !== "dead";
    if (isThere === (before !== "dead") && record.addr === addr && record.port === port) return;
    if (before !== "dead") this.#occupied.delete(addr, port);
    if (isThere) this.#occupied.add(record.addr, record.port);
  }

  /** A copy of metadata. An array of its own costs some 240 bytes beside what is in it, a view of a shared one 104. */
  keepMeta(meta: Uint8Array): Uint8Array {
    const { length } = meta;
    if (length === 0 || length > sharedMetaMax) return copyBytes(meta);
    if (this.#metaSlab === undefined || this.#metaUsed + length > this.#metaSlab.byteLength) {
      // Full, or gone: an application may have transferred the metadata of a member.
      this.#metaSlab = new ArrayBuffer(metaSlabSize);
      this.#metaUsed = 0;
    }
    const kept = new Uint8Array(this.#metaSlab, this.#metaUsed, length);
    kept.set(meta);
    this.#metaUsed += length;
    return kept;
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

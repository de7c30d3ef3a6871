import type { LeaveCause, SuspectCause } from "../api/causes.ts";
import { nodeStates, type Node, type NodeState } from "../api/node.ts";
import { isIpAt, packIp, unpackIp, type PackedIp } from "../wire/ip.ts";
import type { MessageCursor } from "../wire/messages/scan.ts";
import { aliveSchema } from "../wire/messages/schema.ts";
import type { PushNodeState, Versions } from "../wire/messages/types.ts";
import { KeptMeta, metaAt, sizeOf, startOf } from "./kept-meta.ts";
import { Suspicion } from "./suspicion.ts";
import { nodeStateNumber } from "./versions.ts";

/** The assumed versions of a node without version information. */
export const noVersions: Versions = Object.freeze([0, 0, 0, 0, 0, 0]);

/** The fields of a member that change together. */
export interface NodeFields extends Partial<Pick<Node, "addr" | "port" | "incarnation">> {
  /** Copied. */
  readonly meta?: Uint8Array | undefined;
  readonly versions?: Versions;
}

/** In µs: 17 minutes, with which the field of the round trip is still a small integer. */
const rttMax = 2 ** 30 - 1;

const keptMeta = new KeptMeta();

/** The fields of a member that messages carry, in 72 bytes. Its {@link Node} takes 224, with the array of its metadata. */
interface Facts extends Pick<Node, "name"> {
  incarnation: number;
  ip: PackedIp;
  /** The port times 4, plus the number of the state. */
  portAndState: number;
  /** See {@link KeptMeta}. */
  metaBytes: Uint8Array;
  metaPlace: number;
}

/**
 * The engine's record of one member. Only the engine changes it; delegates and callers get its frozen {@link view}. The record has each field
 * once, because a large cluster has tens of thousands of records: in {@link Facts}, until a caller asks for the view, which replaces them.
 */
export class NodeRecord {
  versions: Versions;
  /** When `state` last changed, in ms on the engine's clock. Whole ms: a number with a fraction would take 16 bytes beside its field. */
  stateChangedAt: number;
  /** The suspicion while one runs, else why it is suspect, dead or left. Undefined while it is alive. */
  doubt: Suspicion | SuspectCause | LeaveCause | undefined;
  /** Its round trip in whole µs, 0 while unknown, times 2, plus 1 if {@link isMapped}: a number with a fraction would take 16 bytes beside its field. */
  #rttAndForm = 0;
  /** Its index in the list of {@link NodeTable} that has it: the live members, the dead, or those that left. */
  place = 0;
  #facts: Facts | Node;

  /** It is dead, and of incarnation 0, until it is said to be otherwise. */
  constructor(name: string, addr: string, port: number, meta: Uint8Array, now: number) {
    this.versions = noVersions;
    this.stateChangedAt = Math.floor(now);
    const metaBytes = keptMeta.keep(meta);
    const portAndState = 4 * port + nodeStateNumber("dead");
    this.#facts = { name, incarnation: 0, ip: packIp(addr), portAndState, metaBytes, metaPlace: keptMeta.place };
  }

  get name(): string {
    return this.#facts.name;
  }

  get addr(): string {
    return addrOf(this.#facts);
  }

  /** Whether the member's IPv4 address came in 16 bytes: we relay it in the same form, which Go peers compare. */
  get isMapped(): true | undefined {
    return (this.#rttAndForm & 1) === 1 ? true : undefined;
  }

  set isMapped(isMapped: true | undefined) {
    this.#rttAndForm = (this.#rttAndForm & ~1) | (isMapped === true ? 1 : 0);
  }

  get suspicion(): Suspicion | undefined {
    return this.doubt instanceof Suspicion ? this.doubt : undefined;
  }

  /** Why it is suspect, dead or left; undefined while it is alive. */
  get cause(): SuspectCause | LeaveCause | undefined {
    return this.doubt instanceof Suspicion ? this.doubt.cause : this.doubt;
  }

  /** The moving estimate of its round trip, in ms. */
  get rtt(): number | undefined {
    const microseconds = this.#rttAndForm >> 1;
    return microseconds === 0 ? undefined : microseconds / 1_000;
  }

  /** The address as the record keeps it. */
  get ip(): PackedIp {
    return ipOf(this.#facts);
  }

  get port(): number {
    return portOf(this.#facts);
  }

  /** Whether this is its address. It makes no string, as {@link addr} does. */
  isAt(addr: string, port: number): boolean {
    return packIp(addr) === this.ip && port === this.port;
  }

  get meta(): Uint8Array {
    return metaAt(metaBytesOf(this.#facts), metaPlaceOf(this.#facts));
  }

  get incarnation(): number {
    return this.#facts.incarnation;
  }

  get state(): NodeState {
    return stateOf(this.#facts);
  }

  get isDeadOrLeft(): boolean {
    const { state } = this;
    return state === "dead" || state === "left";
  }

  /** Only through {@link NodeTable.setState}, which keeps count. */
  changeState(state: NodeState, now: number, fields: NodeFields = {}): void {
    this.versions = fields.versions ?? this.versions;
    this.#facts = changed(this.#facts, state, fields);
    this.stateChangedAt = Math.floor(now);
  }

  /** A direct ping was answered. The estimate moves by an eighth of the difference, as TCP's does (RFC 6298). */
  addRtt(rtt: number): void {
    const before = this.rtt ?? rtt;
    const microseconds = Math.round((before + (rtt - before) / 8) * 1_000);
    this.#rttAndForm = Math.min(Math.max(microseconds, 1), rttMax) * 2 + (this.#rttAndForm & 1);
  }

  /** Forgets the estimate. */
  forgetRtt(): void {
    this.#rttAndForm &= 1;
  }

  /** Whether an alive message has the address, the metadata and the versions of this record, and no higher incarnation. */
  isUnchangedBy(bytes: Uint8Array, message: MessageCursor): boolean {
    const { versions } = this;
    const fields = aliveSchema.of;
    if (message.number(fields.incarnation) > this.incarnation || message.number(fields.port) !== this.port) return false;
    if (message.size(fields.vsn) !== versions.length || versions === noVersions) return false;
    const vsnAt = message.start(fields.vsn);
    for (let i = 0; i < versions.length; i++) if (bytes[vsnAt + i] !== versions[i]) return false;
    if (!hasMetaOf(this.#facts, bytes, message.start(fields.meta), message.size(fields.meta))) return false;
    return isIpAt(bytes, message.start(fields.addr), message.size(fields.addr), this.ip);
  }

  /** Whether this is its metadata. */
  hasMeta(meta: Uint8Array): boolean {
    return hasMetaOf(this.#facts, meta, 0, meta.length);
  }

  /** Call only through {@link NodeTable.change}, which maintains the address index. */
  change(fields: NodeFields): void {
    this.versions = fields.versions ?? this.versions;
    this.#facts = changed(this.#facts, this.state, fields);
  }

  /** Takes over a view that other nodes share. It must have the record's name and state. */
  share(view: Node, versions: Versions): void {
    this.versions = versions;
    this.#facts = view;
  }

  /** The member as delegates and callers see it: the same object until it changes. It stays in memory. */
  view(): Node {
    return (this.#facts = this.viewOnce());
  }

  /** As {@link view}, but the record does not keep a new view, because events need most views only once. */
  viewOnce(): Node {
    const facts = this.#facts;
    return "ip" in facts ? makeNode(this, this.versions, stateOf(facts)) : facts;
  }

  /** The record as a push/pull sends it. */
  pushState(): PushNodeState {
    const { name, addr, port, meta, incarnation, state } = this;
    return { name, addr, isMapped: this.isMapped, port, meta, incarnation, state: nodeStateNumber(state), vsn: this.versions };
  }
}

// Functions: a class with private methods would cost each record 8 bytes.

/** Changes facts in their place, since they are the record's alone; a view is replaced by facts. */
function changed(before: Facts | Node, state: NodeState, { addr, port, meta, incarnation }: NodeFields): Facts {
  const facts = "ip" in before ? before : factsOf(before);
  facts.portAndState = 4 * (port ?? facts.portAndState >> 2) + nodeStateNumber(state);
  if (incarnation !== undefined) facts.incarnation = incarnation;
  if (addr !== undefined) facts.ip = packIp(addr);
  if (meta === undefined) return facts;
  facts.metaBytes = keptMeta.keep(meta);
  facts.metaPlace = keptMeta.place;
  return facts;
}

function factsOf({ name, incarnation, addr, port, meta }: Node): Facts {
  return { name, incarnation, ip: packIp(addr), portAndState: 4 * port, metaBytes: meta, metaPlace: meta.length };
}

function addrOf(facts: Facts | Node): string {
  return "ip" in facts ? unpackIp(facts.ip) : facts.addr;
}

function ipOf(facts: Facts | Node): PackedIp {
  return "ip" in facts ? facts.ip : packIp(facts.addr);
}

function portOf(facts: Facts | Node): number {
  return "ip" in facts ? facts.portAndState >> 2 : facts.port;
}

function stateOf(facts: Facts | Node): NodeState {
  return "ip" in facts ? (nodeStates[facts.portAndState & 3] as NodeState) : facts.state;
}

function metaBytesOf(facts: Facts | Node): Uint8Array {
  return "ip" in facts ? facts.metaBytes : facts.meta;
}

function metaPlaceOf(facts: Facts | Node): number {
  return "ip" in facts ? facts.metaPlace : facts.meta.length;
}

/** Whether the `size` bytes from `at` on are the metadata. */
function hasMetaOf(facts: Facts | Node, bytes: Uint8Array, at: number, size: number): boolean {
  const kept = metaBytesOf(facts);
  const place = metaPlaceOf(facts);
  if (sizeOf(place) !== size) return false;
  const start = startOf(place);
  for (let i = 0; i < size; i++) if (bytes[at + i] !== kept[start + i]) return false;
  return true;
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

import type { Address } from "../api/address.ts";
import type { LeaveCause, SuspectCause } from "../api/causes.ts";
import type { CountedName, LogCode } from "../api/codes.ts";
import type { Node } from "../api/node.ts";
import { copyBytes } from "../wire/bytes.ts";
import { metaMaxSize } from "../wire/constants.ts";
import { encodeAlive, encodeDead, encodeSuspect } from "../wire/messages/encode.ts";
import { MessageCursor } from "../wire/messages/scan.ts";
import { aliveSchema } from "../wire/messages/schema.ts";
import type { Alive, Dead, Suspect, Versions } from "../wire/messages/types.ts";
import type { Relocation } from "./own-relocation.ts";
import { applyAwareness, type EngineContext } from "./context.ts";
import { nextIncarnation } from "./own-incarnation.ts";
import type { Gossip } from "./gossip.ts";
import type { Healing } from "./healing.ts";
import { NameConflicts } from "./name-conflicts.ts";
import { makeNode, NodeRecord } from "./node-record.ts";
import { suspicionTimeout } from "./scaling.ts";
import { Suspicion } from "./suspicion.ts";

/** The base of suspicion timeouts if `probeInterval` is 0, in ms: the LAN default. */
const defaultProbeInterval = 1000;

/** Names up to here, in bytes, are looked up before their message is decoded. */
const shortNameMax = 256;

export interface AliveOptions {
  /** The message is our own about ourselves: taken over, not refuted. */
  readonly bootstrap?: boolean;
  /** Our broadcast of it has gone out. */
  readonly finished?: () => void;
}

export interface DeadOptions {
  readonly finished?: () => void;
  readonly cause?: LeaveCause;
}

/** Applies alive, suspect and dead messages to the node table. Source: PROTOCOL.md section 5. */
export class Membership {
  readonly #context: EngineContext;
  readonly #gossip: Gossip;
  readonly #healing: Healing;
  readonly #relocation: Relocation;
  /** Where the fields of an alive message stand that may be a duplicate. */
  readonly #scanned: MessageCursor = new MessageCursor();
  readonly #conflicts: NameConflicts;

  constructor(context: EngineContext, gossip: Gossip, healing: Healing, relocation: Relocation) {
    this.#conflicts = new NameConflicts(context);
    this.#context = context;
    this.#gossip = gossip;
    this.#healing = healing;
    this.#relocation = relocation;
  }

  alive(message: Alive, options: AliveOptions = {}): void {
    const { config, log, table, now } = this.#context;
    const isLocal = message.node === config.name;
    if (isLocal && (this.#context.hasLeft || this.#isOutdated(message))) return;
    if (!this.#isAcceptable(message)) return;

    let record = table.get(message.node);
    let isTakeover = false;
    if (record === undefined) {
      // No incarnation is below 0, so a node that had 0 would look like an unknown one.
      if (message.incarnation === 0 && !isLocal) return;
      if (!this.#isAllowed(message)) return;
      if (!isLocal && !this.#hasRoom(message)) return;
      record = new NodeRecord(message.node, message.addr, message.port, message.meta, now);
      table.add(record);
    } else if (!record.isAt(message.addr, message.port)) {
      if (!this.#isAllowed(message)) return;
      if (!this.#conflicts.mayReclaim(record)) {
        this.#conflicts.report(record, nodeOf(message));
        return;
      }
      log.info("address_taken_over", `${record.name} has moved to another address`, {
        node: record.name,
        before: `${record.addr}:${record.port}`,
        now: `${message.addr}:${message.port}`,
      });
      isTakeover = true;
    }
    if (isLocal ? message.incarnation < record.incarnation : message.incarnation <= record.incarnation && !isTakeover) return;

    this.#clearSuspicion(record);
    if (isLocal && options.bootstrap !== true) {
      if (isUnchanged(record, message)) return;
      this.#refute(record, message.incarnation, "");
    } else {
      this.#takeOver(record, message, options.finished);
    }
  }

  /** Whether duplicates can be dropped: no delegate or list of networks checks them, and the protocol is not an old one. */
  get dropsDuplicates(): boolean {
    const { allowList, config, delegates } = this.#context;
    return !delegates.hasAliveDelegate && !allowList.restricts && config.protocolVersion >= 2;
  }

  /**
   * Whether an alive message (its body, from `start` to `end`) changes nothing. A member receives the same membership updates many times
   * over, so duplicates are found by comparing their fields with the table, without decoding them. A message that has to be checked
   * further, or counted when it is refused, is not one.
   */
  isDuplicate(bytes: Uint8Array, start: number, end: number): boolean {
    const { node } = aliveSchema.of;
    const message = this.#scanned;
    if (!this.dropsDuplicates || !message.scan(aliveSchema, bytes, start, end)) return false;
    // A long name is not decoded twice: one that is not UTF-8 is slow to decode.
    if (message.size(node) > shortNameMax) return false;
    const { config, table } = this.#context;
    const record = table.getAt(bytes, message.start(node), message.size(node));
    return record !== undefined && record.name !== config.name && record.isUnchangedBy(bytes, message);
  }

  /** @param cause how we know */
  suspect(message: Suspect, cause: SuspectCause = { code: "accused", from: message.from }): void {
    const { config, outputs, stats, table, now } = this.#context;
    const record = table.get(message.node);
    if (record === undefined || message.incarnation < record.incarnation) return;
    if (record.suspicion !== undefined) {
      if (record.suspicion.confirm(message.from)) {
        this.#gossip.broadcast(message.node, encodeSuspect(message));
        this.#armSuspicion(record, record.suspicion);
        table.changed(record);
      }
      return;
    }
    if (record.state !== "alive") return;
    if (record.name === config.name) {
      if (!this.#context.isRelocating) this.#refute(record, message.incarnation, message.from);
      return;
    }
    this.#gossip.broadcast(message.node, encodeSuspect(message));
    stats.increment("memberlist.msg.suspect", 1);
    table.setState(record, "suspect", now, { incarnation: message.incarnation });
    const suspicion = this.#newSuspicion(message.from, cause);
    record.doubt = suspicion;
    this.#armSuspicion(record, suspicion);
    outputs.events.push({ type: "suspect", node: record.viewOnce(), from: message.from, cause });
  }

  /** @param options `finished`: our broadcast of it has gone out. `cause`: where it is not the message itself */
  dead(message: Dead, { finished, cause }: DeadOptions = {}): void {
    const { config, outputs, stats, table, now } = this.#context;
    // The table may have forgotten the node or think it dead: healing must learn all the same that it left on purpose.
    if (message.node === message.from) this.#healing.left(message.node, message.incarnation);
    const record = table.get(message.node);
    if (record === undefined || message.incarnation < record.incarnation) return;
    this.#clearSuspicion(record);
    if (record.isDeadOrLeft) return;
    if (record.name === config.name && !this.#context.hasLeft) {
      if (!this.#context.isRelocating) this.#refute(record, message.incarnation, message.from);
      return;
    }
    this.#gossip.broadcast(message.node, encodeDead(message), finished);
    stats.increment("memberlist.msg.dead", 1);
    table.change(record, { incarnation: message.incarnation });
    const why = cause ?? causeOf(message, record);
    table.setState(record, message.node === message.from ? "left" : "dead", now);
    record.doubt = why;
    outputs.events.push({ type: "leave", node: record.viewOnce(), cause: why });
    if (record.state === "dead") this.#healing.died(record);
  }

  /** An address, metadata within bounds, versions that make sense, and no objection by the alive delegate. */
  #isAcceptable(message: Alive): boolean {
    const { delegates } = this.#context;
    const { addr, meta, vsn } = message;
    if (addr === "" || meta.length > metaMaxSize) {
      const why = `it has no address, or metadata over ${metaMaxSize} bytes`;
      const counter = addr === "" ? "dropped.bad_address" : "dropped.meta_too_large";
      return this.#ignore(message, counter, "alive_dropped", why, { metaSize: meta.length });
    }
    const [pMin = 0, pMax = 0] = vsn;
    if (vsn.length >= 3 && (pMin === 0 || pMin > pMax)) {
      const why = "its protocol versions are invalid";
      return this.#ignore(message, "dropped.bad_versions", "versions_rejected", why, { versions: vsn });
    }
    if (!delegates.hasAliveDelegate) return true;
    const refusal = vsn.length < 6 ? "it has no versions" : delegates.refusesAlive(nodeOf(message));
    return refusal === undefined || this.#ignore(message, "dropped.alive_refused", "alive_refused", refusal);
  }

  /** Counts and logs that an alive message is ignored. @returns false */
  #ignore(
    { node }: Alive,
    counter: CountedName,
    code: LogCode,
    why: string,
    fields: Readonly<Record<string, unknown>> = {},
  ): false {
    const { log, stats } = this.#context;
    stats.count(counter);
    log.warn(code, `ignored an alive message about ${node}: ${why}`, { node, ...fields });
    return false;
  }

  /** Whether the message is about this node at a former address: its old messages circulate for a while. */
  #isOutdated({ node, addr, port, incarnation }: Alive): boolean {
    if (this.#context.isRelocating) return true;
    const record = this.#context.table.get(node);
    return record !== undefined && incarnation < record.incarnation && this.#relocation.wasAt(addr, port);
  }

  /** Whether `cidrsAllowed` permits an alive message of a packet: the address of the sender, and the member's. */
  allowsPacket({ addr, node }: Alive, from: Address): boolean {
    const { allowList, log, stats } = this.#context;
    if (allowList.allows(from.host) && (addr === "" || allowList.allows(addr))) return true;
    stats.count("dropped.address_not_allowed");
    log.debug("address_not_allowed", `blocked an alive message for ${node}`, { addr, from });
    return false;
  }

  /** Whether `cidrsAllowed` permits the address of a member that is new, or has moved. Push/pulls bring these, too. */
  #isAllowed(message: Alive): boolean {
    const { addr } = message;
    if (this.#context.allowList.allows(addr)) return true;
    const why = `${addr} is outside cidrsAllowed`;
    return this.#ignore(message, "dropped.address_not_allowed", "address_not_allowed", why, { addr });
  }

  /** Whether the table may have one more member. */
  #hasRoom(message: Alive): boolean {
    const { config, table } = this.#context;
    const { maxMembers } = config.limits;
    if (table.size < maxMembers) return true;
    const why = `limits.maxMembers (${maxMembers}) is reached`;
    return this.#ignore(message, "limit.maxMembers", "member_limit_reached", why, { maxMembers });
  }

  #takeOver(record: NodeRecord, message: Alive, finished: (() => void) | undefined): void {
    const { outputs, stats, table, now } = this.#context;
    if (this.#gossip.mayHold(message.node)) this.#gossip.broadcast(message.node, encodeAlive(message), finished);
    else this.#gossip.refuse(message.node.length, finished);
    stats.increment("memberlist.msg.alive", 1);
    const before = record.state;
    const isMetaChanged = !record.hasMeta(message.meta);
    // The round trip to the old address does not apply to the new one.
    if (!record.isAt(message.addr, message.port)) record.forgetRtt();
    record.doubt = undefined;
    record.isMapped = message.isMapped;
    const fields = {
      addr: message.addr,
      port: message.port,
      incarnation: message.incarnation,
      meta: isMetaChanged ? message.meta : undefined,
      versions: message.vsn.length >= 6 ? table.internVersions(message.vsn) : record.versions,
    };
    if (before === "alive") table.change(record, fields);
    else table.setState(record, "alive", now, fields);
    const node = record.viewOnce();
    if (before === "dead" || before === "left") outputs.events.push({ type: "join", node });
    else if (before === "suspect") outputs.events.push({ type: "alive", node });
    if (isMetaChanged && (before === "alive" || before === "suspect")) outputs.events.push({ type: "update", node });
    this.#healing.returned(record.name);
  }

  /** Contradicts a message about us. */
  #refute(record: NodeRecord, accused: number, from: string): void {
    const { log, outputs, table } = this.#context;
    const incarnation = nextIncarnation(this.#context, accused);
    table.change(record, { incarnation });
    applyAwareness(this.#context, 1);
    const { name: node, addr, isMapped, port, meta, versions: vsn } = record;
    this.#gossip.broadcast(node, encodeAlive({ incarnation, node, addr, isMapped, port, meta, vsn }));
    log.warn("refute", "refuting an accusation: this node is alive", { accuser: from, incarnation });
    outputs.events.push({ type: "refute", node: record.view(), from });
  }

  #newSuspicion(from: string, cause: SuspectCause): Suspicion {
    const { config, hooks, table, now } = this.#context;
    const { suspicionMult, suspicionMaxTimeoutMult, probeInterval } = config;
    // Ourselves and the suspect cannot confirm; without enough others none are waited for.
    const wanted = hooks.confirmations(suspicionMult);
    const k = table.size - 2 < wanted ? 0 : wanted;
    // With probing off others still suspect: a timeout of nothing would leave no time to contradict.
    const interval = probeInterval > 0 ? probeInterval : defaultProbeInterval;
    const min = suspicionTimeout(suspicionMult, table.size, interval);
    return new Suspicion({ from, cause, k, min, max: suspicionMaxTimeoutMult * min, startedAt: now });
  }

  #armSuspicion(record: NodeRecord, suspicion: Suspicion): void {
    const { timers, now } = this.#context;
    timers.cancel(suspicion.timer);
    const at = Math.max(suspicion.endsAt(), now);
    suspicion.timer = timers.set(at, () => this.#suspicionEnded(record, suspicion));
  }

  #suspicionEnded(record: NodeRecord, suspicion: Suspicion): void {
    if (record.suspicion !== suspicion || record.state !== "suspect") return;
    const { config, log, stats, now } = this.#context;
    const { accusers } = suspicion;
    const suspectFor = now - record.stateChangedAt;
    if (suspicion.confirmations < suspicion.k) stats.increment("memberlist.degraded.timeout", 1);
    log.info("marked_dead", `marked ${record.name} as dead: it did not refute the suspicion in time`, {
      node: record.name,
      confirmations: suspicion.confirmations,
      accusers,
      suspectFor,
    });
    const cause: LeaveCause = {
      code: "suspicion_timeout",
      suspicion: suspectCauseOf(record),
      accusers,
      confirmationsWanted: suspicion.k,
      suspectFor,
    };
    this.dead({ incarnation: record.incarnation, node: record.name, from: config.name }, { cause });
  }

  /** Extends all suspicions by `late` ms, in which no refutation could arrive. */
  eventLoopBlocked(late: number): void {
    for (const record of this.#context.table.records()) {
      const { suspicion } = record;
      if (suspicion === undefined) continue;
      suspicion.postpone(late);
      this.#armSuspicion(record, suspicion);
    }
  }

  #clearSuspicion(record: NodeRecord): void {
    this.#context.timers.cancel(record.suspicion?.timer);
    record.doubt = record.cause;
  }
}

function causeOf({ node, from }: Dead, record: NodeRecord): LeaveCause {
  return node === from ? { code: "left" } : { code: "declared_dead", from, suspicion: suspectCauseOf(record) };
}

function suspectCauseOf({ cause, state }: NodeRecord): SuspectCause | undefined {
  return state === "suspect" ? (cause as SuspectCause | undefined) : undefined;
}

/** The node of an alive message as delegates see it. Its metadata is a copy: a delegate that keeps it does not keep the packet. */
function nodeOf(message: Alive): Node {
  return makeNode({ ...message, name: message.node, meta: copyBytes(message.meta) }, message.vsn, "alive");
}

function isUnchanged(record: NodeRecord, message: Alive): boolean {
  return (
    message.incarnation === record.incarnation && record.hasMeta(message.meta) && versionsEqual(message.vsn, record.versions)
  );
}

function versionsEqual(a: Versions, b: Versions): boolean {
  return a.length === b.length && a.every((version, i) => version === b[i]);
}

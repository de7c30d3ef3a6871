import type { AdvertisedAddress } from "../ports/transport.ts";
import { encodeAlive, encodeDead } from "../wire/messages/encode.ts";
import type { EngineContext } from "./context.ts";
import { nextIncarnation } from "./own-incarnation.ts";
import type { Gossip } from "./gossip.ts";
import type { NodeRecord } from "./node-record.ts";
import type { ScheduledTimer } from "./timers.ts";

/** Further rounds of gossip for each message, beyond those in which it reaches all members without packet loss. */
const spareRounds = 2;
/** How long a round takes if gossip is off, and messages travel on pings and acks, in ms. */
const defaultRound = 1_000;
/** How many earlier addresses are remembered. */
const formerMax = 8;

/**
 * Moves this node to another address while it runs. Peers refuse a known name at another address, unless its node has left
 * (PROTOCOL.md section 5), and they take a leave only of a node that is alive. So three messages go out one after the other, each with
 * the time that gossip takes to reach everybody: alive at the old address, since peers may have found us dead there; that we leave; and
 * alive at the new address. Nothing that is said about us meanwhile is refuted, which would undo the leave.
 */
export class Relocation {
  readonly #context: EngineContext;
  readonly #gossip: Gossip;
  readonly #former: AdvertisedAddress[] = [];
  #timer: ScheduledTimer | undefined;
  #waiting: (() => void)[] = [];

  constructor(context: EngineContext, gossip: Gossip) {
    this.#context = context;
    this.#gossip = gossip;
  }

  get isUnderWay(): boolean {
    return this.#context.isRelocating;
  }

  /** Whether this node had that address before its last move. A message with such an address is old, and not a conflict. */
  wasAt(addr: string, port: number): boolean {
    return this.#former.some((address) => address.addr === addr && address.port === port);
  }

  /** A second move during the first one changes where that ends. */
  start(to: AdvertisedAddress): void {
    const context = this.#context;
    context.advertised = to;
    const record = this.#local();
    if (record === undefined || context.isRelocating) return;
    if (record.addr === to.addr && record.port === to.port) return;
    context.isRelocating = true;
    if (context.table.liveCount <= 1) {
      this.#arrive();
      return;
    }
    this.#announce(record);
    this.#after(() => {
      const local = this.#local();
      if (local === undefined) return;
      const { incarnation, name } = local;
      const leave = encodeDead({ incarnation, node: name, from: name });
      this.#gossip.broadcast(name, leave);
      this.#gossip.sendToAllIfFew(leave);
      this.#after(() => this.#arrive());
    });
  }

  /** Calls back once no move is under way. */
  whenDone(action: () => void): void {
    if (this.isUnderWay) this.#waiting.push(action);
    else action();
  }

  /** Ends the move at once, since this node leaves: at the new address, where it may rejoin. What waits for the end of the move is done. */
  finish(): void {
    this.#context.timers.cancel(this.#timer);
    if (this.isUnderWay) this.#arrive();
  }

  #arrive(): void {
    const context = this.#context;
    const { advertised, log, table } = context;
    const record = this.#local();
    if (record !== undefined) {
      const { addr, port, name: node } = record;
      this.#former.push({ addr, port });
      if (this.#former.length > formerMax) this.#former.shift();
      table.change(record, { addr: advertised.addr, port: advertised.port });
      this.#gossip.sendToAllIfFew(this.#announce(record));
      const fields = { node, before: `${addr}:${port}`, now: `${advertised.addr}:${advertised.port}` };
      log.info("address_changed", "this node is at another address now", fields);
    }
    this.#end();
  }

  #end(): void {
    this.#context.isRelocating = false;
    for (const action of this.#waiting.splice(0)) action();
  }

  /** Broadcasts that this node is alive at the record's address, under a higher incarnation. @returns the message */
  #announce(record: NodeRecord): Uint8Array {
    const incarnation = nextIncarnation(this.#context);
    this.#context.table.change(record, { incarnation });
    const { name: node, addr, port, meta, versions: vsn } = record;
    const alive = encodeAlive({ incarnation, node, addr, port, meta, vsn });
    this.#gossip.broadcast(node, alive);
    return alive;
  }

  /** When gossip has reached all members: each round about doubles the members that have the message. */
  #after(action: () => void): void {
    const { config, now, table, timers } = this.#context;
    const round = config.gossipInterval > 0 ? config.gossipInterval : defaultRound;
    const rounds = Math.ceil(Math.log2(Math.max(2, table.liveCount))) + spareRounds;
    this.#timer = timers.set(now + round * rounds, action);
  }

  /** Ourselves, as long as we are a member. */
  #local(): NodeRecord | undefined {
    const { config, hasLeft, table } = this.#context;
    const record = table.get(config.name);
    return hasLeft || record === undefined || record.isDeadOrLeft ? undefined : record;
  }
}

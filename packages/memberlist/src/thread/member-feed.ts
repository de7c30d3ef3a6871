import type { Address } from "../api/address.ts";
import type { MemberEvent } from "../api/events.ts";
import type { Node } from "../api/node.ts";
import type { ClockTimer } from "../ports/clock.ts";
import type { LocalMember } from "../runtime/local-member.ts";
import { Fifo } from "../util/fifo.ts";
import { copyBytes } from "../wire/bytes.ts";
import { longestOf, MessageBlockBuilder } from "./message-block.ts";
import { MetricsBuffer } from "./metrics-buffer.ts";
import { pack } from "./packed-values.ts";
import {
  shared,
  type FeedItem,
  type FeedMessage,
  type LineItem,
  type MemberNumbers,
  type NodeUpdate,
} from "./thread-messages.ts";
import type { ThreadPort } from "./thread-port.ts";

/** The most that one feed holds, because the application handles a feed in one piece. */
const nodesAtOnce = 256;
const itemsAtOnce = 1_024;
const bytesAtOnce = 1024 * 1024;
/** How long changed numbers wait for a feed with more than messages, in ms. */
const numbersDelay = 100;
/** A feed waits for the next turn after so many messages came in one, at most for so many turns. */
const manyMessages = 12;
const busyTurns = 4;
/** The longest block, in bytes and in messages. It is short, because a message that the application keeps may keep the whole block. */
const blockBytes = 16 * 1024;
const blockMessages = 256;
/** From this length on, in bytes, a message is transferred instead of being copied into a block. */
const longMessage = 64 * 1024;

/** How many entries of each kind wait for a slow application. Further ones are dropped and counted. */
const limits = { event: 8_192, message: 65_536, ping: 1_024, merge: 64, line: 1_024 } as const;
/** The bytes of waiting messages and states. A single one may be larger. */
const maxWaitingBytes = 32 * 1024 * 1024;

type Waiting =
  | { readonly kind: "messages"; readonly builder: MessageBlockBuilder }
  | { readonly kind: keyof typeof limits | "reply"; readonly item: FeedItem; readonly bytes: number };

/**
 * Reports changed members, events, messages and replies to the application, in order. The next feed waits until the application has handled the
 * last one. The entries that wait are bounded.
 */
export class MemberFeed {
  readonly metrics: MetricsBuffer = new MetricsBuffer(() => this.#flushNumbersLater());
  readonly #port: ThreadPort;
  readonly #changed: Set<string> = new Set();
  readonly #waiting: Fifo<Waiting> = new Fifo();
  readonly #counts: Record<keyof typeof limits, number> = { event: 0, message: 0, ping: 0, merge: 0, line: 0 };
  #member: LocalMember | undefined;
  #hasStarted = false;
  #waitingBytes = 0;
  #droppedEvents = 0;
  /** Undefined before the start message: feeds do not wait for each other. */
  #memory: Int32Array | undefined;
  #posted = 0;
  /** The last entry that waits, if it collects messages. */
  #collecting: MessageBlockBuilder | undefined;
  /** The bytes of the longest block of the last feed with messages. */
  #longest = 0;
  /** Whether entries wait for the next feed. */
  #isDue = false;
  #isScheduled = false;
  /** How many turns the scheduled feed has waited, and how many messages waited in the last one. */
  #turns = 0;
  #countBefore = 0;
  /** The next feed has the numbers, even if it has only messages. */
  #needsNumbers = false;
  #timer: ClockTimer = undefined;
  #isEnded = false;

  constructor(port: ThreadPort) {
    this.#port = port;
  }

  /** @param memory where the application counts the feeds that it has handled */
  share(memory: Int32Array): void {
    this.#memory = memory;
  }

  /** Follows a member that has not started yet. */
  attach(member: LocalMember): void {
    this.#member = member;
    const { runtime } = member;
    runtime.engine.trackChanges(this.#changed);
    runtime.events.follow((event) => this.event(event));
    runtime.watch(() => {
      this.#flushNumbersLater();
      if (this.#changed.size > 0) this.#flushLater();
    });
  }

  /** The member has started, so that feeds can have its numbers. */
  started(): void {
    this.#hasStarted = true;
  }

  event(event: MemberEvent): void {
    if (this.#counts.event < limits.event) {
      this.#add("event", { type: "event", event: pack(event) });
      return;
    }
    this.#droppedEvents++;
    this.#member?.runtime.count("dropped.event");
  }

  message(message: Uint8Array, from: Address): void {
    if (!this.#hasRoom("message", message.length)) return;
    if (message.length >= longMessage) {
      this.#add("message", { type: "message", message, from }, message.length);
      return;
    }
    this.#builder(1 + message.length).add(message, from);
    this.#flushLater();
  }

  /** As {@link message}, for an encoded message that is a part of a packet. */
  part(packet: Uint8Array, start: number, end: number, from: Address): void {
    if (!this.#hasRoom("message", end - start)) return;
    this.#builder(end - start).addPart(packet, start, end, from);
    this.#flushLater();
  }

  ping(node: Node, rtt: number, payload: Uint8Array): void {
    if (this.#hasRoom("ping", payload.length))
      this.#add("ping", { type: "ping", node: pack(node), rtt, payload: copyBytes(payload) }, payload.length);
  }

  merge(state: Uint8Array, join: boolean, isForChannels: boolean): void {
    if (this.#hasRoom("merge", state.length)) this.#add("merge", { type: "merge", state, join, isForChannels }, state.length);
  }

  line(line: LineItem): void {
    if (this.#counts.line < limits.line) this.#add("line", line);
  }

  reply(id: number, value: unknown, error: unknown): void {
    this.#push("reply", { type: "reply", id, value: pack(value), error: pack(error) }, 0);
    queueMicrotask(this.#flush);
  }

  /** The application has handled a feed for which the next one waits. */
  handled(): void {
    if (this.#isDue || this.#hasMore) this.#flush();
  }

  /** Posts the rest, even if the application has not handled earlier events. */
  end(): void {
    do this.#post();
    while (this.#hasMore);
    this.#isEnded = true;
    this.#member?.config.clock.clearTimeout(this.#timer);
  }

  get #hasMore(): boolean {
    return this.#waiting.size > 0 || this.#changed.size > 0 || this.#droppedEvents > 0;
  }

  #hasRoom(kind: "message" | "ping" | "merge", bytes: number): boolean {
    const fits = this.#counts[kind] < limits[kind] && (this.#waitingBytes === 0 || this.#waitingBytes + bytes <= maxWaitingBytes);
    if (!fits) this.#member?.runtime.count("dropped.application_slow");
    return fits;
  }

  #add(kind: keyof typeof limits, item: FeedItem, bytes: number = 0): void {
    this.#counts[kind]++;
    this.#push(kind, item, bytes);
    this.#flushLater();
  }

  #push(kind: keyof typeof limits | "reply", item: FeedItem, bytes: number): void {
    this.#waitingBytes += bytes;
    this.#waiting.push({ kind, item, bytes });
    this.#endBlock();
  }

  /** Collects a message of `bytes` bytes, encoded. */
  #builder(bytes: number): MessageBlockBuilder {
    this.#counts.message++;
    this.#waitingBytes += bytes;
    let builder = this.#collecting;
    if (builder === undefined || builder.count >= blockMessages || !builder.hasRoom(bytes)) {
      this.#endBlock();
      this.#collecting = builder = new MessageBlockBuilder(blockBytes, this.#longest);
      this.#waiting.push({ kind: "messages", builder });
    }
    return builder;
  }

  /** Ends the current block: later messages start a new one, behind the entries that wait. */
  #endBlock(): void {
    this.#collecting?.end();
    this.#collecting = undefined;
  }

  /** Posts after the inputs that already wait, so that they share a feed. */
  #flushLater(): void {
    this.#isDue = true;
    if (this.#isScheduled || this.#isEnded || this.#mustWait()) return;
    this.#isScheduled = true;
    this.#turns = 0;
    if (this.#member === undefined) queueMicrotask(this.#flushNow);
    else this.#member.config.clock.defer(this.#flushIfQuiet);
  }

  readonly #flushNow = (): void => {
    this.#isScheduled = false;
    if (this.#isDue) this.#flush();
  };

  /** Waits a few turns while many messages come in each, because a post costs as much as handling dozens of them. */
  readonly #flushIfQuiet = (): void => {
    const came = this.#counts.message - this.#countBefore;
    this.#countBefore = this.#counts.message;
    if (came < manyMessages || ++this.#turns > busyTurns) this.#flushNow();
    else this.#member?.config.clock.defer(this.#flushIfQuiet);
  };

  readonly #flush = (): void => {
    if (!this.#isEnded && !this.#mustWait()) this.#post();
  };

  /** Whether the application has not handled the last feed. It then calls {@link handled}. */
  #mustWait(): boolean {
    if (this.#memory === undefined || Atomics.load(this.#memory, shared.handledFeeds) === this.#posted) return false;
    Atomics.store(this.#memory, shared.feedWaits, 1);
    return Atomics.load(this.#memory, shared.handledFeeds) !== this.#posted;
  }

  #flushNumbersLater(): void {
    if (this.#timer !== undefined || this.#isEnded || this.#member === undefined) return;
    this.#timer = this.#member.config.clock.setTimeout(() => {
      this.#timer = undefined;
      this.#needsNumbers = true;
      this.#flushLater();
    }, numbersDelay);
  }

  #post(): void {
    const transfer: ArrayBuffer[] = [];
    const nodes = this.#takeNodes();
    // An event about a member follows the member's entry.
    const items = this.#changed.size === 0 ? this.#takeItems(transfer) : [];
    const metrics = this.metrics.take();
    const numbers = this.#takeNumbers(nodes.length > 0 || items.some(({ type }) => type !== "messages"));
    this.#posted = (this.#posted + 1) | 0;
    this.#isDue = false;
    this.#port.post({ type: "feed", nodes, items, numbers, metrics } satisfies FeedMessage, transfer);
    if (this.#hasMore) this.#flushLater();
  }

  /** The numbers, unless the feed has only messages: cloning the numbers takes longer than cloning some messages. */
  #takeNumbers(hasMore: boolean): MemberNumbers | undefined {
    if (this.#member === undefined || !this.#hasStarted || !(hasMore || this.#needsNumbers)) return undefined;
    this.#needsNumbers = false;
    return numbersOf(this.#member);
  }

  #takeNodes(): NodeUpdate[] {
    const member = this.#member;
    const nodes: NodeUpdate[] = [];
    if (member === undefined) return nodes;
    for (const name of this.#changed) {
      this.#changed.delete(name);
      nodes.push({ name, info: pack(member.nodeInfo(name)) });
      if (nodes.length === nodesAtOnce) break;
    }
    return nodes;
  }

  #takeItems(transfer: ArrayBuffer[]): FeedItem[] {
    const items: FeedItem[] = [];
    let bytes = 0;
    let messages = 0;
    while (this.#waiting.size > 0 && items.length < itemsAtOnce && messages < itemsAtOnce && bytes < bytesAtOnce) {
      const next = this.#waiting.shift() as Waiting;
      if (next.kind === "messages") {
        const { count, size } = next.builder;
        bytes += size;
        messages += count;
        this.#waitingBytes -= size;
        this.#counts.message -= count;
        items.push(this.#takeBlock(next.builder, transfer));
      } else {
        bytes += next.bytes;
        this.#waitingBytes -= next.bytes;
        if (next.kind !== "reply") this.#counts[next.kind]--;
        items.push(handedOver(next.item, transfer));
      }
    }
    if (messages > 0) {
      this.#countBefore = 0;
      this.#longest = longestOf(items.flatMap((item) => (item.type === "messages" ? [item.block] : [])));
    }
    if (this.#waiting.size === 0 && this.#droppedEvents > 0) {
      items.push({ type: "gap", dropped: this.#droppedEvents });
      this.#droppedEvents = 0;
    }
    return items;
  }

  #takeBlock(builder: MessageBlockBuilder, transfer: ArrayBuffer[]): FeedItem {
    if (builder === this.#collecting) this.#collecting = undefined;
    const block = builder.build();
    transfer.push(block.bytes);
    return { type: "messages", block };
  }
}

function handedOver(item: FeedItem, transfer: ArrayBuffer[]): FeedItem {
  if (item.type === "merge") return { ...item, state: ownBytes(item.state, transfer) };
  return item.type === "message" ? { ...item, message: ownBytes(item.message, transfer) } : item;
}

/** Bytes in a buffer of their own, which is transferred. They are copied unless they are most of their buffer. */
function ownBytes(bytes: Uint8Array, transfer: ArrayBuffer[]): Uint8Array {
  const isMost = bytes.length >= longMessage && bytes.length >= bytes.buffer.byteLength / 2;
  const own = isMost && bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
  transfer.push(own.buffer);
  return own;
}

function numbersOf(member: LocalMember): MemberNumbers {
  const { config, healthScore, localNode, maxPayload, numMembers, queues } = member;
  return {
    bindPort: config.bindPort,
    numMembers,
    healthScore,
    maxPayload,
    queues,
    traffic: member.traffic(),
    counters: member.counters(),
    localNode: { ...localNode, meta: copyBytes(localNode.meta) },
  };
}

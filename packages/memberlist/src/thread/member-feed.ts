import type { Address } from "../api/address.ts";
import type { MemberEvent } from "../api/events.ts";
import type { Node } from "../api/node.ts";
import type { ClockTimer } from "../ports/clock.ts";
import type { LocalMember } from "../runtime/local-member.ts";
import { Fifo } from "../util/fifo.ts";
import { copyBytes } from "../wire/bytes.ts";
import { MessageBlockBuilder } from "./message-block.ts";
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
/** From this length on, in bytes, a message is transferred instead of being copied into a block. */
const longMessage = 64 * 1024;

/** How many entries of each kind wait for a slow application. Further ones are dropped and counted. */
const limits = { event: 8_192, message: 65_536, ping: 1_024, merge: 64, line: 1_024 } as const;
/** The bytes of waiting messages and states. A single one may be larger. */
const maxWaitingBytes = 32 * 1024 * 1024;

type Waiting =
  | { readonly kind: "message"; readonly message: Uint8Array; readonly from: Address }
  | { readonly kind: Exclude<keyof typeof limits, "message"> | "reply"; readonly item: FeedItem; readonly bytes: number };

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
  /** The messages of the last feed, in bytes. */
  #lastSize = 0;
  /** Whether entries wait for the next feed. */
  #isDue = false;
  #isScheduled = false;
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
    this.#waiting.push({ kind: "message", message, from });
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
    this.#waiting.push({ kind: "reply", item: { type: "reply", id, value: pack(value), error: pack(error) }, bytes: 0 });
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
    if (!fits) {
      this.#member?.runtime.count("dropped.application_slow");
      return false;
    }
    if (kind === "message") this.#count(kind, bytes);
    return true;
  }

  #count(kind: Waiting["kind"], bytes: number): void {
    if (kind !== "reply") this.#counts[kind]++;
    this.#waitingBytes += bytes;
  }

  #add(kind: Exclude<Waiting["kind"], "message">, item: FeedItem, bytes: number = 0): void {
    this.#count(kind, bytes);
    this.#waiting.push({ kind, item, bytes });
    this.#flushLater();
  }

  /** Posts after the inputs that already wait, so that they share a feed. */
  #flushLater(): void {
    this.#isDue = true;
    if (this.#isScheduled || this.#isEnded || this.#mustWait()) return;
    this.#isScheduled = true;
    const flush = (): void => {
      this.#isScheduled = false;
      this.#flush();
    };
    if (this.#member === undefined) queueMicrotask(flush);
    else this.#member.config.clock.defer(flush);
  }

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
    const items: FeedItem[] = [];
    // An event about a member follows the member's entry.
    const block = this.#changed.size === 0 ? this.#takeItems(items, transfer) : undefined;
    const metrics = this.metrics.take();
    const numbers = this.#takeNumbers(nodes.length > 0 || items.some(({ type }) => type !== "messages"));
    this.#posted = (this.#posted + 1) | 0;
    this.#isDue = false;
    this.#port.post({ type: "feed", nodes, items, block, numbers, metrics } satisfies FeedMessage, transfer);
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

  #takeItems(items: FeedItem[], transfer: ArrayBuffer[]): FeedMessage["block"] {
    const builder = new MessageBlockBuilder(this.#lastSize);
    let bytes = 0;
    while (this.#waiting.size > 0 && items.length < itemsAtOnce && builder.count < itemsAtOnce && bytes < bytesAtOnce) {
      const next = this.#waiting.shift() as Waiting;
      const size = next.kind === "message" ? next.message.length : next.bytes;
      bytes += size;
      this.#waitingBytes -= size;
      if (next.kind !== "reply") this.#counts[next.kind]--;
      if (next.kind === "message") addMessage(next.message, next.from, items, builder, transfer);
      else items.push(next.kind === "merge" ? handedOver(next.item, transfer) : next.item);
    }
    if (this.#waiting.size === 0 && this.#droppedEvents > 0) {
      items.push({ type: "gap", dropped: this.#droppedEvents });
      this.#droppedEvents = 0;
    }
    this.#lastSize = builder.size;
    if (builder.count === 0) return undefined;
    const built = builder.build();
    transfer.push(...built.transfer);
    return built.block;
  }
}

function addMessage(
  message: Uint8Array,
  from: Address,
  items: FeedItem[],
  builder: MessageBlockBuilder,
  transfer: ArrayBuffer[],
): void {
  if (message.length >= longMessage) {
    items.push({ type: "message", message: ownBytes(message, transfer), from });
    return;
  }
  builder.add(message, from);
  const last = items.at(-1);
  if (last?.type === "messages") last.count++;
  else items.push({ type: "messages", count: 1 });
}

function handedOver(item: FeedItem, transfer: ArrayBuffer[]): FeedItem {
  return item.type === "merge" ? { ...item, state: ownBytes(item.state, transfer) } : item;
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

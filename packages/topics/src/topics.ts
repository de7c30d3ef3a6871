import { MemberlistError, type Channel, type ChannelSender, type ClockTimer, type Node } from "@memberlist/core";
import { noCounts, type TopicsCounters } from "./counters.ts";
import { MessageLog, type StoredMessage } from "./message-log.ts";
import type { TopicMessage } from "./topic-message.ts";
import { resolveOptions, type ResolvedOptions, type TopicsMember, type TopicsOptions } from "./options.ts";
import { liveNode, Repair } from "./repair.ts";
import { RetainedValues } from "./retained.ts";
import { Subscriptions, type MessagesOptions, type Subscription, type TopicHandler } from "./subscriptions.ts";
import { receiversAfter, sendAlongTree } from "./tree.ts";
import { decodeDigest, decodePacket, encodePacket, nameMaxSize, type WireMessage } from "./wire.ts";

/** How often a member looks for gaps and expired messages, in ms. */
const tickInterval = 1_000;
/** With more user broadcasts than this in the queue, `publish` asks the caller to pause. */
const crowdedQueue = 1_024;

/** Options of {@link Topics.publish}. */
export interface PublishOptions {
  /** Members keep the message as the topic's last value, and give it to those that join or subscribe later. Default false. */
  readonly retain?: boolean;
}

/** Publish/subscribe among the members of a cluster. {@link createTopics} makes one. */
export class Topics {
  readonly #member: TopicsMember;
  readonly #options: ResolvedOptions;
  readonly #counters: TopicsCounters = noCounts();
  readonly #channel: Channel;
  readonly #log: MessageLog;
  readonly #retained: RetainedValues;
  readonly #repair: Repair;
  readonly #subscriptions: Subscriptions;
  readonly #origin: number;
  #sequence = 0;
  /** The payloads of others that are on their way along the tree. */
  #passedOnBytes = 0;
  #timer: ClockTimer = undefined;
  #isClosed = false;

  /** @throws MemberlistError `invalid_argument`, `channel_exists`, `shutdown` */
  constructor(member: TopicsMember, options: TopicsOptions) {
    this.#member = member;
    this.#options = resolveOptions(options);
    const { maxRetained, maxStoredBytes } = this.#options;
    const { clock, random } = member.config;
    this.#origin = Math.floor(random.next() * 2 ** 48);
    this.#retained = new RetainedValues(maxRetained, maxStoredBytes);
    this.#subscriptions = new Subscriptions(this.#counters, (at) => clock.wallTime() - (clock.now() - at));
    this.#log = new MessageLog({
      ...this.#options,
      own: this.#origin,
      counters: this.#counters,
      deliver: (message) => this.#deliver(message),
    });
    this.#repair = new Repair({
      member,
      channel: () => this.#channel,
      log: this.#log,
      retained: this.#retained,
      counters: this.#counters,
    });
    this.#channel = member.channel(this.#options.channel, {
      onMessage: (message, from) => this.#receive(message, from),
      localState: () => this.#repair.state(),
      mergeRemoteState: (state) => this.#merge(state),
      onClose: () => this.#end(),
    });
  }

  /**
   * Publishes a message to all members, this one included. Each member gets the messages of one publisher in their order, and each once.
   *
   * @param topic 1 to 255 bytes of UTF-8
   * @param payload bytes, or a value that becomes JSON
   * @returns false if messages are published faster than gossip sends them: the message was accepted, but pause before you publish many more.
   *   A message that is too long for a packet travels over streams; the promise then resolves when the first four members have it
   * @throws MemberlistError `message_too_large` over `maxPayload`; `left` after `leave`; `channel_closed` after {@link Topics.close} or the
   *   shutdown of the member; `invalid_argument`
   */
  async publish(topic: string, payload: unknown, { retain = false }: PublishOptions = {}): Promise<boolean> {
    const bytes = this.#checked(topic, payload);
    const version = retain ? this.#retained.nextVersion(topic) : 0;
    const message: WireMessage = {
      origin: this.#origin,
      sender: this.#member.config.name,
      sequence: ++this.#sequence,
      floor: this.#log.floorOf(this.#origin, this.#sequence),
      age: 0,
      version,
      topic,
      payload: bytes,
    };
    this.#counters.published++;
    this.#add(message);
    const packet = encodePacket({ type: "publish", message });
    if (packet.length > this.#channel.maxPayload()) {
      const names = this.#member.members().map(({ name }) => name);
      await sendAlongTree(this.#channel, message, this.#liveNodes(receiversAfter(message.sender, names)));
      return true;
    }
    try {
      const result = await this.#channel.broadcast(packet);
      return result.via === "gossip" && result.queued && this.#member.queues().user < crowdedQueue;
    } catch (error) {
      // The message is kept: the others find it in digests.
      if (error instanceof MemberlistError && error.code === "queue_full") return false;
      throw error;
    }
  }

  /**
   * Calls a handler for each message of a topic from now on, and at once for the retained value, if the topic has one. A handler that throws or
   * rejects is counted as `handlerFailed`.
   */
  subscribe(topic: string, handler: TopicHandler): Subscription {
    this.#checkOpen();
    return this.#subscriptions.subscribe(topic, handler, this.#retained.get(topic));
  }

  /**
   * The messages of a topic from this call on, as an async iterator, beginning with the retained value if the topic has one. It ends with its
   * signal, and with {@link Topics.close} or the shutdown of the member.
   *
   * @example
   * for await (const message of topics.messages("prices")) console.log(message.sender, message.json());
   */
  messages(topic: string, options: MessagesOptions = {}): AsyncIterableIterator<TopicMessage, undefined> {
    this.#checkOpen();
    return this.#subscriptions.messages(topic, this.#retained.get(topic), options);
  }

  /** Counts since the topics were created. */
  counters(): Readonly<TopicsCounters> {
    return { ...this.#counters };
  }

  /** Ends all subscriptions and frees the store. The member runs on. */
  close(): void {
    this.#channel.close();
  }

  #receive(bytes: Uint8Array, from: ChannelSender): void {
    const packet = decodePacket(bytes);
    switch (packet?.type) {
      case "publish":
        this.#accept(packet.message);
        break;
      case "tree":
        this.#accept(packet.message);
        // Members of the packet's list may lack the message even if this one had it already.
        if (this.#fits(packet.message)) this.#passOn(packet.message, packet.receivers).catch(unreached);
        break;
      case "digest":
        this.#repair.compare(packet.digest, this.#now);
        if (this.#repair.isWaiting) this.#tickLater();
        break;
      case "pull":
        this.#repair.answer(from.name, packet).catch(unreached);
        break;
      case "repair":
        for (const message of packet.messages) if (this.#accept(message, true)) this.#counters.repaired++;
        for (const message of packet.retained) this.#acceptRetained(message);
        break;
      case undefined:
        this.#counters.refused++;
        break;
    }
  }

  #merge(state: Uint8Array): void {
    const digest = decodeDigest(state);
    if (digest === undefined) {
      this.#counters.refused++;
      return;
    }
    this.#repair.merge(digest, this.#now);
    this.#tickLater();
  }

  /** @returns whether the message is new */
  #accept(message: WireMessage, isRepair: boolean = false): boolean {
    if (!this.#fits(message)) {
      this.#counters.refused++;
      return false;
    }
    // This member has its own messages. One with a higher sequence would be forged.
    if (message.origin !== this.#origin) return this.#add(message, isRepair);
    this.#counters.duplicates++;
    return false;
  }

  #fits({ payload }: WireMessage): boolean {
    return payload.length <= this.#options.maxPayload;
  }

  /** A peer can send any number of long messages. Those beyond the limit of bytes are not passed on: their receivers find them in digests. */
  async #passOn(message: WireMessage, receivers: readonly string[]): Promise<void> {
    const bytes = message.payload.length;
    if (this.#passedOnBytes > 0 && this.#passedOnBytes + bytes > this.#options.maxStoredBytes) return;
    this.#passedOnBytes += bytes;
    try {
      await sendAlongTree(this.#channel, message, this.#liveNodes(receivers));
    } finally {
      this.#passedOnBytes -= bytes;
    }
  }

  /** The members of these names, each once: a packet may name anything, such as an address outside of the cluster. */
  #liveNodes(names: readonly string[]): Node[] {
    return [...new Set(names)].flatMap((name) => liveNode(this.#member, name) ?? []);
  }

  #add(message: WireMessage, isRepair: boolean = false): boolean {
    const now = this.#now;
    if (!this.#log.add(message, now)) return false;
    this.#repair.received(now, isRepair);
    this.#tickLater();
    return true;
  }

  #acceptRetained(message: WireMessage): void {
    if (!this.#fits(message) || message.version === 0) {
      this.#counters.refused++;
      return;
    }
    const now = this.#now;
    const stored = { ...message, publishedAt: now - message.age, arrivedAt: now };
    if (this.#retained.set(stored)) this.#subscriptions.deliver(stored, true);
  }

  /** A retained message is not delivered after a newer value of its topic, so that all members end with the same one. */
  #deliver(message: StoredMessage): void {
    if (message.version === 0 || this.#retained.set(message)) this.#subscriptions.deliver(message, false);
  }

  get #now(): number {
    return this.#member.config.clock.now();
  }

  #tickLater(): void {
    if (this.#timer !== undefined || this.#isClosed) return;
    this.#timer = this.#member.config.clock.setTimeout(() => this.#tick(), tickInterval);
  }

  #tick(): void {
    this.#timer = undefined;
    this.#log.expire(this.#now);
    this.#repair.tick(this.#now);
    if (!this.#log.isEmpty || this.#repair.isWaiting) this.#tickLater();
  }

  #end(): void {
    this.#isClosed = true;
    this.#member.config.clock.clearTimeout(this.#timer);
    this.#subscriptions.end();
    this.#log.clear();
    this.#retained.clear();
  }

  #checked(topic: unknown, payload: unknown): Uint8Array {
    this.#checkOpen();
    if (typeof topic !== "string" || topic === "" || utf8(topic).length > nameMaxSize) {
      throw new MemberlistError("invalid_argument", `a topic must be a string of 1 to ${nameMaxSize} bytes (UTF-8)`);
    }
    if (this.#member.get(this.#member.config.name)?.state === "left") {
      throw new MemberlistError("left", "this node has left the cluster: join again before publish");
    }
    const bytes = payload instanceof Uint8Array ? new Uint8Array(payload) : jsonBytes(payload);
    const { maxPayload } = this.#options;
    if (bytes.length <= maxPayload) return bytes;
    throw new MemberlistError("message_too_large", `a payload of ${bytes.length} bytes exceeds maxPayload (${maxPayload})`, {
      details: { size: bytes.length, limit: maxPayload },
    });
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new MemberlistError("channel_closed", "the topics were closed, or the member was shut down");
  }
}

function unreached(): void {
  // Members that were not reached ask again.
}

function jsonBytes(value: unknown): Uint8Array {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new MemberlistError("invalid_argument", "a payload must be a Uint8Array or a value of JSON");
  return utf8(text);
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

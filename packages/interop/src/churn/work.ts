import { MemberlistError, type Memberlist, type Node } from "@memberlist/core";
import { createRequests, RequestError, type Requests } from "@memberlist/requests";
import { createRing, leader, type Leader, type Ring } from "@memberlist/ring";
import { createTopics, type TopicMessage, type Topics } from "@memberlist/topics";
import { epochMs } from "../peer-protocol.ts";
import { retainedTopic, topicOf, type ChurnEvent, type Published, type WorkCounters, type WorkOrder } from "./protocol.ts";

/** The interval between reports of deliveries, in ms. */
const reportInterval = 200;
/** One in `longEvery` messages is too long for a packet. With one in `retainedEvery`, the peer also publishes a retained value. */
const longEvery = 16;
const longBytes = 8_000;
const retainedEvery = 10;
/** One in `longRequestEvery` requests is too long for a packet. One in `requestAllEvery` asks all members. */
const longRequestEvery = 5;
const requestAllEvery = 8;
const keys = Array.from({ length: 20 }, (_, i) => `key-${i}`);

/** Publishes, subscribes, sends requests and answers them in one peer, and reports each event. */
export class ChurnWork {
  readonly #members: Memberlist;
  readonly #order: WorkOrder;
  readonly #report: (event: ChurnEvent) => void;
  readonly #topics: Topics;
  readonly #requests: Requests;
  readonly #ring: Ring;
  readonly #leader: Leader;
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  readonly #handled = new Set<string>();
  readonly #pending = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #delivered: [string, number, number][] = [];
  #published = 0;
  #asked = 0;
  #handledTwice = 0;

  constructor(members: Memberlist, order: WorkOrder, report: (event: ChurnEvent) => void) {
    this.#members = members;
    this.#order = order;
    this.#report = report;
    this.#topics = createTopics(members, { retention: order.retention });
    this.#requests = createRequests(members);
    this.#ring = createRing(members);
    this.#leader = leader(members, { task: "churn", settle: 1_000 });
    for (const topic of order.subscribes) {
      if (order.by === "handler") this.#topics.subscribe(topic, (message) => this.#deliver(message));
      else this.#read(topic).catch(throwLater);
    }
    this.#topics.subscribe(retainedTopic, (message) =>
      this.#report({ event: "retained", at: epochMs(), value: String(message.json()) }),
    );
    this.#requests.handle("echo", (payload) => {
      const id = new TextDecoder().decode(payload.subarray(0, 80));
      if (this.#handled.has(id)) this.#handledTwice++;
      this.#handled.add(id);
      return payload;
    });
    setInterval(() => this.#flush(), reportInterval);
  }

  /** Starts to publish and to send requests, except while the member is alone or has left. */
  start(): void {
    const { publishInterval, requestInterval } = this.#order;
    const every = (interval: number, act: () => Promise<void>): void => {
      this.#timers.push(setInterval(() => this.#isMember && this.#track(act()), interval));
    };
    every(publishInterval, () => this.#publish());
    every(requestInterval, () => (this.#asked % requestAllEvery === requestAllEvery - 1 ? this.#askAll() : this.#ask()));
  }

  /** Stops publishing and sending requests. The subscriptions and the handler remain. */
  async end(): Promise<WorkCounters> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#stop.abort();
    await Promise.all(this.#pending);
    const { dropped, evicted, handlerFailed, missed, refused, repaired } = this.#topics.counters();
    const lost = dropped + evicted + handlerFailed + missed + refused;
    return { lost, repaired, handledTwice: this.#handledTwice, owners: this.#owners() };
  }

  #owners(): string {
    const owners = keys.map((key) => this.#ring.ownersOf(key)[0]?.name);
    return `${owners.join(" ")}, led by ${this.#leader.current?.name}`;
  }

  get #isMember(): boolean {
    return this.#members.localNode().state === "alive" && this.#members.numMembers() > 1;
  }

  #track(act: Promise<void>): void {
    this.#pending.add(act);
    act.then(() => this.#pending.delete(act), throwLater);
  }

  async #publish(): Promise<void> {
    const number = ++this.#published;
    const message: Published = { run: this.#order.run, number, at: epochMs() };
    const payload = number % longEvery === 0 ? { ...message, padding: "x".repeat(longBytes) } : message;
    this.#report({ event: "published", ...message });
    const published = this.#topics.publish(topicOf(number), payload);
    const retained =
      number % retainedEvery === 0 && this.#topics.publish(retainedTopic, `${message.run} ${number}`, { retain: true });
    try {
      await Promise.all([published, retained]);
    } catch (error) {
      // The member is leaving, or shuts down.
      if (!(error instanceof MemberlistError)) throw error;
    }
  }

  async #read(topic: string): Promise<void> {
    for await (const message of this.#topics.messages(topic, { capacity: 100_000 })) this.#deliver(message);
  }

  #deliver(message: TopicMessage): void {
    const { at, number, run } = message.json() as Published;
    this.#delivered.push([run, number, Math.round(epochMs() - at)]);
  }

  #flush(): void {
    if (this.#delivered.length === 0) return;
    this.#report({ event: "delivered", at: epochMs(), messages: this.#delivered });
    this.#delivered = [];
  }

  /** The other members that answer requests. */
  #others(): Node[] {
    const { name } = this.#members.localNode();
    return this.#members.members().filter((node) => node.name !== name && !node.name.startsWith("go"));
  }

  #payload(): Uint8Array {
    const id = `${this.#order.run} ${++this.#asked}`.padEnd(80);
    return new TextEncoder().encode(this.#asked % longRequestEvery === 0 ? id.padEnd(longBytes) : id);
  }

  #requestOptions(): { readonly timeout: number; readonly signal: AbortSignal } {
    return { timeout: this.#order.requestTimeout, signal: this.#stop.signal };
  }

  async #ask(): Promise<void> {
    const others = this.#others();
    const to = others[Math.floor(Math.random() * others.length)];
    if (to === undefined) return;
    const startedAt = epochMs();
    const payload = this.#payload();
    let code: string | undefined;
    try {
      const answer = await this.#requests.request(to.name, "echo", payload, this.#requestOptions());
      if (!isSame(answer, payload)) code = "wrong_answer";
    } catch (error) {
      code = codeOf(error);
    }
    this.#ended(startedAt, to.name, code);
  }

  async #askAll(): Promise<void> {
    const startedAt = epochMs();
    const payload = this.#payload();
    const members = this.#others();
    const answers = this.#requests.requestAll("echo", payload, { ...this.#requestOptions(), members });
    const answered = new Set<string>();
    for await (const { error, member, payload: answer } of answers) {
      const isRight = error !== undefined || isSame(answer, payload);
      const code = answered.has(member.name) || !isRight ? "wrong_answer" : error?.code;
      answered.add(member.name);
      this.#ended(startedAt, member.name, code);
    }
    for (const { name } of answers.missing) this.#ended(startedAt, name, "missing");
  }

  #ended(startedAt: number, to: string, code: string | undefined): void {
    // `end` aborts requests.
    if (code !== undefined && this.#stop.signal.aborted) return;
    this.#report({ event: "request", at: epochMs(), startedAt, to, ...(code !== undefined && { code }) });
  }
}

/** An error of this program must end the process, and so `pnpm churn`. */
function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function codeOf(error: unknown): string {
  if (error instanceof RequestError || error instanceof MemberlistError) return error.code;
  throw error;
}

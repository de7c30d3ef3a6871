import type { ClockTimer, EventStream, MemberInfo, RecentEvent } from "@memberlist/core";
import { documentOf, memberStatus, updateOf } from "./document.ts";
import { EventClient, frame, type WholeState } from "./event-client.ts";
import { MemberDiff } from "./member-diff.ts";
import type { ResolvedOptions, StatusSource } from "./options.ts";
import { plain } from "./plain.ts";
import { Samples } from "./samples.ts";

/**
 * The server-sent events of one node. Each client gets a `status`, then an `event` for each change and log line, and an `update` every
 * `sampleInterval`, which also keeps the connection alive. The feed runs while it has clients, and ends with the node.
 */
export class EventFeed {
  readonly #members: StatusSource;
  readonly #options: ResolvedOptions;
  readonly #samples: Samples;
  readonly #clients: Set<EventClient> = new Set();
  readonly #diff: MemberDiff = new MemberDiff();
  /** The log lines that were pushed, or existed before the feed. */
  #knownLines: WeakSet<RecentEvent> = new WeakSet();
  #timer: ClockTimer;
  #reading: AbortController | undefined;

  constructor(members: StatusSource, options: ResolvedOptions) {
    this.#members = members;
    this.#options = options;
    this.#samples = new Samples(members, options.sampleInterval);
  }

  get isFull(): boolean {
    return this.#clients.size >= this.#options.maxEventStreams;
  }

  /** Returns the document. It takes a new sample if the last one is old enough. */
  status(): WholeState {
    const infos = this.#members.members({});
    const events = this.#members.recentEvents();
    this.#samples.take(infos);
    return { document: documentOf(this.#members, infos, events, this.#samples.list), events };
  }

  /** @param signal closes the stream */
  open(signal: AbortSignal): ReadableStream<Uint8Array> {
    const close = (): void => client.close();
    const client = new EventClient(
      () => this.status(),
      () => {
        signal.removeEventListener("abort", close);
        this.#clients.delete(client);
        if (this.#clients.size === 0) this.#stop();
      },
    );
    this.#clients.add(client);
    if (this.#reading === undefined) this.#start();
    if (signal.aborted) client.close();
    else signal.addEventListener("abort", close, { once: true });
    return client.body;
  }

  #start(): void {
    const { signal } = (this.#reading = new AbortController());
    this.#knownLines = new WeakSet(this.#members.recentEvents());
    this.#diff.update(this.#members.members({}));
    this.#setTimer();
    this.#read(this.#members.events({ signal })).then(
      () => signal.aborted || this.#end(),
      () => this.#end(),
    );
  }

  #stop(): void {
    this.#reading?.abort();
    this.#reading = undefined;
    this.#members.config.clock.clearTimeout(this.#timer);
  }

  async #read(stream: EventStream): Promise<void> {
    for await (const event of stream) this.#pushEvent(event);
  }

  /** Ends all streams after the shutdown of the node. */
  #end(): void {
    const last = frame("end", this.#update(this.#members.members({})));
    for (const client of this.#clients) client.end(last);
    this.#stop();
  }

  #setTimer(): void {
    const { clock } = this.#members.config;
    this.#timer = clock.setTimeout(() => {
      this.#setTimer();
      this.#tick();
    }, this.#options.sampleInterval);
  }

  #tick(): void {
    for (const event of this.#members.recentEvents()) {
      if (event.type !== "log" || this.#knownLines.has(event)) continue;
      this.#knownLines.add(event);
      this.#pushEvent(event);
    }
    const message = frame("update", this.#update(this.#members.members({})));
    for (const client of this.#clients) client.push(message);
  }

  #update(infos: readonly MemberInfo[]): object {
    const { changed, gone } = this.#diff.update(infos);
    const sample = this.#samples.take(infos);
    return { ...updateOf(this.#members), members: changed.map(memberStatus), gone, sample };
  }

  #pushEvent(event: RecentEvent): void {
    const member = "node" in event ? this.#members.get(event.node.name) : undefined;
    const message = frame("event", { event: plain(event), member: member && memberStatus(member) });
    for (const client of this.#clients) client.push(message, event);
  }
}

import type { Address } from "../api/address.ts";
import type { LogEvent, MemberEvent } from "../api/events.ts";
import type { Node } from "../api/node.ts";
import type { LogFields } from "../ports/logger.ts";
import type { ClockTimer } from "../ports/clock.ts";
import { equalBytes } from "../wire/bytes.ts";
import type { ResolvedConfig } from "../config/config.ts";
import type { Log } from "../ports/log.ts";
import type { Delegates } from "../runtime/delegates.ts";
import type { RecentEvents } from "../runtime/recent-events.ts";
import type { Stats } from "../runtime/stats.ts";
import { isLive, type MemberMirror } from "./member-mirror.ts";
import { MessageBlockReader } from "./message-block.ts";
import { unpack } from "./packed-values.ts";
import type { FeedItem, FeedMessage, LineItem, MemberNumbers } from "./thread-messages.ts";

/** How long a new thread may take to find a member again, in ms. After that the member counts as dead. */
const foundAgainWithin = 30_000;

/** If a timer fires this late, in ms, the application was blocked. */
const lateTimer = 100;

/** The parts of a member that a feed changes. */
export interface FeedTarget {
  readonly config: ResolvedConfig;
  readonly mirror: MemberMirror;
  readonly delegates: Delegates;
  readonly log: Log;
  readonly recent: RecentEvents;
  readonly stats: Stats;
  readonly isStopped: boolean;
  setNumbers(numbers: MemberNumbers): void;
  /** The thread has answered a call. */
  reply(id: number, value: unknown, error: unknown): void;
  publish(event: MemberEvent): void;
  /** A feed was handled. */
  handled(): void;
}

/** Reads the reports of the thread, and passes them to the mirror, the delegates, the event streams, the log and the metrics. */
export class FeedReader {
  readonly #member: FeedTarget;
  /** The members that the event delegate knows as live. */
  readonly #notified: Map<string, Node> = new Map();
  /** The members that were live when the last thread ended, and that the new thread has not found again. */
  readonly #lost: Map<string, Node> = new Map();
  #lostTimer: ClockTimer = undefined;
  /** The next join of this node is hidden from the application, for which the node has been a member all the time. */
  #joinsAgain = false;

  constructor(member: FeedTarget) {
    this.#member = member;
  }

  read(feed: FeedMessage): void {
    const { mirror } = this.#member;
    try {
      for (const update of feed.nodes) mirror.update(update);
      if (feed.numbers !== undefined) this.#member.setNumbers(feed.numbers);
      for (const item of feed.items) {
        // A delegate may have shut the member down. After that the application gets only replies and log lines.
        if (!this.#member.isStopped || item.type === "reply" || item.type === "line") this.#handle(item);
      }
      this.#collect(feed);
    } finally {
      this.#member.handled();
    }
  }

  /** A new thread starts with an empty member list, and finds the members again. */
  restart(): void {
    const { config, mirror } = this.#member;
    this.#joinsAgain = true;
    for (const node of mirror.nodes()) if (node.name !== config.name) this.#lost.set(node.name, node);
    // The new thread may never report members that were dead or had left.
    mirror.forgetDead(config.name);
    this.#dropLostLater();
  }

  end(): void {
    this.#member.config.clock.clearTimeout(this.#lostTimer);
  }

  #handle(item: FeedItem): void {
    const { delegates } = this.#member;
    switch (item.type) {
      case "event":
        this.#event(unpack(item.event) as MemberEvent);
        break;
      case "messages":
        this.#messages(new MessageBlockReader(item.block));
        break;
      case "message":
        delegates.notify(item);
        break;
      case "ping":
        delegates.notify({ type: "pingComplete", node: unpack(item.node) as Node, rtt: item.rtt, payload: item.payload });
        break;
      case "merge":
        if (item.isForChannels) delegates.channels?.mergeState(item.state, item.join);
        else delegates.mergeDelegateState(item.state, item.join);
        break;
      case "reply":
        this.#member.reply(item.id, item.value, item.error);
        break;
      case "line":
        this.#line(item);
        break;
      case "gap":
        this.#closeGap();
        break;
    }
  }

  #messages(block: MessageBlockReader): void {
    const { delegates } = this.#member;
    const notify = (message: Uint8Array, from: Address): void => delegates.notify({ type: "message", message, from });
    while (!block.isAtEnd && !this.#member.isStopped) block.next(notify);
  }

  #event(event: MemberEvent): void {
    const found = this.#foundAgain(event);
    if (found !== undefined) this.#notify(found);
  }

  /** For the application, a member that the new thread finds again never left: its join is dropped, or becomes an update. */
  #foundAgain(event: MemberEvent): MemberEvent | undefined {
    if (event.type !== "join") return event;
    if (this.#joinsAgain && event.node.name === this.#member.config.name) {
      this.#joinsAgain = false;
      return undefined;
    }
    const before = this.#lost.get(event.node.name);
    this.#lost.delete(event.node.name);
    if (before === undefined) return event;
    const isSame = equalBytes(before.meta, event.node.meta) && before.addr === event.node.addr && before.port === event.node.port;
    return isSame ? undefined : { ...event, type: "update" };
  }

  #dropLostLater(): void {
    const { clock } = this.#member.config;
    const due = clock.now() + foundAgainWithin;
    clock.clearTimeout(this.#lostTimer);
    this.#lostTimer = clock.setTimeout(() => {
      // The application was blocked, so it must read the waiting feeds first.
      if (clock.now() - due > lateTimer) this.#dropLostLater();
      else this.#dropLost();
    }, foundAgainWithin);
  }

  #dropLost(): void {
    const { config, mirror } = this.#member;
    const at = config.clock.wallTime();
    for (const [name, node] of this.#lost) {
      const now = mirror.node(name);
      // The new thread has found it, but the event of its join was dropped.
      if (now !== undefined && now !== node && isLive(now)) continue;
      mirror.delete(name);
      const cause = { code: "declared_dead", from: config.name, suspicion: undefined } as const;
      this.#notify({ type: "leave", node: Object.freeze({ ...node, state: "dead" }), cause, at });
    }
    this.#lost.clear();
  }

  #notify(event: MemberEvent): void {
    const { config, delegates } = this.#member;
    if (config.events !== undefined) {
      if (event.type === "join" || event.type === "update") this.#notified.set(event.node.name, event.node);
      if (event.type === "leave") this.#notified.delete(event.node.name);
    }
    if (event.type === "join" || event.type === "leave" || event.type === "update" || event.type === "conflict") {
      delegates.notify(event);
    }
    this.#member.publish(event);
  }

  /** Some events were dropped: notifies the event delegate of the differences between the members that it knows and the mirror. */
  #closeGap(): void {
    const { config, delegates, mirror } = this.#member;
    if (config.events === undefined) return;
    for (const node of mirror.nodes()) {
      const before = this.#notified.get(node.name);
      this.#notified.set(node.name, node);
      if (before === undefined) delegates.notify({ type: "join", node });
      else if (!equalBytes(before.meta, node.meta)) delegates.notify({ type: "update", node });
    }
    for (const [name, before] of this.#notified) {
      const node = mirror.node(name) ?? Object.freeze({ ...before, state: "dead" as const });
      if (isLive(node)) continue;
      this.#notified.delete(name);
      delegates.notify({ type: "leave", node, cause: { code: "declared_dead", from: config.name, suspicion: undefined } });
    }
  }

  #line({ at, fields, isLogged, level, message }: LineItem): void {
    const { log, recent } = this.#member;
    const line = unpack(fields) as LogFields;
    const event: LogEvent = { type: "log", level, code: line.code, message, fields: line, at };
    if (isLogged) recent.addLine(event);
    else log.write(event);
  }

  #collect({ metrics: updates }: FeedMessage): void {
    const { metrics } = this.#member.config;
    if (metrics === undefined) return;
    const { stats } = this.#member;
    for (const { kind, labels, name, values } of updates) for (const value of values) stats.send(kind, name, value, labels);
  }
}

import type { MemberStatus, StatusDocument, StatusEvent, StatusSample, StatusUpdate } from "../document.ts";

/** The number of events that the page keeps, which is the limit of `recentEvents()`. */
const maxEvents = 544;
/** The number of samples that the page keeps, which is the limit of the status handler. */
const maxSamples = 300;

export interface UpdateMessage extends StatusUpdate {
  readonly members?: readonly MemberStatus[];
  readonly gone?: readonly string[];
  readonly sample?: StatusSample;
}

export interface EventMessage {
  readonly event: StatusEvent;
  readonly member?: MemberStatus;
}

type Counts = Readonly<Record<string, number>>;

/** The state that the page shows: the last `status` message with all later messages applied. */
export class Model {
  readonly members: Map<string, MemberStatus> = new Map();
  /** The newest last. */
  events: StatusEvent[] = [];
  samples: StatusSample[] = [];
  /** Undefined before the first message. */
  latest: StatusUpdate | undefined;
  healthScoreMax = 0;
  protocolVersion = 0;
  /** The counters when the page was opened; empty after a restart of the node, which counts from 0 again. */
  firstCounters: Counts | undefined;
  /** The node's clock minus the browser's, in ms. */
  #clockOffset = 0;
  /** It rises with each change of a member. */
  revision = 0;

  reset(status: StatusDocument, now: number): void {
    const { latest } = this;
    if (latest !== undefined && isRestarted(latest, status)) this.firstCounters = {};
    this.firstCounters ??= status.counters;
    this.members.clear();
    for (const member of status.members) this.members.set(member.name, member);
    this.events = status.events.slice(-maxEvents);
    this.samples = status.samples.slice(-maxSamples);
    this.healthScoreMax = status.healthScoreMax;
    this.protocolVersion = status.protocolVersion;
    this.revision++;
    this.#setLatest(status, now);
  }

  update(message: UpdateMessage, now: number): void {
    const { members = [], gone = [], sample } = message;
    for (const member of members) this.members.set(member.name, member);
    for (const name of gone) this.members.delete(name);
    if (members.length + gone.length > 0) this.revision++;
    if (sample !== undefined) this.samples = [...this.samples, sample].slice(-maxSamples);
    this.#setLatest(message, now);
  }

  addEvent({ event, member }: EventMessage): void {
    this.events.push(event);
    if (this.events.length > 2 * maxEvents) this.events = this.events.slice(-maxEvents);
    if (member === undefined) return;
    this.members.set(member.name, member);
    this.revision++;
  }

  /** Returns how long a member has been in its state, in ms. */
  age(member: MemberStatus, now: number): number {
    return Math.max(0, now + this.#clockOffset - member.since);
  }

  #setLatest(update: StatusUpdate, now: number): void {
    this.latest = update;
    this.#clockOffset = update.at - now;
  }
}

/** Returns whether the node has restarted: while it runs, counts only rise. */
function isRestarted(before: StatusUpdate, now: StatusUpdate): boolean {
  const counts: Counts = { ...now.counters, ...now.traffic };
  return Object.entries({ ...before.counters, ...before.traffic }).some(([name, count]) => (counts[name] ?? 0) < count);
}

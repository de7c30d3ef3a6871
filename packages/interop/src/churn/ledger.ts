import { topicOf, type RequestEvent, type TopicName } from "./protocol.ts";

/** In ms. A message must arrive if its publisher was in the cluster for this time after publishing it. */
export const sendsWithin = 5_000;
/** In ms. A process that ended must have got each message that was published this time or longer before its end. */
export const arrivesWithin = 30_000;
/** In ms: the longest delay of a peer's lines. */
const lineDelay = 1_000;

/** One run of one process. */
export interface Run {
  readonly id: string;
  /** The name of its member. Later runs may have the same one. */
  readonly name: string;
  readonly subscribes: readonly TopicName[];
  /** A Go program publishes and relays, but does not repair: only duplicates count. */
  readonly isGo: boolean;
  /** The time at which its member had joined. */
  readonly joinedAt: number;
  /** The time at which it was killed, or began to leave for good. */
  endedAt?: number;
  /** The times at which the process ran without being a member: each from a leave to the end of the next join. */
  readonly absences: { from: number; to?: number }[];
}

interface Deliveries {
  readonly numbers: Set<number>;
  /** The newest of each topic. */
  readonly last: Map<TopicName, number>;
}

/** The result of `pnpm churn`. */
export interface Verdict {
  /** Each broken rule in one sentence. */
  readonly violations: readonly string[];
  readonly published: number;
  /** Messages that no live member has, because their publisher was killed or left right after publishing them. */
  readonly lostWithPublisher: number;
  /** At members of this library. */
  readonly delivered: number;
  readonly deliveredAtGo: number;
  /** In ms, from `publish` to the subscribers that were members all the time: the median, 99 %, the longest. */
  readonly delays: readonly [number, number, number];
  readonly requests: number;
  /** The number of failed requests for each code of an error. */
  readonly failedRequests: ReadonlyMap<string, number>;
}

/** Records the messages and the requests of each run of `pnpm churn`, and finds the broken rules. */
export class Ledger {
  readonly #runs = new Map<string, Run>();
  /** The time of each message, by run and number. */
  readonly #published = new Map<string, Map<number, number>>();
  /** By subscriber, then by publisher. */
  readonly #delivered = new Map<string, Map<string, Deliveries>>();
  readonly #retained = new Map<string, string>();
  readonly #requests: (RequestEvent & { readonly from: string })[] = [];
  readonly #delays: number[] = [];
  readonly #violations: string[] = [];

  begin(run: Run): void {
    this.#runs.set(run.id, run);
  }

  published(run: string, number: number, at: number): void {
    mapOf(this.#published, run).set(number, at);
  }

  /** @param delay from `publish` to here, in ms */
  delivered(at: string, message: { readonly run: string; readonly number: number; readonly at: number }, delay: number): void {
    const { number, run } = message;
    // The line of the publisher may not have been read yet.
    if (!mapOf(this.#published, run).has(number)) this.published(run, number, message.at);
    const known = this.#deliveries(at, run);
    const topic = topicOf(number);
    const last = known.last.get(topic) ?? 0;
    const subscriber = this.#runs.get(at);
    if (known.numbers.has(number)) this.#violate(`${at} got message ${number} of ${run} twice`);
    else if (number < last && subscriber?.isGo === false) {
      this.#violate(`${at} got message ${number} of ${run} after message ${last}`);
    }
    known.numbers.add(number);
    known.last.set(topic, Math.max(last, number));
    if (subscriber !== undefined && !subscriber.isGo && isPresent(subscriber, message.at, message.at + delay)) {
      this.#delays.push(delay);
    }
  }

  retained(run: string, value: string): void {
    this.#retained.set(run, value);
  }

  requested(from: string, event: RequestEvent): void {
    this.#requests.push({ ...event, from });
  }

  /** The state so far, for a line of progress. */
  summary(): string {
    const published = [...this.#published.values()].reduce((sum, { size }) => sum + size, 0);
    return (
      `${published} messages published, ${this.#count(() => true)} delivered; ${this.#requests.length} requests, ${listedCodes(this.failures())}; ` +
      `${this.#violations.length} duplicates or wrong orders`
    );
  }

  /** The number of requests that ended with each code. */
  failures(): ReadonlyMap<string, number> {
    const failures = new Map<string, number>();
    for (const { code } of this.#requests) if (code !== undefined) failures.set(code, (failures.get(code) ?? 0) + 1);
    return failures;
  }

  /** Describes the messages that live members lack, and retained values that differ: a healthy cluster repairs both soon. */
  unsettled(): string[] {
    const lacking: string[] = [];
    const live = this.#live();
    for (const subscriber of live) {
      for (const [run, numbers] of this.#published) {
        const missing = [...this.#expected(subscriber, run, numbers)].filter((n) => !this.#has(subscriber, run, n));
        if (missing.length > 0) lacking.push(`${subscriber.id} lacks ${listed(missing)} of ${run}`);
      }
    }
    const values = new Map<string | undefined, string[]>();
    for (const { id } of live) {
      const value = this.#retained.get(id);
      values.set(value, [...(values.get(value) ?? []), id]);
    }
    if (values.size > 1) {
      const each = [...values].map(([value, ids]) => `${value ?? "none"} at ${ids.join(" ")}`);
      lacking.push(`the members have different retained values: ${each.join(", ")}`);
    }
    return lacking;
  }

  /** Call it when the cluster has settled, or its time is over. */
  verdict(): Verdict {
    const violations = [...this.#violations, ...this.unsettled(), ...this.#holes(), ...this.#wrongRequests()];
    const live = this.#live();
    let lostWithPublisher = 0;
    let published = 0;
    for (const [run, numbers] of this.#published) {
      published += numbers.size;
      for (const [number, at] of numbers) if (!this.#mustArrive(run, number, at, live)) lostWithPublisher++;
    }
    const delays = this.#delays.toSorted((a, b) => a - b);
    const delayOf = (part: number): number => delays[Math.min(delays.length - 1, Math.floor(part * delays.length))] ?? 0;
    return {
      violations,
      published,
      lostWithPublisher,
      delivered: this.#count((run) => !run.isGo),
      deliveredAtGo: this.#count((run) => run.isGo),
      delays: [delayOf(0.5), delayOf(0.99), delayOf(1)],
      requests: this.#requests.length,
      failedRequests: this.failures(),
    };
  }

  /** Describes the messages that ended runs lack before their newest one, and those that were published long enough before their end. */
  #holes(): string[] {
    const holes: string[] = [];
    for (const subscriber of this.#runs.values()) {
      const { endedAt, id, isGo } = subscriber;
      if (isGo || endedAt === undefined) continue;
      for (const [run, numbers] of this.#published) {
        const last = this.#delivered.get(id)?.get(run)?.last;
        const missing = [...this.#expected(subscriber, run, numbers)].filter((number) => {
          if (this.#has(subscriber, run, number)) return false;
          const at = numbers.get(number) ?? 0;
          return number < (last?.get(topicOf(number)) ?? 0) || isPresent(subscriber, at, at + arrivesWithin);
        });
        if (missing.length > 0) holes.push(`${id}, which ended, lacks ${listed(missing)} of ${run}`);
      }
    }
    return holes;
  }

  /** Describes failed requests between members that were present all the time, and wrong answers. */
  #wrongRequests(): string[] {
    return this.#requests.flatMap(({ at, code, from, startedAt, to }) => {
      if (code === undefined) return [];
      const present = [...this.#runs.values()].filter((run) => isPresent(run, startedAt - lineDelay, at));
      const isFault = present.some(({ id }) => id === from) && present.some(({ name }) => name === to);
      if (code !== "wrong_answer" && !isFault) return [];
      return [`a request of ${from} to ${to}, which ran, ended with ${code} after ${Math.round(at - startedAt)} ms`];
    });
  }

  /** The messages of a publisher that a subscriber must get. */
  *#expected(subscriber: Run, run: string, numbers: ReadonlyMap<number, number>): IterableIterator<number> {
    const live = this.#live();
    for (const [number, at] of numbers) {
      if (subscriber.subscribes.includes(topicOf(number)) && this.#mustArrive(run, number, at, live)) yield number;
    }
  }

  /** Whether a message must arrive: its publisher lived long enough, or a live member has it. */
  #mustArrive(run: string, number: number, at: number, live: readonly Run[]): boolean {
    const publisher = this.#runs.get(run);
    if (publisher?.endedAt === undefined || isPresent(publisher, at, at + sendsWithin)) return true;
    return live.some((subscriber) => this.#has(subscriber, run, number));
  }

  #live(): Run[] {
    return [...this.#runs.values()].filter(({ endedAt, isGo }) => !isGo && endedAt === undefined);
  }

  #has({ id }: Run, run: string, number: number): boolean {
    return this.#delivered.get(id)?.get(run)?.numbers.has(number) === true;
  }

  #deliveries(at: string, run: string): Deliveries {
    const known = mapOf(this.#delivered, at);
    let deliveries = known.get(run);
    if (deliveries === undefined) known.set(run, (deliveries = { numbers: new Set(), last: new Map() }));
    return deliveries;
  }

  #count(counts: (run: Run) => boolean): number {
    let sum = 0;
    for (const run of this.#runs.values()) {
      if (!counts(run)) continue;
      for (const { numbers } of this.#delivered.get(run.id)?.values() ?? []) sum += numbers.size;
    }
    return sum;
  }

  #violate(text: string): void {
    // One fault may cause thousands.
    if (this.#violations.length < 100) this.#violations.push(text);
  }
}

/** Whether the member of a run was in the cluster all the time. */
function isPresent({ absences, endedAt, joinedAt }: Run, from: number, to: number): boolean {
  if (from < joinedAt || (endedAt !== undefined && to >= endedAt)) return false;
  return absences.every((absence) => to < absence.from || (absence.to !== undefined && from > absence.to));
}

function mapOf<V extends Map<unknown, unknown>>(maps: Map<string, V>, key: string): V {
  let map = maps.get(key);
  if (map === undefined) maps.set(key, (map = new Map() as V));
  return map;
}

/** Such as `3 failed (timeout 2, missing 1)`. */
export function listedCodes(failures: ReadonlyMap<string, number>): string {
  const sum = [...failures.values()].reduce((total, count) => total + count, 0);
  return sum === 0 ? "none failed" : `${sum} failed (${[...failures].map(([code, count]) => `${code} ${count}`).join(", ")})`;
}

function listed(numbers: readonly number[]): string {
  const shown = numbers.slice(0, 5).join(", ");
  return numbers.length === 1 ? `message ${shown}` : `messages ${shown}${numbers.length > 5 ? `, … (${numbers.length})` : ""}`;
}

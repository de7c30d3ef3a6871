import { setTimeout as sleep } from "node:timers/promises";
import { Peer } from "../peer.ts";
import { epochMs, fromBase64, seededBytes, toBase64, type PeerConfig, type PeerEvent } from "../peer-protocol.ts";
import { until } from "../until.ts";
import type { ChurnKind } from "./kinds.ts";
import { Ledger, type Run, type Verdict } from "./ledger.ts";
import { topicNames, topicOf, type Published, type TopicName, type WorkCounters } from "./protocol.ts";

export interface ChurnOptions {
  readonly kinds: readonly ChurnKind[];
  /** The number of processes. */
  readonly processes: number;
  /** In ms: how long the members publish while processes are killed. */
  readonly duration: number;
  /** In ms: from one kill or leave to the next. */
  readonly interval: number;
  /** In ms: from one message of a process to the next, and from one request to the next. */
  readonly publishInterval: number;
  readonly requestInterval: number;
  readonly progress: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface ChurnResult extends Verdict {
  readonly kills: number;
  readonly leaves: number;
  readonly starts: number;
  /** In ms: the time from the last message until all members had all messages. */
  readonly settledAfter: number;
  /** Messages that the members that ran at the end got by repair. */
  readonly repaired: number;
}

/** The number of processes that start at the same time. */
const startsAtOnce = 4;
/** In ms: the longest time for the last messages, joins and repairs. A push/pull comes every 30 s. */
const settleTimeout = 120_000;
/** In ms. A busy machine answers late, but a request must fail only if the other member is absent. */
const requestTimeout = 30_000;
const commandTimeout = 120_000;
/** In this order, again and again. A rejoin is in the same process; after a kill or a leave, a new process takes the place. */
const disturbances = ["kill", "rejoin", "kill", "leave", "kill"] as const;
/** The number of members that a new one joins at once. */
const seeds = 3;
const secret: Partial<PeerConfig> = { label: "churn", secretKey: toBase64(seededBytes(32, 19)) };

/** A place in the cluster for one process after another. */
interface Slot {
  readonly kind: ChurnKind;
  readonly index: number;
  /** The name and the address of its member, which most restarts keep. */
  name: string;
  host: string;
  port: number;
  peer: Peer | undefined;
  run: Run | undefined;
  /** A kill or a leave is in progress: the slot gets no other one. */
  isBusy: boolean;
}

/** One run of `pnpm churn`. */
export class ChurnRun {
  readonly #options: ChurnOptions;
  readonly #ledger = new Ledger();
  readonly #slots: Slot[];
  readonly #stop = new AbortController();
  readonly #events: Promise<void>[] = [];
  #failure: unknown;
  /** The run has stopped killing processes, and ends the publishing. */
  #isOver = false;
  #runs = 0;
  #disturbances = 0;
  #kills = 0;
  #leaves = 0;

  private constructor(options: ChurnOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.processes }, (_, index) => {
      const kind = options.kinds[index % options.kinds.length] as ChurnKind;
      return { kind, index, name: "", host: "", port: 0, peer: undefined, run: undefined, isBusy: false };
    });
  }

  /** Rejects if a process cannot be started, or ends by itself. */
  static async run(options: ChurnOptions): Promise<ChurnResult> {
    const churn = new ChurnRun(options);
    const { signal } = options;
    signal?.addEventListener("abort", () => churn.#fail(signal.reason));
    try {
      return await churn.#run();
    } finally {
      churn.#stop.abort();
      await Promise.allSettled(churn.#events);
      await Promise.all(churn.#slots.flatMap(({ peer }) => (peer === undefined ? [] : [peer.stop()])));
    }
  }

  async #run(): Promise<ChurnResult> {
    const { duration, interval, progress } = this.#options;
    await this.#startAll();
    const begun = performance.now();
    progress(`${this.#slots.length} members run: ${this.#slots.map(({ name }) => name).join(" ")}`);
    this.#events.push(this.#publishByGo());
    let reported = begun;
    for (let next = interval; next < duration; next += interval) {
      await this.#pause(begun + next - performance.now());
      this.#disturb();
      if (performance.now() - reported < 30_000) continue;
      reported = performance.now();
      progress(`${Math.round((reported - begun) / 1_000)} s: ${this.#summary()}`);
    }
    await this.#pause(begun + duration - performance.now());
    this.#isOver = true;
    await Promise.all(this.#events);
    if (this.#failure !== undefined) throw this.#failure;
    await this.#endWork();
    const stopped = performance.now();
    progress(
      `${Math.round((stopped - begun) / 1_000)} s: all members run, and have stopped publishing; waiting until each has all messages`,
    );
    for (let rounds = 0; performance.now() - stopped < settleTimeout; rounds++) {
      const unsettled = [...this.#ledger.unsettled(), ...disagreements(await this.#endWork())];
      if (unsettled.length === 0) break;
      if (rounds % 20 === 19) progress(`waiting: ${unsettled.slice(0, 3).join("; ")}${unsettled.length > 3 ? "; …" : ""}`);
      await this.#pause(500);
    }
    const settledAfter = performance.now() - stopped;
    // A duplicate may arrive late.
    await sleep(2_000);
    return this.#result(settledAfter, await this.#endWork());
  }

  #result(settledAfter: number, counters: readonly WorkCounters[]): ChurnResult {
    const verdict = this.#ledger.verdict();
    const sum = (of: (counter: WorkCounters) => number): number => counters.reduce((total, each) => total + of(each), 0);
    const violations = [...verdict.violations, ...disagreements(counters)];
    const lost = sum((each) => each.lost);
    if (lost > 0) violations.push(`the topics count ${lost} messages as missed, refused or dropped`);
    const twice = sum((each) => each.handledTwice);
    if (twice > 0) violations.push(`handlers got ${twice} requests twice`);
    return {
      ...verdict,
      violations,
      kills: this.#kills,
      leaves: this.#leaves,
      starts: this.#runs,
      settledAfter,
      repaired: sum((each) => each.repaired),
    };
  }

  async #startAll(): Promise<void> {
    const waiting = [...this.#slots];
    const work = async (): Promise<void> => {
      for (let slot = waiting.shift(); slot !== undefined; slot = waiting.shift()) await this.#start(slot);
    };
    // The others join this one.
    const first = waiting.shift();
    if (first !== undefined) await this.#start(first);
    await Promise.all(Array.from({ length: startsAtOnce }, work));
  }

  /** Starts a process, under the name and the address of the slot if it has them. */
  async #start(slot: Slot): Promise<void> {
    const { kind } = slot;
    const peer = await Peer.spawn(kind.isGo ? "go" : "node", { command: kind.command, commandTimeout });
    slot.peer = peer;
    const number = ++this.#runs;
    if (slot.name === "") {
      slot.name = `${kind.name}-${number}`;
      slot.host = `127.${(process.pid % 100) + 100}.${slot.index}.${(number % 250) + 1}`;
      slot.port = 0;
    }
    const { host, name, port } = slot;
    await peer.create({ preset: "lan", ...secret, name, bindAddr: host, bindPort: port });
    slot.port = peer.node.bindPort;
    const run = `${name}#${number}`;
    const subscribes = [topicNames[0], topicNames[1], topicNames[2 + (slot.index % 2)] as TopicName];
    peer.listen((event) => this.#record(run, event));
    if (!kind.isGo) {
      const { duration, publishInterval, requestInterval } = this.#options;
      // Longer than the run: no message expires, so each gap remains visible.
      const retention = Math.max(600_000, 3 * duration);
      const by = slot.index % 3 === 0 ? "iterator" : "handler";
      await peer.command("work", { run, subscribes, by, publishInterval, requestInterval, requestTimeout, retention });
    }
    await this.#join(slot, peer);
    slot.run = { id: run, name, subscribes, isGo: kind.isGo, joinedAt: epochMs(), absences: [] };
    this.#ledger.begin(slot.run);
    peer.ended.then(
      () => slot.run?.id === run && this.#fail(new Error(`${run} ended by itself\n${peer.describe()}`)),
      (error: unknown) => this.#fail(error),
    );
  }

  /** Joins some of the running members. Tries others if those are killed meanwhile. */
  async #join(slot: Slot, peer: Peer): Promise<void> {
    if (this.#slots.every((other) => other === slot || other.run === undefined)) return;
    const join = async (): Promise<boolean> => {
      const others = this.#slots.filter((other) => other !== slot && other.run !== undefined && !other.isBusy);
      const first = Math.floor(Math.random() * others.length);
      const targets = [...others.slice(first), ...others.slice(0, first)].slice(0, seeds);
      try {
        return (await peer.join(...targets.map((other) => other.peer as Peer))) > 0;
      } catch {
        return false;
      }
    };
    await until(join, { what: `${slot.name} joins`, timeout: commandTimeout, interval: 500, details: () => peer.describe() });
  }

  #record(run: string, event: PeerEvent): void {
    if (event.event === "published") this.#ledger.published(event.run, event.number, event.at);
    else if (event.event === "delivered") {
      for (const [by, number, delay] of event.messages) {
        this.#ledger.delivered(run, { run: by, number, at: event.at - delay }, delay);
      }
    } else if (event.event === "retained") this.#ledger.retained(run, event.value);
    else if (event.event === "request") this.#ledger.requested(run, event);
    else if (event.event === "topicMessage" && event.payload !== undefined) {
      const text = new TextDecoder().decode(fromBase64(event.payload));
      if (!text.startsWith("{")) return; // a retained value
      const message = JSON.parse(text) as Published;
      this.#ledger.delivered(run, message, event.at - message.at);
    }
  }

  /** Go programs publish by a command for each message. */
  async #publishByGo(): Promise<void> {
    const numbers = new Map<string, number>();
    while (!this.#isOver) {
      await this.#pause(this.#options.publishInterval);
      for (const { isBusy, peer, run } of this.#slots) {
        if (run === undefined || !run.isGo || isBusy) continue;
        const number = (numbers.get(run.id) ?? 0) + 1;
        numbers.set(run.id, number);
        const message: Published = { run: run.id, number, at: epochMs() };
        this.#ledger.published(run.id, number, message.at);
        const payload = toBase64(JSON.stringify(message));
        // The process may be killed meanwhile.
        peer?.command("publish", { topic: topicOf(number), payload }).catch(() => undefined);
      }
    }
  }

  /** Kills a process, or makes its member leave. At most a quarter of the processes are away at a time. */
  #disturb(): void {
    const free = this.#slots.filter(({ isBusy }) => !isBusy);
    if (this.#slots.length - free.length >= this.#slots.length / 4) return;
    const disturbance = disturbances[this.#disturbances++ % disturbances.length];
    // The Go library has no rejoin after a leave.
    const eligible = disturbance === "kill" ? free : free.filter(({ kind }) => !kind.isGo);
    const slot = eligible[Math.floor(Math.random() * eligible.length)];
    if (slot === undefined) return;
    slot.isBusy = true;
    const away = (0.2 + Math.random() * 1.4) * this.#options.interval;
    const event = disturbance === "kill" ? this.#kill(slot, away) : this.#leave(slot, away, disturbance === "rejoin");
    this.#events.push(
      event.then(
        () => void (slot.isBusy = false),
        (error: unknown) => this.#fail(error),
      ),
    );
  }

  async #kill(slot: Slot, away: number): Promise<void> {
    const { peer } = slot;
    this.#kills++;
    this.#end(slot);
    await peer?.killAndWait();
    await sleep(away);
    // Some orchestrators give a new process another name and address.
    if (Math.random() < 0.25) slot.name = "";
    await this.#start(slot);
  }

  /** Makes a member leave. It rejoins in the same process, or a new process takes its place. */
  async #leave(slot: Slot, away: number, rejoins: boolean): Promise<void> {
    const { peer, run } = slot;
    if (peer === undefined || run === undefined) return;
    this.#leaves++;
    const absence: Run["absences"][number] = { from: epochMs() };
    if (rejoins) run.absences.push(absence);
    else this.#end(slot);
    await peer.leave(10_000);
    if (!rejoins) await peer.stop();
    await sleep(away);
    if (!rejoins) return this.#start(slot);
    await peer.join(
      ...this.#slots.filter((other) => other !== slot && other.run !== undefined).map((other) => other.peer as Peer),
    );
    absence.to = epochMs();
  }

  #end(slot: Slot): void {
    if (slot.run !== undefined) slot.run.endedAt = epochMs();
    slot.run = undefined;
  }

  /** Ends the publishing at the first call. @returns the counters of all members of this library */
  #endWork(): Promise<WorkCounters[]> {
    const peers = this.#slots.flatMap(({ kind, peer }) => (kind.isGo || peer === undefined ? [] : [peer]));
    return Promise.all(peers.map((peer) => peer.command("endWork", {})));
  }

  #summary(): string {
    const away = this.#slots.filter(({ run }) => run === undefined).length;
    return `${this.#kills} kills, ${this.#leaves} leaves, ${this.#runs} starts; ${away} processes are down; ${this.#ledger.summary()}`;
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#stop.abort();
  }

  async #pause(ms: number): Promise<void> {
    await sleep(Math.max(0, ms), undefined, { signal: this.#stop.signal }).catch(() => undefined);
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** Describes rings that give the same keys to different members, and leaders that differ. */
function disagreements(counters: readonly WorkCounters[]): string[] {
  const all = [...new Set(counters.map(({ owners }) => owners))];
  return all.length < 2 ? [] : [`the members' rings differ: ${all.join("; ")}`];
}

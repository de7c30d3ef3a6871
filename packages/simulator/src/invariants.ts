import type { Node } from "@memberlist/core";
import { nodeStateName } from "@memberlist/core/internal";
import type { Life, NodeStatus, SimEvent, View } from "./sim-node.ts";

/** An invariant is broken. `message` has the problem, the time and the seed. */
export class InvariantError extends Error {
  /** Always "InvariantError". */
  override readonly name: string = "InvariantError";
  /** The name of the invariant: "incarnation-owner", "events-match-table", … */
  readonly invariant: string;
  /** Virtual time, in ms. */
  readonly at: number;
  /** The seed of the simulation, which repeats the run. */
  readonly seed: number | string;

  constructor(invariant: string, at: number, seed: number | string, message: string, cause?: unknown) {
    super(`${invariant} at ${at} ms (seed ${seed}): ${message}`, cause === undefined ? undefined : { cause });
    this.invariant = invariant;
    this.at = at;
    this.seed = seed;
  }
}

/** A finding: which invariant, and what is wrong. */
export type Finding = readonly [invariant: string, message: string];

/** The facts about one node since its last start. */
interface Watched {
  readonly name: string;
  readonly udpBufferSize: number;
  readonly forgetAfter: number;
  readonly present: Set<string>;
  life: Life | undefined;
  status: NodeStatus;
  views: Map<string, View & { readonly since: number }>;
}

interface Ended {
  readonly name: string;
  readonly life: Life;
  readonly at: number;
}

/** A running node's timers: some of its own, and some for each member that it may have a stream or a dial to. */
const maxTimers = (names: number): number => 16 + 8 * names;

/** Watches all nodes of a simulation. It only looks: a run is the same with it and without. */
export class Invariants {
  readonly #watched: Map<string, Watched> = new Map();
  /** The highest incarnation that each node has given itself, in any of its lives. */
  readonly #owned: Map<string, number> = new Map();
  readonly #findings: Finding[] = [];
  #ended: Ended[] = [];

  starting(name: string, udpBufferSize: number, forgetAfter: number): void {
    const fresh = { life: undefined, status: "running" as const, views: new Map(), present: new Set<string>() };
    this.#watched.set(name, { name, udpBufferSize, forgetAfter, ...fresh });
  }

  started(name: string, life: Life): void {
    this.#of(name).life = life;
    this.#own(name, life.members.localNode());
  }

  stopped(name: string, status: NodeStatus, at: number): void {
    const watched = this.#of(name);
    watched.status = status;
    if (status !== "crashed" || watched.life === undefined) return;
    // Its own last incarnation may be newer than the last look.
    this.#own(name, watched.life.members.localNode());
    this.#ended.push({ name, life: watched.life, at });
  }

  packet(name: string, bytes: number): void {
    const { udpBufferSize } = this.#of(name);
    if (bytes > udpBufferSize)
      this.#find("packet-size", `${name} sent ${bytes} bytes, over its udpBufferSize of ${udpBufferSize}`);
  }

  event({ observer, type, subject }: SimEvent): void {
    const { present } = this.#of(observer);
    const isPresent = present.has(subject.name);
    const isGone = subject.state === "dead" || subject.state === "left";
    if (type === "join" ? isPresent : !isPresent) {
      this.#find(
        "events-in-order",
        `${observer} reported the ${type} of ${subject.name}, who was ${isPresent ? "" : "not "}there`,
      );
    }
    if (isGone !== (type === "leave"))
      this.#find("events-in-order", `${observer} reported a ${type} of ${subject.name}, ${subject.state}`);
    if (type === "join") present.add(subject.name);
    if (type === "leave") present.delete(subject.name);
  }

  /** All that has been wrong since the last look, and what is wrong now. */
  look(at: number): Finding[] {
    const alive = [...this.#watched.values()].filter((watched) => watched.status !== "crashed");
    for (const { name, life } of alive) {
      if (life !== undefined) this.#own(name, life.members.localNode());
    }
    for (const watched of alive) if (watched.life !== undefined) this.#lookAt(watched, watched.life, at);
    this.#ended = this.#ended.filter((ended) => !this.#isOver(ended, at));
    return this.#findings.splice(0);
  }

  #own(name: string, { incarnation }: Node): void {
    this.#owned.set(name, Math.max(this.#owned.get(name) ?? 0, incarnation));
  }

  #lookAt(watched: Watched, { engine, members, clock, appClock }: Life, at: number): void {
    const { name, status, present } = watched;
    const self = members.localNode();
    const expected = status === "left" ? "left" : "alive";
    if (self.state !== expected) this.#find("alive-at-itself", `${name} sees itself ${self.state}`);
    this.#lookAtViews(watched, engine.pushPull.localState(), at);
    const listed = members.members().map((node) => node.name);
    if (listed.length !== present.size || listed.some((other) => !present.has(other))) {
      this.#find("events-match-table", `${name} lists ${listed.toSorted().join()}, events say ${[...present].toSorted().join()}`);
    }
    const queued = members.numQueuedBroadcasts();
    if (queued > this.#watched.size)
      this.#find("queue-bound", `${name} queues ${queued} broadcasts about ${this.#watched.size} nodes`);
    const timers = clock.pending - appClock.pending;
    if (timers > maxTimers(this.#watched.size)) this.#find("timers-bound", `${name} has ${timers} timers`);
  }

  #lookAtViews(watched: Watched, state: ReturnType<Life["engine"]["pushPull"]["localState"]>, at: number): void {
    const views: Watched["views"] = new Map();
    for (const { name: of, state: number, incarnation } of state) {
      const known = nodeStateName(number) ?? "dead";
      const before = watched.views.get(of);
      const since = before?.state === known ? before.since : at;
      views.set(of, { state: known, incarnation, since });
      const owned = this.#owned.get(of) ?? 0;
      if (incarnation > owned) {
        this.#find("incarnation-owner", `${watched.name} has ${of} at incarnation ${incarnation}, it never was above ${owned}`);
      }
      if (before === undefined) continue;
      const wasGone = before.state === "dead" || before.state === "left";
      // Forgotten in the meantime, it returns as a new node.
      if (wasGone && at - before.since >= watched.forgetAfter) continue;
      const what = `${watched.name} had ${of} ${before.state} at ${before.incarnation}, now ${known} at ${incarnation}`;
      if (incarnation < before.incarnation) this.#find("incarnation-rises", what);
      const isGone = known === "dead" || known === "left";
      if (wasGone && !isGone && incarnation <= before.incarnation) this.#find("gone-is-final", what);
    }
    watched.views = views;
  }

  #isOver({ name, life, at: endedAt }: Ended, at: number): boolean {
    // Its deferred work still runs, at the same instant.
    if (at <= endedAt) return false;
    if (life.clock.pending > 0) this.#find("timer-owner", `${life.clock.pending} timers of ${name} have outlived it`);
    return true;
  }

  #find(invariant: string, message: string): void {
    this.#findings.push([invariant, message]);
  }

  #of(name: string): Watched {
    const watched = this.#watched.get(name);
    if (watched === undefined) throw new Error(`no node ${name}`);
    return watched;
  }
}

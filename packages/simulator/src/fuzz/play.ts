import { SeededRandom } from "@memberlist/core/testing";
import { Keyring } from "@memberlist/core";
import type { AppConfig } from "../sim-node.ts";
import { Simulation } from "../simulation.ts";
import type { TrafficFaults } from "@memberlist/core/testing";
import type { Schedule, Step } from "./schedule.ts";

/** The result of a schedule. */
export interface Played {
  readonly trace: string;
  /** How long they took to agree once the faults had stopped, in ms. */
  readonly settled: number;
}

const maxNodes = 12;
const dnsName = "seeds.fuzz.test";

/**
 * Plays a schedule: first faults, with the invariants looked at all the time; then no faults, and all must agree in time.
 *
 * @throws InvariantError, or whatever else went wrong
 */
export async function play(schedule: Schedule): Promise<Played> {
  const run = new Run(schedule);
  await run.faults();
  return run.calm();
}

class Run {
  readonly #schedule: Schedule;
  readonly #sim: Simulation;
  readonly #held: Set<string> = new Set();
  readonly #paused: Set<string> = new Set();
  readonly #background: Promise<unknown>[] = [];
  /** The keys that all nodes have. A node that starts encrypts with the last one. */
  readonly #keys: Uint8Array[] = [];
  #faults: TrafficFaults = {};
  #counter = 0;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
    const { seed, config, latency } = schedule;
    if (schedule.keySize > 0) this.#keys.push(this.#key(0));
    const app = (): AppConfig => ({ meta: this.#meta(), keyring: this.#keyring() });
    this.#sim = new Simulation({ seed, config, latency, checkInterval: 500, app });
  }

  async faults(): Promise<void> {
    const { size, steps } = this.#schedule;
    for (let i = 0; i < size; i++) await this.#sim.add();
    for (let i = 1; i < size; i++) this.#join(`node-${i}`, `node-${i - 1}`);
    for (const step of steps) {
      await this.#step(step);
      await this.#sim.clock.advance(step.wait);
      this.#sim.check();
    }
  }

  /** Nodes that have left end; all others join each other. */
  async calm(): Promise<Played> {
    const sim = this.#sim;
    sim.network.heal();
    sim.network.setLoss(0);
    sim.network.setFaults({});
    for (const { clock } of sim.nodes) {
      clock.drift(1);
      clock.setLateness(0);
    }
    for (const name of this.#paused) sim.resume(name);
    for (const name of this.#held) sim.release(name);
    for (const { name, status } of sim.nodes) if (status === "left") await sim.crash(name);
    const names = sim.running.map(({ name }) => name);
    for (const name of names) this.#background.push(sim.startJoin(name, names));
    const settled = await sim.settle();
    await sim.clock.settle(Promise.all(this.#background), { limit: 600_000 });
    await sim.settle();
    const trace = sim.trace.hash;
    for (const { name, status } of sim.nodes) if (status !== "crashed") await sim.crash(name);
    await sim.clock.advance(2_000);
    sim.check();
    await sim.end();
    return { trace, settled };
  }

  async #step({ kind, a, b }: Step): Promise<void> {
    const sim = this.#sim;
    const { network } = sim;
    const name = this.#name(a);
    const other = this.#name(b);
    const isUp = sim.node(name).status === "running";
    switch (kind) {
      case "add":
        if (sim.names.length < maxNodes) this.#join((await sim.add()).name, other);
        break;
      case "block":
        if (name !== other) network.block(name, other);
        break;
      case "block-packets":
        if (name !== other) network.block(name, other, { streams: false });
        break;
      case "block-streams":
        if (name !== other) network.block(name, other, { packets: false });
        break;
      case "join-dns":
        // In one case of three the name has no addresses.
        network.setHost(dnsName, b % 3 === 0 ? [] : [other, this.#name(a + b)]);
        if (isUp) this.#join(name, dnsName);
        break;
      case "rotate-key":
        if (isUp) this.#rotateKey(name);
        break;
      case "stall":
        if (isUp) sim.hold(name, { senders: "goOn" });
        this.#held.add(name);
        break;
      case "partition":
        network.partition(sim.names.slice(0, 1 + (a % sim.names.length)));
        break;
      case "heal":
        network.heal();
        break;
      case "loss":
        network.setLoss(0.08 * (1 + a));
        break;
      case "calm":
        this.#faults = {};
        network.setLoss(0);
        network.setFaults({});
        break;
      case "bandwidth":
        this.#set({ bandwidth: 2_000 * (1 + a) });
        break;
      case "duplicate":
        this.#set({ duplicate: 0.1 * (1 + a) });
        break;
      case "reorder":
        this.#set({ reorder: 0.1 * (1 + a), reorderDelay: 200 * (1 + b) });
        break;
      case "mtu":
        this.#set({ mtu: 100 * (1 + a) });
        break;
      case "join":
        if (isUp) this.#join(name, other);
        break;
      case "crash":
        await this.#end(name);
        break;
      case "restart":
      case "restart-with-memory":
        await this.#end(name);
        await this.#restart(name, other, kind === "restart-with-memory");
        break;
      case "leave":
        if (isUp && !this.#paused.has(name)) this.#background.push(sim.startLeave(name));
        break;
      case "update":
        if (isUp) this.#later(sim.node(name).members.updateNode({ meta: this.#meta(), timeout: 3_000 }));
        break;
      case "message":
        if (isUp) this.#later(sim.node(name).members.sendReliable(sim.node(other).members.localNode(), this.#meta()));
        break;
      case "hold":
        if (isUp) sim.hold(name);
        this.#held.add(name);
        break;
      case "release":
        this.#release(name);
        break;
      case "pause":
        if (isUp) sim.pause(name);
        this.#paused.add(name);
        break;
      case "resume":
        this.#resume(name);
        break;
      case "drift":
        if (isUp) sim.node(name).clock.drift(0.92 + 0.02 * b);
        break;
      case "late":
        if (isUp) sim.node(name).clock.setLateness(50 * (1 + b));
        break;
    }
  }

  #set(faults: TrafficFaults): void {
    this.#faults = { ...this.#faults, ...faults };
    this.#sim.network.setFaults(this.#faults);
  }

  async #end(name: string): Promise<void> {
    this.#held.delete(name);
    this.#paused.delete(name);
    if (this.#sim.node(name).status !== "crashed") await this.#sim.crash(name);
  }

  async #restart(name: string, seed: string, memory: boolean): Promise<void> {
    await this.#sim.restart(name, { memory });
    if (!memory) this.#join(name, seed);
  }

  #release(name: string): void {
    if (this.#held.delete(name) && !this.#paused.has(name)) this.#sim.release(name);
  }

  #resume(name: string): void {
    if (!this.#paused.delete(name)) return;
    this.#sim.resume(name);
    this.#held.delete(name);
  }

  #join(name: string, seed: string): void {
    this.#background.push(this.#sim.startJoin(name, [seed]));
  }

  /** It may fail: the network is meant to be bad. */
  #later(call: Promise<unknown>): void {
    this.#background.push(call.catch(() => undefined));
  }

  #name(i: number): string {
    const { names } = this.#sim;
    return names[i % names.length] ?? "node-0";
  }

  /** Everybody gets a new key; one begins to encrypt with it, the others go on with theirs. */
  #rotateKey(name: string): void {
    if (this.#keys.length === 0) return;
    const key = this.#key(this.#keys.length);
    this.#keys.push(key);
    for (const { members } of this.#sim.nodes) members.keyring?.addKey(key);
    this.#sim.node(name).members.keyring?.useKey(key);
  }

  #keyring(): Keyring | undefined {
    const primary = this.#keys.at(-1);
    return primary === undefined ? undefined : new Keyring(this.#keys, primary);
  }

  #key(i: number): Uint8Array {
    return new Uint8Array(this.#schedule.keySize).fill(i + 1);
  }

  #meta(): Uint8Array {
    const random = new SeededRandom(++this.#counter);
    return Uint8Array.from({ length: 1 + Math.floor(random.next() * 40) }, () => Math.floor(random.next() * 256));
  }
}

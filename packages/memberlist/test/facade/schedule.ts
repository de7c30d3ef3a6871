import * as fc from "fast-check";
import type { MemberEvent, Node } from "../../src/index.ts";
import { bytes, Cluster, text, type TestNode } from "./cluster.ts";

/** One step, and the time until the next, in ms. `a` and `b` choose nodes. */
export interface Step {
  readonly kind: "join" | "leave" | "update" | "kill" | "restart" | "partition" | "block" | "heal" | "loss" | "calm";
  readonly a: number;
  readonly b: number;
  readonly wait: number;
}

export interface Schedule {
  readonly seed: number;
  readonly size: number;
  readonly steps: readonly Step[];
}

const kinds: readonly Step["kind"][] = [
  "join",
  "leave",
  "update",
  "kill",
  "restart",
  "partition",
  "block",
  "heal",
  "loss",
  "calm",
];

export const schedules: fc.Arbitrary<Schedule> = fc.record({
  seed: fc.nat(1_000_000),
  size: fc.integer({ min: 3, max: 8 }),
  steps: fc.array(
    fc.record({ kind: fc.constantFrom(...kinds), a: fc.nat(7), b: fc.nat(7), wait: fc.integer({ min: 10, max: 12_000 }) }),
    { minLength: 4, maxLength: 14 },
  ),
});

/** Checks the events of one run of a node. */
class Observer {
  readonly name: string;
  readonly present: Map<string, Node> = new Map();
  readonly problems: string[];
  #ownIncarnation = 0;

  constructor(name: string, problems: string[]) {
    this.name = name;
    this.problems = problems;
  }

  joined(node: Node): void {
    if (this.present.has(node.name)) this.problems.push(`${this.name}: ${node.name} joined twice`);
    this.present.set(node.name, node);
  }

  left(node: Node): void {
    if (!this.present.has(node.name)) this.problems.push(`${this.name}: ${node.name} left, and had not joined`);
    if (node.state !== "dead" && node.state !== "left") this.problems.push(`${this.name}: ${node.name} left as ${node.state}`);
    this.present.delete(node.name);
  }

  updated(node: Node): void {
    this.#rises(node);
    if (!this.present.has(node.name)) this.problems.push(`${this.name}: ${node.name} updated, and had not joined`);
    else this.present.set(node.name, node);
  }

  /** Compares the table with the events, and with its earlier content. */
  look(test: TestNode, hasLeft: boolean): void {
    const self = test.members.localNode();
    if (self.incarnation < this.#ownIncarnation) this.problems.push(`${this.name}: own incarnation fell to ${self.incarnation}`);
    this.#ownIncarnation = self.incarnation;
    if (self.state !== (hasLeft ? "left" : "alive")) this.problems.push(`${this.name}: sees itself ${self.state}`);
    const table = test.members.members();
    const reported = [...this.present.keys()].toSorted().join();
    const listed = table
      .map(({ name }) => name)
      .toSorted()
      .join();
    if (reported !== listed) this.problems.push(`${this.name}: events say ${reported}, members() ${listed}`);
    if (table.length !== test.members.numMembers()) this.problems.push(`${this.name}: numMembers() is not members().length`);
    for (const node of table) {
      this.#rises(node);
      if (this.present.has(node.name)) this.present.set(node.name, node);
    }
  }

  /** While a node is a member, its incarnation never falls. */
  #rises(node: Node): void {
    const before = this.present.get(node.name);
    if (before !== undefined && node.incarnation < before.incarnation) {
      this.problems.push(`${this.name}: ${node.name} fell from incarnation ${before.incarnation} to ${node.incarnation}`);
    }
  }
}

interface Slot {
  readonly host: string;
  test: TestNode | undefined;
  observer: Observer;
  hasLeft: boolean;
}

/** Runs a schedule, and collects all problems. The trace has every packet and every event. */
export class Run {
  readonly problems: string[] = [];
  readonly trace: string[] = [];
  readonly cluster: Cluster;
  readonly #slots: Slot[] = [];
  readonly #schedule: Schedule;
  readonly #pending: Promise<unknown>[] = [];
  #updates = 0;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
    this.cluster = new Cluster(schedule.seed, { latency: [1, 20] });
  }

  async play(): Promise<void> {
    const { size, steps } = this.#schedule;
    for (let i = 0; i < size; i++) {
      this.#slots.push({ host: `10.0.0.${i + 1}`, test: undefined, observer: new Observer("", this.problems), hasLeft: false });
      await this.#start(i);
    }
    for (let i = 1; i < size; i++) this.#join(i, i - 1);
    for (const step of steps) {
      await this.#step(step);
      await this.#pass(step.wait);
    }
    await this.#converge();
  }

  async end(): Promise<void> {
    await this.cluster.end();
    await Promise.all(this.#pending);
  }

  async #start(i: number): Promise<void> {
    const slot = this.#slots[i] as Slot;
    const observer = new Observer(`node-${i}`, this.problems);
    const test = await this.cluster.start({
      name: `node-${i}`,
      host: slot.host,
      meta: bytes(`life ${this.cluster.nodes.length}`),
      gossipInterval: 400,
      pushPullInterval: 15_000,
      suspicionMaxTimeoutMult: 3,
      events: {
        notifyJoin: (node) => observer.joined(node),
        notifyLeave: (node) => observer.left(node),
        notifyUpdate: (node) => observer.updated(node),
      },
    });
    Object.assign(slot, { test, observer, hasLeft: false });
    this.#record(test);
    this.#pending.push(this.#follow(test));
  }

  /** Every packet sent, byte for byte. */
  #record({ name, transport }: TestNode): void {
    const writeTo = transport.writeTo.bind(transport);
    transport.writeTo = (packet, to, done) => {
      this.trace.push(`${this.cluster.clock.now()} ${name} > ${to.host} ${Buffer.from(packet).toString("base64")}`);
      return writeTo(packet, to, done);
    };
  }

  async #follow({ name, members }: TestNode): Promise<void> {
    for await (const event of members.events()) this.trace.push(`${event.at} ${name} ${brief(event)}`);
  }

  async #step({ kind, a, b }: Step): Promise<void> {
    const { network } = this.cluster;
    const i = a % this.#slots.length;
    const slot = this.#slots[i] as Slot;
    switch (kind) {
      case "join":
        this.#join(i, b % this.#slots.length);
        break;
      case "leave":
        if (slot.test === undefined || slot.hasLeft) break;
        slot.hasLeft = true;
        this.#expect(slot.test.members.leave({ timeout: 3_000 }), ["timeout", "shutdown"]);
        break;
      case "update":
        if (slot.test === undefined || slot.hasLeft) break;
        this.#expect(slot.test.members.updateNode({ meta: bytes(`update ${++this.#updates}`), timeout: 3_000 }), [
          "timeout",
          "shutdown",
        ]);
        break;
      case "kill":
        await this.#kill(slot);
        break;
      case "restart":
        await this.#kill(slot);
        await this.#start(i);
        this.#join(i, b % this.#slots.length);
        break;
      case "partition":
        network.partition(
          this.#slots.slice(0, 1 + i).map(({ host }) => host),
          this.#slots.slice(1 + i).map(({ host }) => host),
        );
        break;
      case "block":
        network.block(slot.host, (this.#slots[b % this.#slots.length] as Slot).host);
        break;
      case "heal":
        network.heal();
        break;
      case "loss":
        network.setLoss(0.05 * (1 + b));
        break;
      case "calm":
        network.setLoss(0);
        break;
    }
  }

  #join(i: number, j: number): void {
    const slot = this.#slots[i] as Slot;
    const seed = (this.#slots[j] as Slot).host;
    if (slot.test === undefined || slot.hasLeft) return;
    this.#expect(slot.test.members.join([seed], { timeout: 5_000 }), ["join_failed", "shutdown"]);
  }

  async #kill(slot: Slot): Promise<void> {
    const { test } = slot;
    slot.test = undefined;
    await test?.members.shutdown();
  }

  /** The only codes that a call may fail with. */
  #expect(call: Promise<unknown>, allowed: readonly string[]): void {
    const checked = call.catch((error: unknown) => {
      const code = String((error as { code?: unknown }).code ?? error);
      if (!allowed.includes(code)) this.problems.push(`a call failed: ${code}`);
    });
    this.#pending.push(checked);
  }

  async #pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 2_000) {
      await this.cluster.advance(Math.min(left, 2_000));
      this.#look();
    }
  }

  #look(): void {
    for (const { test, observer, hasLeft } of this.#slots) if (test !== undefined) observer.look(test, hasLeft);
  }

  /** Stops the faults, and lets all nodes rejoin each other: they must converge. */
  async #converge(): Promise<void> {
    const { network } = this.cluster;
    network.heal();
    network.setLoss(0);
    for (const slot of this.#slots) if (slot.hasLeft) await this.#kill(slot);
    const live = this.#slots.filter(({ test }) => test !== undefined).map(({ test }) => test as TestNode);
    await this.#pass(1_000);
    const seeds = live.map(({ seed }) => seed);
    const rejoining = Promise.all(live.map(({ members }) => members.join(seeds)));
    this.#expect(rejoining, []);
    await this.cluster.settle(rejoining.catch(() => undefined));
    try {
      await this.cluster.until(() => agree(live), 180_000);
    } catch {
      this.problems.push(`no agreement: ${live.map((test) => `${test.name} sees ${view(test)}`).join("; ")}`);
    }
    this.#look();
    for (const { log, name } of live) {
      const internal = log.find(({ fields }) => ["internal_error", "delegate_failed"].includes(fields.code));
      if (internal !== undefined) this.problems.push(`${name}: ${internal.message}`);
    }
  }
}

/** All nodes list exactly the live nodes, as alive, with the owner's incarnation and metadata. */
function agree(live: readonly TestNode[]): boolean {
  const truth = live
    .map(({ members }) => describeNode(members.localNode()))
    .toSorted()
    .join();
  return live.every((test) => view(test) === truth);
}

function view({ members }: TestNode): string {
  return members.members().map(describeNode).toSorted().join();
}

function describeNode({ name, state, incarnation, meta }: Node): string {
  return `${name} ${state} ${incarnation} ${text(meta)}`;
}

function brief(event: MemberEvent): string {
  return "node" in event ? `${event.type} ${describeNode(event.node)}` : event.type;
}

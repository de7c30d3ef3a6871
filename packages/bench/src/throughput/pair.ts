import { setTimeout as sleep } from "node:timers/promises";
import { taskOf, type Case } from "./cases.ts";
import { Child } from "../child.ts";
import type { Mark, NodePorts, NodeTask, Order } from "./node-task.ts";
import type { Runtime } from "./runtimes.ts";
import { Tap } from "./tap.ts";
import type { WireForm } from "../wire-check.ts";

/** What one stretch of sending came to. */
export interface Stretch {
  /** Messages per second, delivered to the delegate as they were sent. */
  readonly rate: number;
  /** Packets per second that the receiver had from the kernel. */
  readonly packetRate: number;
  /** CPU time of both processes per delivered packet, in microseconds. */
  readonly cpu: number;
  /** CPU time of the application's thread per delivered message, in microseconds; NaN where a node does not know. */
  readonly threadCpu: { readonly sender: number; readonly receiver: number };
  /** Messages sent, and of these not delivered. */
  readonly sent: number;
  readonly lost: number;
}

/** Missing messages count as lost when none arrives for so long, in ms. */
const silence = 500;

/** A sender and a receiver, each in a process of its own, the one joined to the other. */
export class Pair {
  readonly #name: string;
  readonly #receiver: Child;
  readonly #sender: Child;

  private constructor(name: string, receiver: Child, sender: Child) {
    this.#name = name;
    this.#receiver = receiver;
    this.#sender = sender;
  }

  /**
   * @param runtime of both, or of each
   * @param options for the runtime itself, in front of its program
   */
  static async start(
    runtime: Runtime | Readonly<Record<NodeTask["role"], Runtime>>,
    which: Case,
    options: (role: NodeTask["role"]) => readonly string[] = () => [],
  ): Promise<Pair> {
    const ends = "sender" in runtime ? runtime : { sender: runtime, receiver: runtime };
    const begin = (role: NodeTask["role"], doing: string): Child => {
      const { command, name } = ends[role];
      const [program, ...args] = command;
      return new Child(`${name}, ${doing}`, [program, ...options(role), ...args]);
    };
    const receiver = begin("receiver", "receiving");
    const sender = begin("sender", "sending");
    const pair = new Pair(ends.sender.name, receiver, sender);
    try {
      const task = taskOf(which);
      const forReceiver: NodeTask = { ...task, role: "receiver", port: 0, acks: 0 };
      const { port, acks } = await receiver.ask<NodePorts>(forReceiver);
      await sender.ask<NodePorts>({ ...task, role: "sender", port, acks } satisfies NodeTask);
      return pair;
    } catch (error) {
      await pair.end();
      throw error;
    }
  }

  /** Sends for `duration` ms. What is sent during the `warmup` ms before that counts for the loss only. */
  async send(order: Order, duration: number, warmup = 0): Promise<Stretch> {
    const before = await this.#marks({});
    await this.#marks(order);
    if (warmup > 0) await sleep(warmup);
    const from = await this.#marks({});
    await sleep(duration);
    const to = await this.#marks({});
    const stopped = await this.#sender.ask<Mark>({ stop: true } satisfies Order);
    const { count: deliveredInAll, bad } = await this.#settled(stopped.count - before.sender.count + before.receiver.count);
    if (bad > 0) throw new Error(`${this.#name}: ${bad} messages came out other than they were sent`);
    const count = to.receiver.count - from.receiver.count;
    const packets = to.receiver.packets - from.receiver.packets;
    const seconds = (to.receiver.at - from.receiver.at) / 1000;
    const cpu = to.receiver.cpu - from.receiver.cpu + to.sender.cpu - from.sender.cpu;
    const threadCpu = (role: NodeTask["role"]): number =>
      ((to[role].threadCpu ?? Number.NaN) - (from[role].threadCpu ?? Number.NaN)) / Math.max(1, count);
    // A goroutine may have sent one more.
    const { count: sentInAll } = await this.#sender.ask<Mark>({});
    const sent = sentInAll - before.sender.count;
    return {
      rate: count / seconds,
      packetRate: packets / seconds,
      cpu: cpu / Math.max(1, packets),
      threadCpu: { sender: threadCpu("sender"), receiver: threadCpu("receiver") },
      sent,
      lost: sent - (deliveredInAll - before.receiver.count),
    };
  }

  /** Has each payload sent to a socket of ours, to see that on the wire it is what the case asks for. */
  async checkWire(which: Case, wire: WireForm): Promise<void> {
    const tap = await Tap.open();
    try {
      await this.#sender.ask<Mark>({ tap: tap.port } satisfies Order);
      await tap.check(which, wire);
    } catch (error) {
      throw new Error(`${this.#name}, ${which.size}/${which.payload}/${which.mode}: ${String(error)}`, { cause: error });
    } finally {
      tap.close();
    }
  }

  async end(): Promise<void> {
    await Promise.all([this.#sender.end(), this.#receiver.end()]);
  }

  async #marks(order: Order): Promise<{ readonly receiver: Mark; readonly sender: Mark }> {
    const receiver = await this.#receiver.ask<Mark>(order);
    return { receiver, sender: await this.#sender.ask<Mark>(order) };
  }

  /** Resolves when all messages have arrived, or none arrives for a while. */
  async #settled(expected: number): Promise<Mark> {
    let last = await this.#receiver.ask<Mark>({});
    let since = performance.now();
    while (last.count < expected && performance.now() - since < silence) {
      await sleep(5);
      const now = await this.#receiver.ask<Mark>({});
      if (now.count > last.count) since = performance.now();
      last = now;
    }
    return last;
  }
}

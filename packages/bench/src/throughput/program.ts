import { createInterface } from "node:readline";
import { threadCpu } from "../thread-cpu.ts";
import { AckSource, followAcks } from "./acks.ts";
import type { Mark, NodePorts, NodeTask, Order } from "./node-task.ts";
import { Pacer } from "./pacer.ts";
import { Tally } from "./tally.ts";

export interface BenchNode {
  /** Where a receiver listens. */
  readonly port: number;
  /** @returns false when the sender should pause for a turn of the event loop */
  readonly send: (message: Uint8Array) => boolean;
  /** As {@link send}, to another port than the receiver's. */
  readonly sendTo: (port: number, message: Uint8Array) => void;
}

/** One node of the throughput bench, driven by lines of JSON as node-task.ts says, until stdin ends. */
export async function runProgram(create: (task: NodeTask, tally: Tally) => Promise<BenchNode>): Promise<void> {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const first = await lines.next();
  const task = JSON.parse(String(first.value)) as NodeTask;
  const tally = new Tally(task.payloads);
  const node = await create(task, tally);
  const { acks, follow } = await (task.role === "receiver" ? receive(tally) : send(task, tally, node));
  answer({ port: node.port, acks });
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
    const order = JSON.parse(line.value) as Order;
    const count = follow(order);
    const { user, system } = process.cpuUsage();
    const { bad, packets } = tally;
    answer({ count, bad, packets, cpu: user + system, threadCpu: threadCpu(), at: performance.now() });
  }
}

interface Role {
  readonly acks: number;
  /** Does what is asked, if anything is, and reports the count. */
  readonly follow: (order: Order) => number;
}

async function receive(tally: Tally): Promise<Role> {
  const source = await AckSource.listen(() => tally.count);
  tally.onCount = () => source.counted();
  const follow = ({ window }: Order): number => {
    if (window !== undefined) source.window = window;
    return tally.count;
  };
  return { acks: source.port, follow };
}

async function send(task: NodeTask, tally: Tally, node: BenchNode): Promise<Role> {
  const pacer = new Pacer(() => node.send(tally.next()));
  await followAcks(task.acks, (count) => pacer.acked(count));
  const follow = (order: Order): number => {
    if (order.tap !== undefined) for (const payload of tally.payloads) node.sendTo(order.tap, payload);
    else if (Object.keys(order).length > 0) pacer.follow(order);
    return pacer.count;
  };
  return { acks: 0, follow };
}

function answer(value: NodePorts | Mark): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

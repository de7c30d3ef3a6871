import { lanConfig, type Config, type Memberlist } from "@memberlist/core";
import type { BenchNode } from "./program.ts";
import type { NodeTask } from "./node-task.ts";
import type { Tally } from "./tally.ts";

/** A member whose delegate counts; a sender joins the receiver first. */
export async function member(
  createMemberlist: (config: Config) => Promise<Memberlist>,
  task: NodeTask,
  tally: Tally,
): Promise<BenchNode> {
  const isReceiver = task.role === "receiver";
  const list = await createMemberlist({
    ...lanConfig(),
    name: task.role,
    bindAddr: "127.0.0.1",
    bindPort: 0,
    enableCompression: task.compress,
    udpBufferSize: task.buffer,
    handoffQueueDepth: 65_536,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    delegate: { notifyMsg: (message) => tally.received(message) },
    ...(isReceiver ? { metrics: packetCounter(tally) } : {}),
    ...(task.key === null ? {} : { secretKey: new Uint8Array(Buffer.from(task.key, "base64")) }),
  });
  if (isReceiver) return { port: list.config.bindPort, send: () => false, sendTo: () => undefined };
  await list.join([`127.0.0.1:${task.port}`]);
  const to = list.members().find(({ name }) => name === "receiver");
  if (to === undefined) throw new Error("the receiver is not a member after the join");
  return {
    port: 0,
    send: (message) => list.sendBestEffort(to, message),
    sendTo: (port, message) => void list.sendBestEffort({ ...to, port }, message),
  };
}

function packetCounter(tally: Tally): NonNullable<Config["metrics"]> {
  return {
    increment: (name) => {
      if (name === "memberlist.udp.received") tally.packets++;
    },
    gauge: () => undefined,
    sample: () => undefined,
  };
}

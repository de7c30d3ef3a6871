import { createMemberlist, lanConfig } from "@memberlist/transport-node";
import type { NodeTask } from "./node-task.ts";
import type { Tally } from "./tally.ts";

export interface BenchNode {
  readonly port: number;
  /** @returns false when the sender should pause for a turn of the event loop */
  readonly send: (message: Uint8Array) => boolean;
}

/** A member whose delegate counts; a sender joins the receiver first. */
export async function member(task: NodeTask, tally: Tally): Promise<BenchNode> {
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
    ...(task.key === null ? {} : { secretKey: new Uint8Array(Buffer.from(task.key, "base64")) }),
  });
  const { port } = list.localNode();
  if (task.role === "receiver") return { port, send: () => false };
  await list.join([`127.0.0.1:${task.port}`]);
  const to = list.members().find(({ name }) => name === "receiver");
  if (to === undefined) throw new Error("the receiver is no member after the join");
  return { port, send: (message) => list.sendBestEffort(to, message) };
}

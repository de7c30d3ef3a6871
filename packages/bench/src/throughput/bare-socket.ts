import { createSocket } from "node:dgram";
import type { BenchNode } from "./program.ts";
import type { NodeTask } from "./node-task.ts";
import type { Tally } from "./tally.ts";

/** Sends between two turns of the event loop. */
const burst = 32;

/**
 * `dgram` and nothing else: what any transport on it can reach at most.
 *
 * @param isConnected to the receiver, which spares the kernel and Node a look at the address of each packet; a member has one socket for all its peers, and cannot
 */
export async function bareSocket(isConnected: boolean, task: NodeTask, tally: Tally): Promise<BenchNode> {
  const socket = createSocket({ type: "udp4", lookup: (host, _options, callback) => callback(null, host, 4) });
  socket.on("message", (message) => {
    tally.packets++;
    tally.received(message);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  socket.setRecvBufferSize(2 * 1024 * 1024);
  if (task.role === "receiver") return { port: socket.address().port, send: () => false, sendTo: () => undefined };
  if (isConnected) await new Promise<void>((resolve) => socket.connect(task.port, "127.0.0.1", resolve));
  let sent = 0;
  const send = (message: Uint8Array): boolean => {
    if (isConnected) socket.send(message);
    else socket.send(message, task.port, "127.0.0.1");
    return ++sent % burst !== 0;
  };
  // Its packets are the messages: a tap has nothing to decode.
  return { port: 0, send, sendTo: () => undefined };
}

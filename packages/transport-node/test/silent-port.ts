import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { Worker } from "node:worker_threads";
import type { Address } from "@memberlist/core";

/** A thread that listens and then sleeps: once its backlog is full, the kernel leaves further SYNs without an answer. */
const sleeper = `
  const { createServer } = require("node:net");
  const { parentPort } = require("node:worker_threads");
  const server = createServer();
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
  });
`;

/** A port of loopback whose peer does not answer. */
export interface SilentPort {
  readonly address: Address;
  close(): Promise<void>;
}

/** A port that neither accepts nor refuses connections. */
export async function silentPort(): Promise<SilentPort> {
  const worker = new Worker(sleeper, { eval: true });
  const port = await new Promise<number>((resolve) => void worker.once("message", resolve));
  const fillers: Socket[] = [];
  // One by one, until one gets no answer.
  for (let isFull = false; !isFull;) {
    const filler = connect(port, "127.0.0.1").on("error", () => undefined);
    fillers.push(filler);
    isFull = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(true), 200);
      filler.once("connect", () => {
        clearTimeout(timer);
        resolve(false);
      });
    });
  }
  return {
    address: { host: "127.0.0.1", port, name: "" },
    close: async () => {
      for (const filler of fillers) filler.destroy();
      await worker.terminate();
    },
  };
}

/** A port that accepts connections and never answers on them. */
export async function mutePort(): Promise<SilentPort> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on("error", () => undefined)));
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return {
    address: { host: "127.0.0.1", port: (server.address() as AddressInfo).port, name: "" },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

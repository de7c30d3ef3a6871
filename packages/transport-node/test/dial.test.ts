import { getEventListeners } from "node:events";
import { connect, type Socket } from "node:net";
import { Worker } from "node:worker_threads";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Address } from "@memberlist/core";
import { NodeTransport } from "../src/node-transport.ts";
import { outcome, until } from "./support.ts";

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

let worker: Worker;
let silent: Address;
let fillers: Socket[];
let transport: NodeTransport;

beforeAll(async () => {
  worker = new Worker(sleeper, { eval: true });
  const port = await new Promise<number>((resolve) => void worker.once("message", resolve));
  silent = { host: "127.0.0.1", port, name: "" };
  let connected = 0;
  fillers = Array.from({ length: 8 }, () => connect(port, "127.0.0.1", () => void connected++).on("error", () => undefined));
  let last = -1;
  await until(() => {
    const still = connected === last && connected > 1;
    last = connected;
    return still;
  }, "the backlog to be full");
});

afterAll(async () => {
  for (const socket of fillers) socket.destroy();
  await worker.terminate();
});

beforeEach(async () => {
  transport = await NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0 });
});

afterEach(() => transport.shutdown());

describe("dial", () => {
  it("fails as dial_failed, with the cause, when no process listens", async () => {
    const other = await NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0 });
    await other.shutdown();
    await expect(transport.dial({ host: "127.0.0.1", port: other.bindPort, name: "" }, { timeout: 1000 })).rejects.toMatchObject({
      code: "dial_failed",
      details: { errno: "ECONNREFUSED", port: other.bindPort },
      cause: expect.objectContaining({ code: "ECONNREFUSED" }) as unknown,
    });
  });

  it("fails as dial_failed for an invalid port", async () => {
    expect(await outcome(transport.dial({ host: "127.0.0.1", port: 70_000, name: "" }, { timeout: 1000 }))).toBe("dial_failed");
  });

  it("fails as timeout without an answer, and not before the timeout", async () => {
    const started = performance.now();
    expect(await outcome(transport.dial(silent, { timeout: 60 }))).toBe("timeout");
    expect(performance.now() - started).toBeGreaterThan(55);
  });

  it("fails as aborted when the signal is aborted before or while it connects", async () => {
    const reason = new Error("changed my mind");
    await expect(transport.dial(silent, { timeout: 5000, signal: AbortSignal.abort(reason) })).rejects.toMatchObject({
      code: "aborted",
      cause: reason,
    });
    const controller = new AbortController();
    const dialling = outcome(transport.dial(silent, { timeout: 5000, signal: controller.signal }));
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    expect(await dialling).toBe("aborted");
  });

  it("fails as shutdown when the transport is shut down before or while it connects", async () => {
    const dialling = outcome(transport.dial(silent, { timeout: 5000 }));
    await new Promise((resolve) => setImmediate(resolve));
    await transport.shutdown();
    expect(await dialling).toBe("shutdown");
    expect(await outcome(transport.dial(silent, { timeout: 5000 }))).toBe("shutdown");
  });

  it("keeps an established stream open when the signal is aborted later", async () => {
    const other = await NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0 });
    const controller = new AbortController();
    const to = { host: "127.0.0.1", port: other.bindPort, name: "" };
    const stream = await transport.dial(to, { timeout: 1000, signal: controller.signal });
    controller.abort();
    expect(await outcome(stream.writable.getWriter().write(new Uint8Array([1])))).toBe("ok");
    await other.shutdown();
  });

  it("causes no leak warning when many dials share one signal", async () => {
    const warnings: string[] = [];
    const onWarning = ({ name }: Error): void => void warnings.push(name);
    process.on("warning", onWarning);
    try {
      const controller = new AbortController();
      const dials = Array.from({ length: 30 }, () =>
        outcome(transport.dial(silent, { timeout: 60_000, signal: controller.signal })),
      );
      // Node warns in a later turn.
      await new Promise((resolve) => setTimeout(resolve, 1));
      expect([getEventListeners(controller.signal, "abort").length, warnings]).toEqual([1, []]);
      controller.abort();
      expect(new Set(await Promise.all(dials))).toEqual(new Set(["aborted"]));
    } finally {
      process.off("warning", onWarning);
    }
  });
});

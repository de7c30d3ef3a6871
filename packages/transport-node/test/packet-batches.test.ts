import type { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock, type PacketOffload } from "@memberlist/core";
import { createLog } from "@memberlist/core/internal";
import { decodePacket } from "../../memberlist/src/wire/packet.ts";
import { packPackets, unpackPackets } from "../../memberlist/src/wire/packet-batch.ts";
import { WorkerPool, type PacketWorkerOptions } from "../src/worker-pool.ts";
import { createMemberlist, localConfig, NodeTransport, type Memberlist } from "../src/index.ts";
import { bundled, workerEntry } from "./worker-bundle.ts";
import { outcome, pattern, silent, until } from "./support.ts";

const bundles = bundled(workerEntry);
const pools: WorkerPool[] = [];
const running: Memberlist[] = [];
const workers: Worker[] = [];
let onWorker: ((worker: Worker) => void) | undefined;

process.on("worker", (worker: Worker) => {
  workers.push(worker);
  onWorker?.(worker);
});

afterEach(async () => {
  onWorker = undefined;
  await Promise.all([...pools.splice(0).map((pool) => pool.close()), ...running.splice(0).map((members) => members.shutdown())]);
  workers.length = 0;
});

function start(packets: PacketWorkerOptions | undefined, idleTimeout?: number): WorkerPool {
  const options = { entry: bundles.url(0), threads: 1, packets };
  const pool = new WorkerPool({ workers: options, log: createLog({ logger: silent, clock: systemClock() }), idleTimeout });
  pools.push(pool);
  return pool;
}

const label = new TextEncoder().encode("dc1");
const messages = Array.from({ length: 20 }, (_, i) => ({ bytes: pattern(300 + i), crc: i % 2 === 0 }));

describe("a batch of packets", () => {
  const job = { compress: false, label };
  const sealed = async ({ seal }: PacketOffload): Promise<Uint8Array[]> =>
    unpackPackets(await seal(packPackets(messages), job)).map(({ bytes }) =>
      decodePacket(bytes, { label, skipInboundLabelCheck: false }),
    );
  const expected = messages.map(({ bytes }) => bytes);

  it("comes back whole and in order, each packet with the layers that it asked for", async () => {
    const { packets } = start({});
    expect(await sealed(packets as PacketOffload)).toEqual(expected);
    expect(workers).toHaveLength(1);
  });

  it("is done again when its thread dies", async () => {
    const pool = start({});
    onWorker = (worker) => {
      onWorker = undefined;
      worker.once("message", () => void setImmediate(() => void worker.terminate().catch(() => undefined)));
    };
    // Long enough for the thread to be in the middle of it.
    const many = packPackets(Array.from({ length: 2_000 }, (_, i) => ({ bytes: pattern(1_000 + (i % 100)), crc: true })));
    const result = await (pool.packets as PacketOffload).seal(many, { compress: true, label });
    expect(unpackPackets(result)).toHaveLength(2_000);
    expect([pool.failures, workers.length]).toEqual([1, 2]);
  });

  it("is asked for only when a thread is there and has nothing long to do", async () => {
    const pool = start({}, 300);
    const { isReady } = pool.packets as PacketOffload;
    expect([isReady(), workers.length]).toEqual([false, 0]);
    await until(isReady, "a thread has started");
    const message = pool.seal(pattern(1_000_000), { compress: true });
    expect(isReady()).toBe(false);
    await message;
    expect(isReady()).toBe(true);
    // A thread without work will end, and to start another takes its time.
    await until(() => !isReady(), "it is idle for long");
    await until(isReady, "another has started");
    await pool.close();
    expect(isReady()).toBe(false);
  });

  it("is refused by a pool that is closed", async () => {
    const pool = start({});
    await pool.close();
    expect(await outcome(sealed(pool.packets as PacketOffload))).toBe("shutdown");
  });

  it("is asked for by nobody unless the config says so", () => {
    expect(start(undefined).packets).toBeUndefined();
  });

  it.each([{ threshold: 0 }, { batchSize: 0 }, { batchSize: 1.5 }])("cannot be %o", (options) => {
    expect(() => start(options)).toThrow(expect.objectContaining({ code: "invalid_config" }));
  });
});

describe("a backlog of a member", () => {
  it("arrives, by way of the threads, also when the member is shut down at once", async () => {
    const secretKey = pattern(32);
    const heard = new Set<number>();
    const base = { ...localConfig(), bindAddr: "127.0.0.1", bindPort: 0, secretKey, logger: silent, label: "dc1" };
    const notifyMsg = (message: Uint8Array): void =>
      void heard.add(new DataView(message.buffer, message.byteOffset).getUint32(0));
    const to = await createMemberlist({ ...base, name: "to", delegate: { notifyMsg } });
    running.push(to);
    const workerOptions = { entry: bundles.url(0), threads: 1, packets: { threshold: 4, batchSize: 16 } };
    const transport = await NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0, workers: workerOptions });
    const offload = transport.crypto.offload?.packets as PacketOffload;
    const seal = offload.seal.bind(offload);
    let posted = 0;
    Object.assign(offload, {
      seal: (...args: Parameters<typeof seal>) => {
        posted++;
        return seal(...args);
      },
    });
    const from = await createMemberlist({ ...base, name: "from", bindPort: transport.bindPort, transport });
    running.push(from);
    let sent = 0;
    const send = (count: number): void => {
      for (let i = 0; i < count; i++) {
        const message = pattern(500);
        new DataView(message.buffer).setUint32(0, sent++);
        from.sendToAddress(`127.0.0.1:${to.localNode().port}`, message);
      }
    };
    // The first backlog has a thread started.
    send(16);
    await until(() => workers.length === 1, "a thread starts");
    await until(() => {
      const before = posted;
      send(80);
      return posted > before;
    }, "a batch is with the thread");
    await from.shutdown();
    await until(() => heard.size === sent, "all have arrived");
    expect(from.counters()["send_failed"]).toBeUndefined();
  });
});

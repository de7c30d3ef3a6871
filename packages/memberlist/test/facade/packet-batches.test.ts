import { describe, expect, it } from "vitest";
import { MemberlistError } from "../../src/index.ts";
import type { PacketEncodeJob } from "../../src/ports/crypto.ts";
import { doDecodeJob, doEncodeJob, doEncodePackets } from "../../src/wire/stream-jobs.ts";
import { unpackPackets } from "../../src/wire/packet-batch.ts";
import { aesCrypto } from "../wire/aes.ts";
import { clusters, thrown, type Cluster, type NodeConfig, type TestNode } from "./cluster.ts";

const cluster = clusters();
const secretKey = new Uint8Array(16).fill(7);
const threshold = 2;
const batchSize = 10;

interface Setup {
  readonly one: Cluster;
  readonly sender: TestNode;
  /** The first byte of each message that the receiver got. */
  readonly heard: number[];
  /** How many packets each batch had. */
  readonly batches: number[];
  /** What `writeTo` answers. */
  readonly transport: { mayGoOn: boolean };
  send(count: number, size?: number): boolean[];
}

interface Offloading {
  readonly isReady?: () => boolean;
  readonly seal?: (one: Cluster, batch: Uint8Array, job: PacketEncodeJob) => Promise<Uint8Array>;
}

/** Done a moment later, as another thread would. */
function sealLater(one: Cluster, batch: Uint8Array, job: PacketEncodeJob): Promise<Uint8Array> {
  return new Promise((resolve) => void one.clock.setTimeout(() => resolve(doEncodePackets(aesCrypto, batch, job)), 5));
}

async function setup(
  config: NodeConfig = { secretKey },
  { isReady = () => true, seal = sealLater }: Offloading = {},
): Promise<Setup> {
  const one = cluster();
  const heard: number[] = [];
  const batches: number[] = [];
  const receiver = await one.start({ ...config, delegate: { notifyMsg: (message) => void heard.push(message[0] as number) } });
  const transport = { mayGoOn: true };
  const own = one.network.transport({});
  const writeTo = own.writeTo.bind(own);
  const packets = {
    threshold,
    batchSize,
    isReady,
    seal: (batch: Uint8Array, job: PacketEncodeJob): Promise<Uint8Array> => {
      batches.push(unpackPackets(batch).length);
      return seal(one, batch, job);
    },
  };
  const offload = {
    threshold: 1e6,
    seal: (message: Uint8Array, job: Parameters<typeof doEncodeJob>[2]) => Promise.resolve(doEncodeJob(aesCrypto, message, job)),
    open: (payload: Uint8Array, job: Parameters<typeof doDecodeJob>[2]) => Promise.resolve(doDecodeJob(aesCrypto, payload, job)),
    packets,
  };
  Object.assign(own, {
    crypto: { ...aesCrypto, offload },
    writeTo: (...args: Parameters<typeof writeTo>) => writeTo(...args) && transport.mayGoOn,
  });
  const sender = await one.start({ coalesceMessages: false, ...config, transport: own });
  const send = (count: number, size = 300): boolean[] =>
    Array.from({ length: count }, (_, i) => sender.members.sendToAddress(receiver.address, new Uint8Array(size).fill(i)));
  return { one, sender, heard, batches, transport, send };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const sorted = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

describe("packets of a backlog", () => {
  it.each([
    ["encrypted and compressed", { secretKey }],
    ["encrypted with a label", { secretKey, label: "dc1", enableCompression: false }],
    ["compressed only", { label: "dc1" }],
  ])("go in batches after the threshold, and arrive: %s", async (_what, config) => {
    const { one, batches, heard, send } = await setup(config);
    expect(send(threshold + 2 * batchSize + 3)).not.toContain(false);
    await one.advance(100);
    // The last three are too few for a batch.
    expect(batches).toEqual([10, 10]);
    expect(sorted(heard)).toEqual(upTo(25));
    send(threshold + batchSize + 9);
    await one.advance(100);
    expect(batches).toEqual([10, 10, 10, 9]);
    expect(heard).toHaveLength(25 + 21);
  });

  it("that come one a turn are done at once", async () => {
    const { one, batches, heard, send } = await setup();
    for (let i = 0; i < 30; i++) {
      send(1);
      await one.advance(1);
    }
    await one.advance(100);
    expect([batches, heard.length]).toEqual([[], 30]);
  });

  it("are done at once while the threads are behind", async () => {
    const { one, batches, heard, send } = await setup({ secretKey }, { isReady: () => false });
    send(50);
    await one.advance(100);
    expect([batches, sorted(heard)]).toEqual([[], upTo(50)]);
  });

  it("are done at once when they are short, or so long that it must be told at once when they are too long", async () => {
    const { one, batches, heard, send } = await setup({ secretKey, enableCompression: false });
    send(20, 100);
    send(3, 61_000);
    expect(thrown(() => send(1, 66_000))).toBe("message_too_large");
    await one.advance(100);
    expect([batches, heard.length]).toEqual([[], 23]);
  });

  it("have nothing done elsewhere when there is nothing to do", async () => {
    const { one, batches, heard, send } = await setup({ enableCompression: false });
    send(50);
    await one.advance(100);
    expect([batches, heard.length]).toEqual([[], 50]);
  });

  it("wait for nothing, and none is lost, when the member is shut down", async () => {
    const { one, batches, heard, sender, send } = await setup();
    send(threshold + batchSize + 5);
    await one.settle(sender.members.shutdown());
    await one.advance(100);
    expect([batches, sorted(heard)]).toEqual([[10], upTo(17)]);
  });

  it("ask for a pause when the transport does", async () => {
    const { one, batches, transport, send } = await setup();
    transport.mayGoOn = false;
    expect(send(threshold + batchSize).slice(threshold)).not.toContain(false);
    await one.advance(10);
    // What the transport said of the batch is heard by who sends next, for whom things go on inline.
    expect(send(threshold + 2)).toEqual([false, false, false, true]);
    expect(batches).toEqual([10]);
  });

  it("that cannot be made are counted, each, as those that cannot be sent", async () => {
    const failing = (): Promise<Uint8Array> => Promise.reject(new MemberlistError("unsupported", "no"));
    const { one, sender, heard, send } = await setup({ secretKey }, { seal: failing });
    send(threshold + batchSize);
    await one.advance(100);
    expect([sender.members.counters(), heard.length]).toEqual([{ send_failed: batchSize }, threshold]);
  });
});

import { beforeEach, describe, expect, it } from "vitest";
import type { Address } from "../../src/api/address.ts";
import type { TransportStream } from "../../src/ports/transport.ts";
import { MemoryNetwork } from "../../src/testing/memory-network.ts";
import type { MemoryTransport } from "../../src/testing/memory-transport.ts";
import { SeededRandom } from "../../src/testing/seeded-random.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

let clock: VirtualClock;
let net: MemoryNetwork;
let a: MemoryTransport;
let b: MemoryTransport;
let accepted: { stream: TransportStream; from: Address }[];

beforeEach(() => {
  clock = new VirtualClock();
  net = new MemoryNetwork({ clock, random: new SeededRandom(1), latency: 10 });
  [a, b] = [net.transport(), net.transport()];
  accepted = [];
  b.listen({ packet: () => {}, stream: (stream, from) => void accepted.push({ stream, from }) });
});

const timeout = 1_000;
const text = (words: string): Uint8Array => new TextEncoder().encode(words);

async function connect(): Promise<[near: TransportStream, far: TransportStream]> {
  const near = await clock.settle(a.dial(b.address, { timeout }));
  const far = accepted.at(-1);
  if (far === undefined) throw new Error("nothing was accepted");
  return [near, far.stream];
}

async function readAll(stream: TransportStream): Promise<string> {
  const reader = stream.readable.getReader();
  let words = "";
  for (let result = await reader.read(); !result.done; result = await reader.read())
    words += new TextDecoder().decode(result.value);
  return words;
}

/** The code that a promise is rejected with; attached at once, so that no rejection is left unhandled meanwhile. */
function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "nothing failed",
    (error: { code?: unknown }) => error.code,
  );
}

async function write(stream: TransportStream, words: string): Promise<void> {
  const writer = stream.writable.getWriter();
  await writer.write(text(words));
  writer.releaseLock();
}

describe("dial", () => {
  it("takes a round trip, and shows the dialler's host", async () => {
    await connect();
    expect(clock.now()).toBe(20);
    expect(accepted[0]?.from.host).toBe(a.host);
    expect(accepted[0]?.from.port).not.toBe(a.port);
    expect(net.stats).toMatchObject({ dials: 1, streamsOpened: 1 });
  });

  it("fails where no transport listens, after a round trip", async () => {
    const nowhere = { host: "10.9.9.9", port: 1, name: "" };
    for (const to of [nowhere, net.transport().address]) {
      await expect(clock.settle(a.dial(to, { timeout }))).rejects.toMatchObject({ code: "dial_failed" });
    }
    expect([clock.now(), clock.pending]).toEqual([40, 0]);
  });

  it.each([
    ["both", (): void => net.partition([a], [b])],
    ["one", (): void => net.block(a, b)],
    ["the other", (): void => net.block(b, a, { packets: false })],
  ])("gets no answer while %s direction is blocked", async (_, cut) => {
    cut();
    await expect(clock.settle(a.dial(b.address, { timeout }))).rejects.toMatchObject({ code: "timeout" });
    expect(clock.now()).toBe(timeout);
    net.heal();
    await clock.advance(100);
    expect(accepted).toEqual([]);
  });

  it("succeeds while packets alone are blocked", async () => {
    net.block(a, b, { streams: false });
    await connect();
    expect(clock.now()).toBe(20);
  });

  it("comes through when the way heals in time", async () => {
    net.partition([a], [b]);
    const dialling = a.dial(b.address, { timeout });
    await clock.advance(500);
    net.heal();
    await clock.settle(dialling);
    expect(clock.now()).toBe(520);
  });

  it("gives up after its timeout, and the peer sees the end of the accepted stream", async () => {
    await expect(clock.settle(a.dial(b.address, { timeout: 15 }))).rejects.toMatchObject({ code: "timeout" });
    expect(clock.now()).toBe(15);
    const far = accepted[0]?.stream;
    expect(far && (await clock.settle(readAll(far)))).toBe("");
  });

  it("aborts by its signal, before and meanwhile, and leaves nothing behind", async () => {
    await expect(a.dial(b.address, { timeout, signal: AbortSignal.abort("why") })).rejects.toMatchObject({
      code: "aborted",
      cause: "why",
    });
    const controller = new AbortController();
    const dialling = a.dial(b.address, { timeout, signal: controller.signal });
    clock.setTimeout(() => controller.abort(), 5);
    await expect(clock.settle(dialling)).rejects.toMatchObject({ code: "aborted" });
    expect(clock.now()).toBe(5);
    await clock.advance(100);
    expect([accepted, clock.pending]).toEqual([[], 0]);
  });

  it("fails when the transport is shut down, before and meanwhile", async () => {
    const failing = failureOf(a.dial(b.address, { timeout }));
    await a.shutdown();
    expect(await failing).toBe("shutdown");
    await expect(a.dial(b.address, { timeout })).rejects.toMatchObject({ code: "shutdown" });
    await clock.advance(100);
    expect(clock.pending).toBe(0);
  });
});

describe("a stream", () => {
  it("carries bytes both ways in order, and ends each way by itself", async () => {
    const [near, far] = await connect();
    const exchange = Promise.all([
      (async () => {
        await write(near, "one ");
        await write(near, "two");
        await near.writable.getWriter().close();
        return readAll(near);
      })(),
      (async () => {
        const asked = await readAll(far);
        await write(far, `answer to ${asked}`);
        await far.writable.getWriter().close();
      })(),
    ]);
    expect((await clock.settle(exchange))[0]).toBe("answer to one two");
    expect(clock.now()).toBe(40);
  });

  it("keeps its order under a latency that varies", async () => {
    net.setLatency([1, 50]);
    const [near, far] = await connect();
    for (let i = 0; i < 100; i++) await write(near, `${i},`);
    near.close();
    expect(await clock.settle(readAll(far))).toBe(Array.from({ length: 100 }, (_, i) => `${i},`).join(""));
  });

  it("shares no memory between writer and reader", async () => {
    const [near, far] = await connect();
    const sent = text("abc");
    const writer = near.writable.getWriter();
    await writer.write(sent);
    sent.fill(0);
    const { value } = await clock.settle(far.readable.getReader().read());
    expect(value).toEqual(text("abc"));
  });

  it("uses a latency of its own, when it is set", async () => {
    net = new MemoryNetwork({ clock, random: new SeededRandom(1), latency: 1, streamLatency: 100 });
    [a, b] = [net.transport(), net.transport()];
    b.listen({ packet: () => {}, stream: (stream, from) => void accepted.push({ stream, from }) });
    await connect();
    expect(clock.now()).toBe(200);
  });

  it("makes a writer wait when the reader does not read", async () => {
    const [near, far] = await connect();
    const writer = near.writable.getWriter();
    let written = 0;
    const writing = (async () => {
      for (; written < 10; written++) await writer.write(new Uint8Array(64 * 1024));
      await writer.close();
    })();
    await clock.advance(1_000);
    expect(written).toBe(4);
    const all = await clock.settle(readAll(far));
    await writing;
    expect([written, all.length]).toEqual([10, 10 * 64 * 1024]);
  });

  it("stalls under a partition, and loses nothing when it heals", async () => {
    const [near, far] = await connect();
    await write(near, "before ");
    await clock.advance(10);
    net.partition([a], [b]);
    await write(near, "during ");
    near.close();
    const reading = readAll(far);
    await expect(clock.settle(reading, { limit: 5_000 })).rejects.toMatchObject({ code: "timeout" });
    net.block(b, a);
    net.unblock(a, b);
    expect(await clock.settle(reading)).toBe("before during ");
    expect(clock.now()).toBe(5_040);
  });

  it("stalls in the blocked direction only", async () => {
    const [near, far] = await connect();
    net.block(a, b);
    await write(near, "lost");
    await write(far, "found");
    expect((await clock.settle(near.readable.getReader().read())).value).toEqual(text("found"));
    await expect(clock.settle(far.readable.getReader().read(), { limit: 500 })).rejects.toMatchObject({ code: "timeout" });
  });

  it("stays stalled while another way heals", async () => {
    const c = net.transport();
    const [near, far] = await connect();
    net.partition([a], [b, c]);
    await write(near, "x");
    const reading = far.readable.getReader().read();
    await clock.advance(20);
    net.unblock(a, c);
    await expect(clock.settle(reading, { limit: 100 })).rejects.toMatchObject({ code: "timeout" });
    net.heal();
    expect((await clock.settle(reading)).value).toEqual(text("x"));
  });

  it("delivers the bytes written before close(), after which neither end can go on", async () => {
    const [near, far] = await connect();
    const pending = failureOf(near.readable.getReader().read());
    await write(near, "last words");
    near.close();
    near.close();
    expect(await pending).toBe("stream_closed");
    await expect(near.writable.getWriter().write(text("x"))).rejects.toMatchObject({ code: "stream_closed" });
    expect(await clock.settle(readAll(far))).toBe("last words");
    await expect(far.writable.getWriter().write(text("x"))).rejects.toMatchObject({ code: "stream_closed" });
  });

  it("releases a writer that waits when the peer closes", async () => {
    const [near, far] = await connect();
    const failing = failureOf(near.writable.getWriter().write(new Uint8Array(1024 * 1024)));
    await clock.advance(50);
    far.close();
    await clock.advance(10);
    expect(await failing).toBe("stream_closed");
  });

  it("discards bytes that arrive after the reader has cancelled", async () => {
    const [near, far] = await connect();
    await far.readable.cancel();
    const writer = near.writable.getWriter();
    const writing = (async () => {
      for (let i = 0; i < 10; i++) await writer.write(new Uint8Array(512 * 1024));
      return "written";
    })();
    expect(await clock.settle(writing)).toBe("written");
  });

  it("fails at the peer when a writer aborts", async () => {
    const [near, far] = await connect();
    await write(near, "half");
    const failing = failureOf(readAll(far));
    await clock.advance(10);
    await near.writable.abort();
    await clock.advance(10);
    expect(await failing).toBe("stream_closed");
  });

  it("closes at the shutdown of either transport", async () => {
    const [near, far] = await connect();
    const [second] = await connect();
    const ending = clock.settle(Promise.all([readAll(near), readAll(second)]));
    await b.shutdown();
    expect(await ending).toEqual(["", ""]);
    await expect(far.writable.getWriter().write(text("x"))).rejects.toMatchObject({ code: "stream_closed" });
    await a.shutdown();
    await clock.advance(1_000);
    expect(clock.pending).toBe(0);
  });
});

import { describe, expect, it } from "vitest";
import type { Clock } from "../../src/index.ts";
import { compressMessage } from "../../src/wire/compression/compress.ts";
import { encodePushPull, encodeUserStream } from "../../src/wire/messages/push-pull.ts";
import type { PushNodeState } from "../../src/wire/messages/types.ts";
import { clusters, type Cluster, type NodeConfig, itOnEventLoop } from "./cluster.ts";
import { RawPeer, type RawStream } from "./raw-peer.ts";

const cluster = clusters();
const tcpTimeout = 1_000;
/** How long each turn of the event loop takes, in ms. */
const turn = 110;
const none = new Uint8Array(0);

function states(count: number, from: number = 0): PushNodeState[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `n${from + i}`,
    addr: "10.7.0.1",
    port: 7946,
    meta: none,
    incarnation: 1,
    state: 0,
    vsn: [1, 5, 2, 0, 0, 0],
  }));
}

/** A node with a busy event loop: each part of a push/pull takes one turn. */
function slow(one: Cluster): NodeConfig {
  const clock: Clock = {
    now: () => one.clock.now(),
    wallTime: () => one.clock.wallTime(),
    setTimeout: (callback, delay) => one.clock.setTimeout(callback, delay),
    clearTimeout: (timer) => one.clock.clearTimeout(timer),
    defer: (callback) => void one.clock.setTimeout(callback, turn),
  };
  return { clock, tcpTimeout, probeInterval: 0, gossipInterval: 0, pushPullInterval: 0, enableCompression: false };
}

/** Does not wait, because the busy node answers late. */
function send(stream: RawStream, bytes: Uint8Array): void {
  stream.write(bytes).catch(() => undefined);
}

describe("the work for a push/pull", () => {
  itOnEventLoop("ends with its stream while nodes are read", async () => {
    const one = cluster();
    const node = await one.start(slow(one));
    const stream = await new RawPeer(one).dial(node);
    send(stream, compressMessage(encodePushPull(false, states(8_000), none)));
    await one.advance(tcpTimeout);
    expect(node.members.counters()).toMatchObject({ "stream_dropped.timeout": 1 });
    await one.advance(10_000);
    expect(node.members.numMembers()).toBe(1);
  });

  it("goes on after the end of its stream once all nodes were read: all are merged", async () => {
    const one = cluster();
    const node = await one.start(slow(one));
    const stream = await new RawPeer(one).dial(node);
    send(stream, compressMessage(encodePushPull(false, states(3_000), none)));
    await one.until(() => node.members.numMembers() > 1);
    // The answer was sent before: the peer has no reason to stay.
    stream.close();
    expect(node.members.numMembers()).toBeLessThan(3_001);
    await one.advance(10_000);
    expect(node.members.numMembers()).toBe(3_001);
    expect(node.members.counters()).not.toHaveProperty("stream_dropped.timeout");
  });

  it("goes on after the timeout of its stream once all nodes were read", async () => {
    const one = cluster();
    const node = await one.start({ ...slow(one), tcpTimeout: 3_000 });
    const stream = await new RawPeer(one).dial(node);
    send(stream, compressMessage(encodePushPull(false, states(6_000), none)));
    const start = one.clock.now();
    await one.until(() => node.members.numMembers() === 6_001);
    expect(one.clock.now() - start).toBeGreaterThan(3_000);
    expect(node.members.counters()).not.toHaveProperty("stream_dropped.timeout");
  });

  itOnEventLoop("counts towards the bytes of inbound streams while nodes are merged after the end of the stream", async () => {
    const one = cluster();
    const limits = { maxInboundStreamBytes: 2_500_000 };
    const node = await one.start({ ...slow(one), limits });
    const refused = (): number | undefined => node.members.counters()["limit.maxInboundStreamBytes"];
    const first = await new RawPeer(one, "10.9.9.1").dial(node);
    send(first, compressMessage(encodePushPull(false, states(3_000), none)));
    await one.until(() => node.members.numMembers() > 1);
    first.close();
    await one.advance(turn);
    const during = await new RawPeer(one, "10.9.9.2").dial(node);
    send(during, encodeUserStream(new Uint8Array(2_200_000)));
    await one.advance(1);
    expect(node.members.numMembers()).toBeLessThan(3_001);
    expect(refused()).toBe(1);
    await one.until(() => node.members.numMembers() === 3_001);
    await one.advance(turn);
    const after = await new RawPeer(one, "10.9.9.3").dial(node);
    send(after, encodeUserStream(new Uint8Array(2_200_000)));
    await one.advance(1);
    expect(refused()).toBe(1);
  });

  itOnEventLoop("counts towards the bytes of inbound streams until it has ended", async () => {
    const one = cluster();
    const limits = { maxInboundStreamBytes: 3_200_000 };
    const node = await one.start({ ...slow(one), limits });
    const state = compressMessage(encodePushPull(false, states(8_000), none));
    const refused = (): number | undefined => node.members.counters()["limit.maxInboundStreamBytes"];
    const first = await new RawPeer(one, "10.9.9.1").dial(node);
    send(first, state);
    await one.advance(tcpTimeout);
    expect(node.members.counters()).toMatchObject({ "stream_dropped.timeout": 1 });
    // The part begun before the stream ended is still in progress.
    const announced = await new RawPeer(one, "10.9.9.2").dial(node);
    send(announced, encodeUserStream(new Uint8Array(2_000_000)));
    await one.advance(1);
    expect(refused()).toBe(1);
    await one.advance(turn);
    const last = await new RawPeer(one, "10.9.9.3").dial(node);
    send(last, encodePushPull(false, states(10), none));
    await one.advance(tcpTimeout);
    expect(refused()).toBe(1);
    expect(node.members.numMembers()).toBe(11);
  });

  itOnEventLoop.each(["in one packet each", "behind a first byte"])(
    "runs one part at a time across all push/pulls: %s",
    async (how) => {
      const one = cluster();
      const node = await one.start({ ...slow(one), tcpTimeout: 60_000 });
      const streams: RawStream[] = [];
      for (let i = 0; i < 8; i++) streams.push(await new RawPeer(one, `10.9.9.${i}`).dial(node));
      const isWhole = how === "in one packet each";
      for (const [i, stream] of streams.entries()) {
        const state = encodePushPull(false, states(400, i * 400), none);
        if (isWhole) send(stream, compressMessage(state));
        else send(stream, state.subarray(0, 1));
      }
      if (!isWhole) {
        await one.advance(10 * turn);
        for (const [i, stream] of streams.entries()) send(stream, encodePushPull(false, states(400, i * 400), none).subarray(1));
      }
      const added: number[] = [];
      for (let known = 1; added.length < 100 && known < 3_201;) {
        await one.advance(turn);
        const now = node.members.numMembers();
        added.push(now - known);
        known = now;
      }
      expect(added.filter((count) => count > 0)).toEqual(Array.from({ length: 8 }, () => 400));
      // Each was read in a turn of its own, too.
      expect(added.length).toBeGreaterThanOrEqual(16);
    },
  );
});

import { describe, expect, it } from "vitest";
import { resolveLimits, type Limits } from "../../src/config/limits.ts";
import { compressMessage } from "../../src/wire/compression/compress.ts";
import { encodePing, encodeUser } from "../../src/wire/messages/encode.ts";
import type { PushNodeState } from "../../src/wire/messages/types.ts";
import { encodePushPull, encodeUserStream } from "../../src/wire/messages/push-pull.ts";
import { readStreamMessage } from "../../src/wire/stream-messages.ts";
import { StreamReader } from "../../src/wire/stream-reader.ts";
import { bytes, clusters, codes, outcome, type Cluster, type NodeConfig, type TestNode, itOnEventLoop } from "./cluster.ts";
import { cipherOf, transparent } from "../wire/aes.ts";
import { RawPeer, stateMessage, type RawStream } from "./raw-peer.ts";

const cluster = clusters();

function states(count: number): PushNodeState[] {
  const meta = new Uint8Array(500);
  const vsn = [1, 5, 2, 0, 0, 0];
  return Array.from({ length: count }, (_, i) => ({
    name: `n${i}`,
    addr: "10.7.0.1",
    port: 7946,
    meta,
    incarnation: 1,
    state: 0,
    vsn,
  }));
}

/** Sends `message` on a stream to a node with `limits`. @returns its counters, and the messages that its delegate gets */
async function take(
  one: Cluster,
  peer: RawPeer,
  limits: Limits,
  message: Uint8Array,
): Promise<{ node: TestNode; heard: number[] }> {
  const heard: number[] = [];
  const note = (given: Uint8Array): void => void heard.push(given.length);
  const node = await one.start({ limits, delegate: { notifyMsg: note, mergeRemoteState: note } });
  const stream = await peer.dial(node);
  await stream.write(message);
  await stream.finish();
  await one.settle(stream.rest());
  return { node, heard };
}

describe("a lowered limit", () => {
  it.each([
    ["maxPushStateBytes", 10, (n: number) => stateMessage("peer", "10.9.9.9", false, new Uint8Array(n)), [10], "limit_exceeded"],
    ["maxPushStateNodes", 3, (n: number) => encodePushPull(false, states(n), bytes("s")), [1], "limit_exceeded"],
    ["maxUserMsgBytes", 10, (n: number) => encodeUserStream(new Uint8Array(n)), [10], "limit_exceeded"],
    // A type byte, a map of one, its key and the length, in front of the bytes.
    ["maxDecompressedBytes", 1_000, (n: number) => compressMessage(encodeUserStream(new Uint8Array(n - 16))), [984], "too_large"],
  ] as const)("applies exactly to streams, and refusals are counted: %s", async (name, limit, message, heard, why) => {
    const one = cluster();
    const peer = new RawPeer(one);
    const within = await take(one, peer, { [name]: limit }, message(limit));
    expect([within.heard, within.node.members.counters()]).toEqual([heard, {}]);
    const over = await take(one, peer, { [name]: limit }, message(limit + 1));
    expect([over.heard, over.node.members.counters()]).toEqual([[], { [`stream_dropped.${why}`]: 1, [`limit.${name}`]: 1 }]);
  });

  it("applies to packets: maxDecompressedBytes", async () => {
    const one = cluster();
    const heard: number[] = [];
    const delegate = { notifyMsg: (message: Uint8Array): void => void heard.push(message.length) };
    const node = await one.start({ limits: { maxDecompressedBytes: 1_000 }, delegate });
    const peer = new RawPeer(one);
    peer.send(compressMessage(encodeUser(new Uint8Array(999))), node);
    peer.send(compressMessage(encodeUser(new Uint8Array(1_000))), node);
    await one.advance(10);
    expect([heard, node.members.counters()]).toEqual([[999], { "dropped.too_large": 1 }]);
  });

  it("refuses one more request until another has ended: maxPushPullRequests", async () => {
    const one = cluster();
    const node = await one.start({ limits: { maxPushPullRequests: 2 }, enableCompression: false });
    const peer = new RawPeer(one);
    const message = stateMessage("peer", "10.9.9.9", false);
    const streams: RawStream[] = [];
    for (let i = 0; i < 3; i++) {
      const stream = await peer.dial(node);
      await stream.write(message.subarray(0, 5));
      streams.push(stream);
    }
    await one.advance(10);
    expect(node.members.counters()).toEqual({ "stream_dropped.limit_exceeded": 1, "limit.maxPushPullRequests": 1 });
    await (streams[0] as RawStream).write(message.subarray(5));
    await one.advance(10);
    const next = await peer.dial(node);
    await next.write(message);
    expect((await one.settle(next.rest())).length).toBeGreaterThan(0);
  });

  it("refuses requests of one host only: maxPushPullRequestsPerPeer", async () => {
    const one = cluster();
    const node = await one.start({ limits: { maxPushPullRequests: 3, maxPushPullRequestsPerPeer: 2 } });
    const greedy = new RawPeer(one, "10.9.9.1");
    const message = stateMessage("peer", "10.9.9.1", false);
    for (let i = 0; i < 4; i++) await (await greedy.dial(node)).write(message.subarray(0, 5));
    await one.advance(10);
    expect(node.members.counters()).toEqual({ "stream_dropped.limit_exceeded": 2, "limit.maxPushPullRequestsPerPeer": 2 });
    expect(node.log.at(-1)?.message).toContain("maxPushPullRequestsPerPeer: 2");
    const next = await new RawPeer(one, "10.9.9.2").dial(node);
    await next.write(message);
    expect((await one.settle(next.rest())).length).toBeGreaterThan(0);
  });

  it("applies to answers, too", async () => {
    const one = cluster();
    const localState = (): Uint8Array => new Uint8Array(11);
    const large = await one.start({ delegate: { localState } });
    const small = await one.start({ limits: { maxPushStateBytes: 10 } });
    const error = await one.settle(small.members.join([large.seed]).catch((reason: unknown) => reason));
    expect(error).toMatchObject({ code: "join_failed", cause: expect.objectContaining({ code: "limit_exceeded" }) });
  });

  it("leaves room for encrypted messages within the other limits", async () => {
    const one = cluster();
    const heard: number[] = [];
    const secretKey = new Uint8Array(16).fill(7);
    const notifyMsg = (message: Uint8Array): void => void heard.push(message.length);
    const limits = { maxPushStateBytes: 1, maxPushStateNodes: 5, maxUserMsgBytes: 1_000_000 };
    const config: NodeConfig = { secretKey, limits, delegate: { notifyMsg } };
    const [a, b] = (await one.joined(2, config)) as [TestNode, TestNode];
    const message = new Uint8Array(1_000_000).map(() => Math.floor(one.random.next() * 256));
    const target = a.members.members().find(({ name }) => name === b.name);
    expect(await outcome(one.settle(a.members.sendReliable(target as NonNullable<typeof target>, message)))).toBe("ok");
    await one.until(() => heard.length > 0);
    expect(heard).toEqual([1_000_000]);
  });

  it("bounds the bytes read of an encrypted message", async () => {
    const announced = (size: number): StreamReader =>
      new StreamReader(Uint8Array.of(10, size >>> 24, size >>> 16, size >>> 8, size));
    const refusal = async (limits: Limits, size: number): Promise<string> => {
      const cipher = cipherOf([transparent]);
      return outcome(readStreamMessage(announced(size), resolveLimits(limits), { label: bytes(""), cipher }));
    };
    const small = { maxPushStateBytes: 1_000, maxPushStateNodes: 1, maxUserMsgBytes: 1_000 };
    expect(await refusal(small, 150_000)).toBe("stream_closed");
    expect(await refusal(small, 250_000)).toBe("limit_exceeded");
    expect(await refusal({}, 20 * 1024 * 1024)).toBe("stream_closed");
    expect(await refusal({}, 20 * 1024 * 1024 + 1)).toBe("limit_exceeded");
  });
});

describe("the memory of all inbound streams", () => {
  const limits = { maxInboundStreamBytes: 10_000 };
  const announced = encodeUserStream(new Uint8Array(9_000));

  it("stays bounded: the stream that exceeds the bound is dropped, and a stream that ends frees its bytes", async () => {
    const one = cluster();
    const heard: number[] = [];
    const notifyMsg = (message: Uint8Array): void => void heard.push(message.length);
    const node = await one.start({ limits, enableCompression: false, delegate: { notifyMsg } });
    const [first, second, third] = [new RawPeer(one, "10.9.9.1"), new RawPeer(one, "10.9.9.2"), new RawPeer(one, "10.9.9.3")];
    const held = await first.dial(node);
    await held.write(announced.subarray(0, 6_000));
    const over = await second.dial(node);
    await over.write(announced.subarray(0, 6_000));
    await one.advance(10);
    expect(await one.settle(over.rest())).toEqual(new Uint8Array());
    expect(node.members.counters()).toEqual({ "stream_dropped.limit_exceeded": 1, "limit.maxInboundStreamBytes": 1 });
    await held.write(announced.subarray(6_000));
    await one.advance(10);
    expect(heard).toEqual([9_000]);
    const next = await third.dial(node);
    await next.write(announced);
    await one.advance(10);
    expect(heard).toEqual([9_000, 9_000]);
  });

  it("includes the decompressed size of a message", async () => {
    const one = cluster();
    const within = await take(one, new RawPeer(one), limits, compressMessage(encodeUserStream(new Uint8Array(9_000))));
    expect([within.heard, within.node.members.counters()]).toEqual([[9_000], {}]);
    const over = await take(one, new RawPeer(one, "10.9.9.8"), limits, compressMessage(encodeUserStream(new Uint8Array(10_000))));
    expect(over.heard).toEqual([]);
    expect(over.node.members.counters()).toEqual({ "stream_dropped.limit_exceeded": 1, "limit.maxInboundStreamBytes": 1 });
  });
});

describe("each node of a push/pull", () => {
  it("counts with its decoded size in memory", async () => {
    const state = (count: number): Uint8Array =>
      encodePushPull(
        false,
        states(count).map((node) => ({ ...node, meta: new Uint8Array(0) })),
        bytes("s"),
      );
    expect(state(14).length).toBeLessThan(2_000);
    const limits = { maxInboundStreamBytes: 10_000 };
    const one = cluster();
    const within = await take(one, new RawPeer(one), limits, state(14));
    expect([within.heard, within.node.members.counters()]).toEqual([[1], {}]);
    const over = await take(one, new RawPeer(one, "10.9.9.8"), limits, state(40));
    expect(over.heard).toEqual([]);
    expect(over.node.members.counters()).toEqual({ "stream_dropped.limit_exceeded": 1, "limit.maxInboundStreamBytes": 1 });
  });
});

describe("a node with many open streams", () => {
  const ping = encodePing({ seqNo: 23, node: "node-0", sourceAddr: "", sourcePort: 0, sourceNode: "" });

  async function answers(one: Cluster, node: TestNode, peer: RawPeer): Promise<boolean> {
    const stream = await peer.dial(node);
    await stream.write(ping).catch(() => undefined);
    return (await one.settle(stream.rest())).length > 0;
  }

  it("bounds them per peer, so that one peer cannot shut out the others", async () => {
    const one = cluster();
    const node = await one.start({ limits: { maxInboundStreams: 10, maxInboundStreamsPerPeer: 4 } });
    const greedy = new RawPeer(one, "10.9.9.1");
    for (let i = 0; i < 6; i++) await greedy.dial(node);
    expect(node.members.counters()).toEqual({ "stream_dropped.too_many_streams": 2, "limit.maxInboundStreamsPerPeer": 2 });
    expect(await answers(one, node, greedy)).toBe(false);
    expect(await answers(one, node, new RawPeer(one, "10.9.9.2"))).toBe(true);
    const line = node.log.find(({ fields }) => fields.code === "stream_limit_reached");
    expect(line?.fields).toMatchObject({ limit: "maxInboundStreamsPerPeer", most: 4, open: 4 });
    expect(line?.fields["from"]).toContain("10.9.9.1");
  });

  it("bounds them in total, and makes room when streams close", async () => {
    const one = cluster();
    const node = await one.start({ limits: { maxInboundStreams: 5 }, tcpTimeout: 3_000 });
    const peers = Array.from({ length: 8 }, (_, i) => new RawPeer(one, `10.9.9.${i + 1}`));
    const streams: RawStream[] = [];
    for (const peer of peers) streams.push(await peer.dial(node));
    expect(node.members.counters()).toEqual({ "stream_dropped.too_many_streams": 3, "limit.maxInboundStreams": 3 });
    expect(await one.settle((streams[7] as RawStream).rest())).toEqual(new Uint8Array());
    expect(await answers(one, node, peers[7] as RawPeer)).toBe(false);
    // One stream ends by itself, the others by tcpTimeout.
    (streams[0] as RawStream).close();
    await one.advance(100);
    expect(await answers(one, node, peers[7] as RawPeer)).toBe(true);
    await one.advance(3_000);
    for (const peer of peers) expect(await answers(one, node, peer)).toBe(true);
    expect(node.members.counters()).toMatchObject({ "stream_dropped.timeout": 4 });
  });

  itOnEventLoop("counts all streams over the limit, but logs them at a bounded rate", async () => {
    const one = cluster();
    const node = await one.start({ limits: { maxInboundStreams: 1 } });
    const peer = new RawPeer(one);
    for (let i = 0; i < 101; i++) await peer.dial(node);
    expect(node.members.counters()).toEqual({ "stream_dropped.too_many_streams": 100, "limit.maxInboundStreams": 100 });
    expect(codes(node).filter((code) => code === "stream_limit_reached").length).toBeLessThan(15);
  });
});

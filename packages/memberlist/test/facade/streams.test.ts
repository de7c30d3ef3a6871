import { describe, expect, it } from "vitest";
import type { TransportStream } from "../../src/ports/transport.ts";
import { encodeAckResp, encodePing } from "../../src/wire/messages/encode.ts";
import { decodeAckResp, decodeErrResp, decodePing } from "../../src/wire/messages/decode.ts";
import { encodePushPull, encodeUserStream } from "../../src/wire/messages/push-pull.ts";
import { readPushPull, type StreamLimits } from "../../src/wire/stream-messages.ts";
import type { PushNodeState } from "../../src/wire/messages/types.ts";
import { StreamReader } from "../../src/wire/stream-reader.ts";
import { bytes, clusters, codes, names, text, type Cluster, type TestNode } from "./cluster.ts";
import { concat, RawPeer, RawStream, stateMessage } from "./raw-peer.ts";

const cluster = clusters();
const limits: StreamLimits = { maxPushStateBytes: 1e6, maxPushStateNodes: 1e4, maxUserMsgBytes: 1e6, maxDecompressedBytes: 1e7 };

function state(name: string, addr: string, fields: Partial<PushNodeState> = {}): PushNodeState {
  return { name, addr, port: 7946, meta: new Uint8Array(), incarnation: 1, state: 0, vsn: [1, 5, 2, 0, 0, 0], ...fields };
}

describe("a ping over a stream [TCPPing]", () => {
  /** A node whose packets are lost, and a peer that it reaches only by streams. */
  async function unreachable(one: Cluster, answer: (stream: TransportStream) => Promise<void>): Promise<TestNode> {
    const node = await one.start({
      enableCompression: false,
      gossipInterval: 0,
      pushPullInterval: 0,
      gossipToTheDeadTime: 3_600_000,
    });
    const peer = new RawPeer(one);
    peer.onStream = (stream) => void answer(stream).catch(() => undefined);
    await peer.become("mongo", node);
    return node;
  }

  async function ping(stream: TransportStream): Promise<{ raw: RawStream; seqNo: number; node: string }> {
    const raw = new RawStream(stream);
    expect(await raw.reader.readByte()).toBe(0);
    return { raw, ...decodePing(await raw.reader.readObject(1_000)) };
  }

  const ack = (seqNo: number): Uint8Array => encodeAckResp({ seqNo, payload: new Uint8Array() });

  it("keeps a node alive whose packets are lost, and warns", async () => {
    const one = cluster();
    const pinged: string[] = [];
    const node = await unreachable(one, async (stream) => {
      const { raw, seqNo, node: name } = await ping(stream);
      pinged.push(name);
      await raw.write(ack(seqNo));
    });
    await one.advance(10_000);
    expect(pinged.length).toBeGreaterThan(5);
    expect(new Set(pinged)).toEqual(new Set(["mongo"]));
    expect(names(node)).toEqual(["mongo", "node-0"]);
    expect(codes(node)).toContain("udp_unreachable");
    expect(codes(node)).not.toContain("suspect");
    // The verdict of a probe comes at its end.
    await one.until(() => node.members.counters()["probe.stream_only"] === pinged.length, 1_100);
    expect(node.members.healthScore()).toBe(0);
  });

  it.each([
    ["another sequence number", (raw: RawStream, seqNo: number) => raw.write(ack(seqNo + 1)), "sequence number"],
    ["another type of message", (raw: RawStream) => raw.write(concat(Uint8Array.of(3), ack(1).subarray(1))), "message type 3"],
    ["nothing but the end", (raw: RawStream) => raw.finish(), "closed"],
  ])("does not count if the answer is %s", async (_, answer, complaint) => {
    const one = cluster();
    const node = await unreachable(one, async (stream) => {
      const { raw, seqNo } = await ping(stream);
      await answer(raw, seqNo);
    });
    await one.until(() => codes(node).includes("suspect"));
    const line = node.log.find(({ fields }) => fields.code === "stream_ping_failed");
    expect(line?.message).toContain(complaint);
  });

  it("fails without a log line if no process listens, as with every dead node", async () => {
    const one = cluster();
    const node = await one.start({ gossipInterval: 0 });
    const peer = new RawPeer(one);
    await peer.become("mongo", node);
    await peer.transport.shutdown();
    await one.until(() => codes(node).includes("suspect"));
    expect(codes(node)).not.toContain("stream_ping_failed");
    expect(codes(node)).not.toContain("udp_unreachable");
  });

  it("gets an answer if it names this node", async () => {
    const one = cluster();
    const node = await one.start({ name: "mongo", enableCompression: false });
    const peer = new RawPeer(one);
    const pingFor = (name: string): Uint8Array =>
      encodePing({ seqNo: 23, node: name, sourceAddr: "", sourcePort: 0, sourceNode: "" });
    const mine = await peer.dial(node);
    await mine.write(pingFor("mongo"));
    const answer = await one.settle(mine.rest());
    expect(answer[0]).toBe(2);
    expect(decodeAckResp(answer.subarray(1))).toEqual({ seqNo: 23, payload: new Uint8Array() });
    const other = await peer.dial(node);
    await other.write(pingFor("somebody-else"));
    expect(await one.settle(other.rest())).toEqual(new Uint8Array());
    expect(node.members.counters()).toEqual({ "dropped.ping_for_other_node": 1 });
  });
});

describe("a push/pull", () => {
  it("answers with its own state before it merges the peer's [TCPPushPull]", async () => {
    const one = cluster();
    const node = await one.start({ enableCompression: false });
    const peer = new RawPeer(one, "10.9.9.9");
    await peer.become("Test 0", node, { incarnation: 1 });
    peer.onStream = (stream) => stream.close();
    await one.until(() => node.members.members().some(({ state: now }) => now === "suspect"));

    const stream = await peer.dial(node);
    const nodes = ["Test 0", "Test 1", "Test 2"].map((name) => state(name, "10.9.9.9", { incarnation: 2 }));
    await stream.write(encodePushPull(false, nodes, new Uint8Array()));
    const answer = new StreamReader(await one.settle(stream.rest()));
    expect(await answer.readByte()).toBe(6);
    const remote = await readPushPull(answer, limits);
    expect(remote.join).toBe(false);
    expect(remote.nodes).toHaveLength(2);
    expect(remote.nodes.find(({ name }) => name === "Test 0")).toMatchObject({ addr: "10.9.9.9", incarnation: 1, state: 1 });
    expect(names(node)).toEqual(["Test 0", "Test 1", "Test 2", "node-0"]);
    expect(node.members.members().find(({ name }) => name === "Test 0")).toMatchObject({ state: "alive", incarnation: 2 });
  });

  it("decodes equally when it arrives compressed or in pieces", async () => {
    const one = cluster();
    const states: string[] = [];
    const node = await one.start({ delegate: { mergeRemoteState: (bits, join) => void states.push(`${text(bits)} ${join}`) } });
    const stream = await new RawPeer(one).dial(node);
    for (const byte of stateMessage("peer", "10.9.9.9", true, bytes("its state"))) {
      await stream.write(Uint8Array.of(byte));
      await one.advance(1);
    }
    await one.advance(10);
    expect(names(node)).toEqual(["node-0", "peer"]);
    expect(states).toEqual(["its state true"]);
  });

  it("stays within its limits of nodes and user state, before anything is allocated [ReadRemoteState_Limits]", async () => {
    const one = cluster();
    const node = await one.start({ enableCompression: false });
    const peer = new RawPeer(one);
    const header = (nodes: number, userStateLen: number): Uint8Array => {
      const word = (n: number): number[] => [0xce, n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
      const key = (name: string): number[] => [0xa0 | name.length, ...bytes(name)];
      const fields = [...key("Join"), 0xc2, ...key("Nodes"), ...word(nodes), ...key("UserStateLen"), ...word(userStateLen)];
      return Uint8Array.from([6, 0x83, ...fields]);
    };
    for (const [message, complaint] of [
      [header(10_000_000, 100), "number of nodes in header (10000000) exceeds limit"],
      [header(0, 30_000_000), "user state length in header (30000000) exceeds limit"],
    ] as const) {
      const stream = await peer.dial(node);
      await stream.write(message);
      expect(await one.settle(stream.rest())).toEqual(new Uint8Array());
      expect(node.log.at(-1)?.message).toContain(complaint);
    }
    expect(node.members.counters()).toMatchObject({ "stream_dropped.limit_exceeded": 2, "limit.maxPushStateNodes": 1 });
  });

  it("replaces the oldest one of the address with the most while 128 are in progress", async () => {
    const one = cluster();
    const node = await one.start();
    const peers = [1, 2, 3].map((i) => new RawPeer(one, `10.9.9.${i}`)) as [RawPeer, RawPeer, RawPeer];
    const message = stateMessage("peer", "10.9.9.9", false);
    const streams: RawStream[] = [];
    for (let i = 0; i < 130; i++) {
      const stream = await (peers[i >> 6] as RawPeer).dial(node);
      await stream.write(message.subarray(0, message.length - 1));
      streams.push(stream);
    }
    await one.advance(10);
    expect(node.members.counters()).toEqual({ "stream_dropped.limit_exceeded": 2, "limit.maxPushPullRequests": 2 });
    for (const at of [0, 64]) expect(await one.settle((streams[at] as RawStream).rest())).toEqual(new Uint8Array());
    for (const stream of streams.filter((_, at) => at % 64 > 0 || at === 128)) await stream.write(message.subarray(-1));
    await one.advance(10);
    expect((await one.settle((streams[129] as RawStream).rest())).length).toBeGreaterThan(0);
    const next = await peers[0].dial(node);
    await next.write(message);
    expect((await one.settle(next.rest())).length).toBeGreaterThan(0);
    expect(node.members.counters()).toMatchObject({ "stream_dropped.limit_exceeded": 2 });
  });

  it("reports an unreadable message to the joiner, whose error has the reason", async () => {
    const one = cluster();
    const node = await one.start({ enableCompression: false });
    const stream = await new RawPeer(one).dial(node);
    await stream.write(Uint8Array.of(9, 0x82, 0xa4, 0x41));
    await stream.finish();
    const answer = await one.settle(stream.rest());
    expect(answer[0]).toBe(13);
    expect(decodeErrResp(answer.subarray(1)).error).not.toBe("");
    expect(node.members.counters()).toEqual({ "stream_dropped.stream_closed": 1 });

    const rejecting = new RawPeer(one, "10.9.9.8");
    rejecting.onStream = (inbound) =>
      void new RawStream(inbound).write(Uint8Array.of(13, 0x81, 0xa5, ...bytes("Error"), 0xa4, ...bytes("nope")));
    const error = await one.settle(node.members.join(["10.9.9.8"]).catch((reason: unknown) => reason));
    expect(error).toMatchObject({
      code: "join_failed",
      cause: expect.objectContaining({ code: "remote_error", details: { remote: "nope" } }),
    });
  });
});

describe("a stream", () => {
  it("closes before its message is read if the announced length is too long [ReadUserMsg_Limit]", async () => {
    const one = cluster();
    const node = await one.start();
    const stream = await new RawPeer(one).dial(node);
    await stream.write(Uint8Array.from([8, 0x81, 0xaa, ...bytes("UserMsgLen"), 0xce, 0x01, 0xc9, 0xc3, 0x80]));
    expect(await one.settle(stream.rest())).toEqual(new Uint8Array());
    expect(node.log.at(-1)?.message).toContain("user message length in header (30000000) exceeds limit");
    expect(node.members.counters()).toEqual({ "stream_dropped.limit_exceeded": 1, "limit.maxUserMsgBytes": 1 });
  });

  it("closes if it fails before its label is read [HandleConn_NilConnAfterRemoveLabelHeaderFromStream]", async () => {
    const one = cluster();
    const node = await one.start({ label: "ours" });
    let listener: { stream(stream: TransportStream, from: { host: string; port: number; name: string }): void } | undefined;
    const transport = one.network.transport({});
    transport.listen = (given) => {
      listener = given;
    };
    const broken = await one.start({ transport });
    const closed: string[] = [];
    const stream: TransportStream = {
      readable: new ReadableStream<Uint8Array>({ pull: () => Promise.reject(new Error("test read error")) }),
      writable: new WritableStream<Uint8Array>(),
      close: () => void closed.push("closed"),
    };
    listener?.stream(stream, { host: "10.9.9.9", port: 1, name: "" });
    await one.advance(1);
    expect(closed).toEqual(["closed"]);
    expect(broken.members.counters()).toEqual({ "stream_dropped.stream_failed": 1 });
    expect(node.members.counters()).toEqual({});
  });

  it("closes after tcpTimeout if it is half open, and its memory is freed", async () => {
    const one = cluster();
    const node = await one.start({ tcpTimeout: 3_000, label: "ours" });
    const peer = new RawPeer(one);
    const start = one.clock.now();
    const message = concat(Uint8Array.of(244, 4), bytes("ours"), stateMessage("peer", "10.9.9.9", true));
    const ends: number[] = [];
    const ended = (): void => void ends.push(one.clock.now() - start);
    for (const length of [0, 1, 3, 6, 7, 20, message.length - 1]) {
      const stream = await peer.dial(node);
      if (length > 0) await stream.write(message.subarray(0, length));
      stream.rest().then(ended, ended);
    }
    await one.advance(2_900);
    expect(ends).toEqual([]);
    await one.advance(200);
    expect(ends).toHaveLength(7);
    expect(node.members.counters()).toEqual({ "stream_dropped.timeout": 7 });
    expect(names(node)).toEqual(["node-0"]);
  });

  it("leaves no log line if it ends before its first byte", async () => {
    const one = cluster();
    const node = await one.start();
    const stream = await new RawPeer(one).dial(node);
    await stream.finish();
    await one.advance(10);
    expect(node.members.counters()).toEqual({});
    expect(node.log).toEqual([]);
  });

  it("closes without a count or an event if its peer sends nothing, with any label", async () => {
    const one = cluster();
    const node = await one.start({ label: "ours" });
    const stream = await new RawPeer(one).dial(node);
    await stream.finish();
    expect(await one.settle(stream.rest())).toHaveLength(0);
    expect(node.members.counters()).toEqual({});
    expect(node.log.filter(({ level }) => level === "warn")).toEqual([]);
  });

  it("carries a label only from the dialling side, and the label must match", async () => {
    const one = cluster();
    const messages: string[] = [];
    const node = await one.start({ label: "ours", delegate: { notifyMsg: (message) => void messages.push(text(message)) } });
    const peer = new RawPeer(one);
    const send = async (label: Uint8Array, message: string): Promise<void> => {
      const stream = await peer.dial(node);
      await stream.write(concat(label, encodeUserStream(bytes(message))));
      await stream.finish();
      await one.advance(10);
    };
    await send(concat(Uint8Array.of(244, 4), bytes("ours")), "with our label");
    await send(concat(Uint8Array.of(244, 4), bytes("your")), "with another");
    await send(new Uint8Array(), "without");
    await send(Uint8Array.of(244, 0), "with an empty one");
    expect(messages).toEqual(["with our label"]);
    expect(node.members.counters()).toEqual({ "stream_dropped.label_mismatch": 2, "stream_dropped.bad_label": 1 });

    const streams: Promise<Uint8Array>[] = [];
    peer.onStream = (stream) => void streams.push(new RawStream(stream).rest());
    await one.settle(node.members.sendReliable("10.9.9.9", bytes("hi")));
    const sent = await one.settle(streams[0] as Promise<Uint8Array>);
    expect([...sent.subarray(0, 6)]).toEqual([244, 4, ...bytes("ours")]);
  });
});

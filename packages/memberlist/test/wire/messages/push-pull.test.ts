import { describe, expect, it } from "vitest";
import type { PushNodeState } from "../../../src/wire/messages/types.ts";
import { encodeLongPushPull, encodePushPull, encodeUserStream } from "../../../src/wire/messages/push-pull.ts";
import { nodesInOneGo } from "../../../src/util/turn-budget.ts";
import { readPushPull, readStreamMessage, readUserMessage, type StreamLimits } from "../../../src/wire/stream-messages.ts";
import { encodeStreamMessage } from "../../../src/wire/stream-layers.ts";
import { StreamReader } from "../../../src/wire/stream-reader.ts";
import { ascii, fromHex, toHex } from "../hex.ts";
import { rejectionOf } from "../reason.ts";
import { streamOf } from "../stream-of.ts";

const none = new Uint8Array(0);
const limits: StreamLimits = {
  maxPushStateBytes: 1000,
  maxPushStateNodes: 500,
  maxUserMsgBytes: 2000,
  maxDecompressedBytes: 100_000,
};
const goNode =
  "87a441646472a47f000001ab496e6361726e6174696f6e01a44d657461c0a44e616d65a26e31a4506f7274cd1f0aa5537461746503a356736ea6010502000000";
const node: PushNodeState = {
  name: "n1",
  addr: "127.0.0.1",
  port: 7946,
  meta: none,
  incarnation: 1,
  state: 3,
  vsn: [1, 5, 2, 0, 0, 0],
};

function nodes(count: number): PushNodeState[] {
  return Array.from({ length: count }, (_, i) => ({
    ...node,
    name: `node-${i}`,
    incarnation: i,
    state: i % 4,
    meta: Uint8Array.of(i, 1),
  }));
}

describe("a push/pull message", () => {
  it("encodes to the same bytes as Go", () => {
    const message = encodePushPull(true, [node], ascii("user"));
    expect(toHex(message)).toBe(`0683a44a6f696ec3a54e6f64657301ac5573657253746174654c656e04${goNode}75736572`);
  });

  it("counts nodes and bytes in Go's signed form", () => {
    const message = toHex(encodePushPull(false, nodes(128), new Uint8Array(40_000)));
    expect(message.startsWith("0683a44a6f696ec2a54e6f646573d10080ac5573657253746174654c656ed200009c40")).toBe(true);
    expect(toHex(encodeUserStream(new Uint8Array(200)).subarray(0, 16))).toBe("0881aa557365724d73674c656ed100c8");
  });

  it.each([1, 7, 64, 1_000_000])("decodes in chunks of %i, compressed or not", async (chunkSize) => {
    const sent = nodes(300);
    const message = encodePushPull(true, new Set(sent), ascii("state"));
    for (const compress of [false, true]) {
      const reader = new StreamReader(streamOf(encodeStreamMessage(message, { compress }), chunkSize));
      const { type, body } = await readStreamMessage(reader, limits);
      expect(type).toBe(6);
      expect(await readPushPull(body, limits)).toEqual({ join: true, nodes: sent, skipped: 0, userState: ascii("state") });
    }
  });

  it("copies a node's metadata out of the stream's buffer", async () => {
    const long = Array.from({ length: 3 }, (_, i) => ({ ...(nodes(1)[0] as PushNodeState), meta: new Uint8Array(513).fill(i) }));
    const message = encodePushPull(true, [...nodes(3), ...long], none);
    const { body } = await readStreamMessage(new StreamReader(message), limits);
    const { nodes: received } = await readPushPull(body, limits);
    // Short metadata shares a slab with others.
    expect(received.map(({ meta }) => meta.buffer.byteLength)).toEqual([2048, 2048, 2048, 513, 513, 513]);
    message.fill(0);
    expect(received.map(({ meta }) => meta)).toEqual([...nodes(3), ...long].map(({ meta }) => meta));
  });

  it("fails if it is cut off anywhere", async () => {
    const message = encodePushPull(true, nodes(2), ascii("state"));
    for (let length = 1; length < message.length; length++) {
      const reader = new StreamReader(message.subarray(1, length));
      expect(await rejectionOf(readPushPull(reader, limits))).toBe("stream_closed");
    }
  });

  it.each([
    ["too many nodes", "83a44a6f696ec3a54e6f646573d101f5ac5573657253746174654c656e00", "maxPushStateNodes", 501, 500],
    ["fewer than no nodes", "83a44a6f696ec3a54e6f646573ffac5573657253746174654c656e00", "maxPushStateNodes", -1, 500],
    ["too much state", "83a44a6f696ec3a54e6f64657300ac5573657253746174654c656ed103e9", "maxPushStateBytes", 1001, 1000],
    ["less than no state", "83a44a6f696ec3a54e6f64657300ac5573657253746174654c656eff", "maxPushStateBytes", -1, 1000],
  ])("refuses %s before it reads on", async (_, hex, name, value, limit) => {
    await expect(readPushPull(new StreamReader(fromHex(hex)), limits)).rejects.toMatchObject({
      code: "limit_exceeded",
      details: { name, value, limit },
    });
  });

  it("reports the memory of each node, however it is written, and fails as the report does", async () => {
    const [first, second] = [nodes(1), [{ ...node, name: "é".repeat(100) }]] as [PushNodeState[], PushNodeState[]];
    const message = encodePushPull(false, [...first, ...second], none);
    const usual = encodePushPull(false, [], none).length;
    const sizes = [first, second].map((one) => encodePushPull(false, one, none).length - usual);
    // The head of a long map instead of a short one: only the general decoder reads it.
    const general = fromHex(toHex(message).replaceAll("87a441646472", "de0007a441646472"));
    for (const [bytes, more] of [
      [message, 0],
      [general, 2],
    ] as const) {
      const charged: number[] = [];
      const state = await readPushPull(new StreamReader(bytes.subarray(1)), limits, {
        charge: (count) => void charged.push(count),
      });
      expect(state.nodes).toEqual([...first, ...second]);
      expect(charged).toEqual(sizes.map((size) => 400 + 2 * (size + more)));
      const full = new Error("no room");
      const charge = (): never => {
        throw full;
      };
      await expect(readPushPull(new StreamReader(bytes.subarray(1)), limits, { charge })).rejects.toBe(full);
    }
  });

  it("fails if a node has a field of a wrong type", async () => {
    const message = toHex(encodePushPull(false, [node], none)).replace("a44e616d65a26e31", "a44e616d650505");
    expect(await rejectionOf(readPushPull(new StreamReader(fromHex(message).subarray(1)), limits))).toBe("wrong_type");
  });

  it("accepts exactly as many nodes and as much state as its limits allow", async () => {
    const message = encodePushPull(false, nodes(500), new Uint8Array(1000));
    expect((await readPushPull(new StreamReader(message.subarray(1)), limits)).nodes).toHaveLength(500);
  });

  it("rejects a node whose map exceeds 64 KiB, without waiting for its bytes", async () => {
    const header = "83a44a6f696ec3a54e6f64657301ac5573657253746174654c656e00";
    const bytes = fromHex(`${header}81a44d657461db7fffffff`);
    for (const source of [bytes, streamOf(bytes, 1)]) {
      await expect(readPushPull(new StreamReader(source), limits)).rejects.toMatchObject({
        code: "limit_exceeded",
        details: { name: "maxPushStateBytes", limit: 64 * 1024 },
      });
    }
    // This one is scanned: its metadata alone may have so many bytes.
    const large = encodePushPull(false, [{ ...node, meta: new Uint8Array(65_535) }], none);
    expect(await rejectionOf(readPushPull(new StreamReader(large.subarray(1)), limits))).toBe("limit_exceeded");
  });
});

describe("a user message on a stream", () => {
  it.each([0, 1, 2000])("survives the round trip: %i bytes", async (size) => {
    const message = new Uint8Array(size).fill(3);
    const { type, body } = await readStreamMessage(new StreamReader(streamOf(encodeUserStream(message), 100)), limits);
    expect(type).toBe(8);
    expect(await readUserMessage(body, limits)).toEqual(message);
  });

  it("does not retain the bytes that it arrived with", async () => {
    const stream = new Uint8Array([...encodeUserStream(ascii("hi")), ...new Uint8Array(10_000)]);
    const { body } = await readStreamMessage(new StreamReader(stream), limits);
    expect((await readUserMessage(body, limits)).buffer.byteLength).toBe(2);
  });

  it.each([
    ["81aa557365724d73674c656ed107d1", 2001],
    ["81aa557365724d73674c656eff", -1],
    ["81aa557365724d73674c656ed37fffffff00000000", undefined],
  ])("fails to decode by its length: %s", async (hex, value) => {
    const refused = readUserMessage(new StreamReader(fromHex(hex)), limits);
    const details = { name: "maxUserMsgBytes", value, limit: 2000 };
    await expect(refused).rejects.toMatchObject(
      value === undefined ? { reason: "out_of_range" } : { code: "limit_exceeded", details },
    );
  });
});

describe("a long push/pull", () => {
  const many = nodes(2 * nodesInOneGo + 1);

  it("encodes to the same bytes in chunks, even if the user state changes meanwhile", async () => {
    const userState = ascii("state");
    const whole = encodePushPull(true, many, userState);
    let yields = 0;
    const parts = await encodeLongPushPull(true, many, userState, async () => {
      yields++;
      userState.fill(0);
    });
    expect(yields).toBe(2);
    expect(parts).toEqual(whole);
  });

  it.each([
    [0, 0],
    [nodesInOneGo, 0],
    [nodesInOneGo + 1, 1],
    [many.length, 2],
  ])("decodes in chunks: %i nodes with %i yields", async (count, expected) => {
    const reader = new StreamReader(encodePushPull(false, many.slice(0, count), ascii("state")).subarray(1));
    let yields = 0;
    const state = await readPushPull(
      reader,
      { ...limits, maxPushStateNodes: 10_000 },
      { yieldToEventLoop: async () => void yields++ },
    );
    expect(yields).toBe(expected);
    expect(state).toEqual({ join: false, nodes: many.slice(0, count), skipped: 0, userState: ascii("state") });
  });
});

it("yields after each 50 nodes if its time is over, and ignores time without a clock", async () => {
  const nodes = Array.from({ length: 220 }, () => node);
  const bytes = encodePushPull(false, nodes, none).subarray(1);
  let yields = 0;
  const yieldToEventLoop = async (): Promise<void> => void yields++;
  const read = async (isTimeOver?: () => boolean): Promise<number> => {
    yields = 0;
    const state = await readPushPull(
      new StreamReader(bytes),
      { ...limits, maxPushStateNodes: 10_000 },
      { yieldToEventLoop, isTimeOver },
    );
    expect(state.nodes).toEqual(nodes);
    return yields;
  };
  expect(await read(() => true)).toBe(4);
  expect(await read(() => false)).toBe(0);
  expect(await read()).toBe(0);
});

it("reads large nodes in smaller chunks, however they are written", async () => {
  const large = Array.from({ length: 20 }, () => ({ ...node, meta: new Uint8Array(60_000) }));
  const message = encodePushPull(false, large, none);
  // The head of a long map instead of a short one: only the general decoder reads it.
  const general = fromHex(toHex(message).replaceAll("87a441646472", "de0007a441646472"));
  for (const bytes of [message, general]) {
    let yields = 0;
    const reading = { yieldToEventLoop: async (): Promise<void> => void yields++ };
    const { nodes } = await readPushPull(new StreamReader(bytes.subarray(1)), { ...limits, maxPushStateNodes: 10_000 }, reading);
    // Each is as much work as 117 usual ones.
    expect([nodes.length, yields]).toEqual([20, 3]);
  }
});

it("skips invalid nodes, and keeps the others", async () => {
  const odd = [
    { ...node, name: "x".repeat(4097) },
    { ...node, name: "" },
    { ...node, name: "n2" },
    { ...node, name: "y".repeat(70_000) },
  ];
  // The third of them gets an address of five bytes.
  const message = encodePushPull(false, [node, ...odd, node], none);
  const text = toHex(message).replace(
    "a47f000001ab496e6361726e6174696f6e01a44d657461c0a44e616d65a26e32",
    "a57f00000100ab496e6361726e6174696f6e01a44d657461c0a44e616d65a26e32",
  );
  const { body } = await readStreamMessage(new StreamReader(fromHex(text)), limits);
  expect(await readPushPull(body, { ...limits, maxPushStateBytes: 100_000 })).toMatchObject({ nodes: [node, node], skipped: 4 });
});

import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { UnchangedNodes } from "../../../src/wire/messages/unchanged-nodes.ts";
import type { PushNodeState } from "../../../src/wire/messages/types.ts";
import { encodePushPull } from "../../../src/wire/messages/push-pull.ts";
import { readPushPull } from "../../../src/wire/stream-messages.ts";
import { StreamReader } from "../../../src/wire/stream-reader.ts";
import { ascii, toHex } from "../hex.ts";
import { streamOf } from "../stream-of.ts";

const none = new Uint8Array(0);
const limits = { maxPushStateBytes: 10_000, maxPushStateNodes: 100_000, maxUserMsgBytes: 1, maxDecompressedBytes: 1 };

/** One of each form that a node is written in: addresses, numbers and byte strings of all widths. */
const nodes: PushNodeState[] = [0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1].flatMap((incarnation, i) =>
  [0, 1, 31, 32, 300].map((size, j) => ({
    name: `${"n".repeat(1 + i * 12)}${j}`,
    addr: i % 3 === 0 ? `2001:db8::${i}:${j}` : `10.0.${i}.${j}`,
    port: [0, 127, 128, 7946][i % 4] as number,
    meta: new Uint8Array(size).fill(i),
    incarnation,
    state: 0,
    vsn: [1, 5, 2, 0, 0, 0],
  })),
);
const written = nodes.map((node) => bytesOf(node));

/** A node alone, as it stands in a message. */
function bytesOf(node: PushNodeState): Uint8Array {
  const header = encodePushPull(false, [], none).length;
  return encodePushPull(false, [node], none).subarray(header);
}

/** A node that differs from all of them in what it is compared by only. */
function like(node: PushNodeState, i: number): PushNodeState {
  return { ...node, name: `other-${i}` };
}

async function decodedOf(message: Uint8Array, unchanged: UnchangedNodes): Promise<{ decoded: string[]; userState: Uint8Array }> {
  const state = await readPushPull(new StreamReader(message.subarray(1)), limits, { unchanged });
  return { decoded: state.nodes.map(({ name }) => name), userState: state.userState };
}

describe("the filter of unchanged nodes", () => {
  it("finds unchanged nodes in any order, and leaves new ones between them to be decoded", async () => {
    const unchanged = await UnchangedNodes.of(encodePushPull(true, nodes, ascii("ours")), undefined);
    const [first, second] = [like(nodes[0] as PushNodeState, 1), like(nodes[9] as PushNodeState, 2)];
    const theirs = encodePushPull(false, [first, ...nodes.toReversed(), second], ascii("theirs"));
    expect(await decodedOf(theirs, unchanged)).toEqual({ decoded: ["other-1", "other-2"], userState: ascii("theirs") });
  });

  it("finds unchanged nodes on a stream, wherever its chunks end", async () => {
    const message = encodePushPull(false, nodes, none);
    const unchanged = await UnchangedNodes.of(message, undefined);
    for (const size of [1, 7, 100, 1000]) {
      const { nodes: decoded } = await readPushPull(new StreamReader(streamOf(message.subarray(1), size)), limits, { unchanged });
      // Where a chunk ends within a node, it is read as any other.
      expect(decoded.length).toBeLessThanOrEqual(size < 100 ? nodes.length : Math.ceil(message.length / size));
      for (const node of decoded) expect(written).toContainEqual(bytesOf(node));
    }
  });

  it("finds no node in the delegate's state, which follows the nodes", async () => {
    const [one, two] = nodes as [PushNodeState, PushNodeState];
    const unchanged = await UnchangedNodes.of(encodePushPull(false, [one], bytesOf(two)), undefined);
    const theirs = encodePushPull(false, [one, two], none);
    expect((await decodedOf(theirs, unchanged)).decoded).toEqual([two.name]);
  });

  it("decodes a node that is longer than the rest of our message, wherever it ends", async () => {
    for (let size = 1; size <= 8; size++) {
      const ours: PushNodeState = { ...(nodes[1] as PushNodeState), name: "n".repeat(size), vsn: [1] };
      const unchanged = await UnchangedNodes.of(encodePushPull(false, [ours], none), undefined);
      const theirs = encodePushPull(false, [{ ...ours, vsn: [1, 5, 2, 0, 0, 0] }], none);
      expect((await decodedOf(theirs, unchanged)).decoded).toEqual([ours.name]);
    }
  });

  it("takes memory for a few places a node", async () => {
    const sizes: number[] = [];
    class Counted extends Int32Array {
      constructor(size: number) {
        super(size);
        sizes.push(size);
      }
    }
    const message = encodePushPull(false, nodes, none);
    vi.stubGlobal("Int32Array", Counted);
    try {
      await UnchangedNodes.of(message, undefined);
    } finally {
      vi.unstubAllGlobals();
    }
    expect(Math.max(...sizes)).toBeGreaterThan(nodes.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(4 * nodes.length);
  });

  it("leaves nodes that are not alive, or have no versions, to be decoded", async () => {
    const [one] = nodes as [PushNodeState];
    const odd = [
      { ...one, state: 1 },
      { ...one, state: 2 },
      { ...one, state: 3 },
      { ...one, vsn: [] },
      { ...one, vsn: [0, 0, 0, 0, 0, 0] },
    ];
    for (const node of odd) {
      const message = encodePushPull(false, [node], none);
      expect((await decodedOf(message, await UnchangedNodes.of(message, undefined))).decoded).toEqual([one.name]);
    }
  });

  it.each([10, 100, 1_000, 10_000])(
    "finds nodes that differ in little but their addresses, or their ports: %i",
    async (count) => {
      const [one] = nodes as [PushNodeState];
      const name = (i: number): string => `n${i}`;
      const byAddress = Array.from({ length: count }, (_, i) => ({ ...one, name: name(i), addr: `127.1.${i >> 8}.${i & 255}` }));
      const byPort = Array.from({ length: count }, (_, i) => ({ ...one, name: name(i), addr: "10.0.0.1", port: 20_000 + i }));
      const byBoth = Array.from({ length: count }, (_, i) => ({
        ...one,
        name: name(i),
        addr: `2001:db8::${i >> 2}`,
        port: 7946 + (i & 3),
      }));
      for (const all of [byAddress, byPort, byBoth]) {
        const message = encodePushPull(false, all, none);
        const unchanged = await UnchangedNodes.of(message, undefined);
        // A few may find no place, as in any table.
        expect((await decodedOf(message, unchanged)).decoded.length).toBeLessThanOrEqual(count / 20);
      }
    },
  );

  it("yields to the event loop while it indexes and skips nodes, and accepts an empty state", async () => {
    const many = Array.from({ length: 10_000 }, (_, i) => ({
      ...(nodes[0] as PushNodeState),
      name: `n${i}`,
      addr: `10.1.${i >> 8}.${i & 255}`,
    }));
    const message = encodePushPull(false, many, none);
    let yields = 0;
    const yieldToEventLoop = async (): Promise<void> => void yields++;
    const unchanged = await UnchangedNodes.of(message, yieldToEventLoop);
    expect(yields).toBe(4);
    const { nodes: decoded } = await readPushPull(new StreamReader(message.subarray(1)), limits, { unchanged, yieldToEventLoop });
    expect(decoded).toEqual([]);
    expect(yields).toBe(8);
    expect((await decodedOf(message, unchanged)).decoded).toEqual([]);
    const empty = encodePushPull(false, [], ascii("state"));
    expect(await decodedOf(empty, await UnchangedNodes.of(empty, undefined))).toEqual({ decoded: [], userState: ascii("state") });
  });

  it("yields to the event loop no more often where unchanged nodes stand between new ones", async () => {
    const known = Array.from({ length: 100 }, (_, i) => ({ ...(nodes[0] as PushNodeState), name: `n${i}`, addr: `10.1.0.${i}` }));
    const unchanged = await UnchangedNodes.of(encodePushPull(false, known, none), undefined);
    const theirs = encodePushPull(
      false,
      known.flatMap((node, i) => [node, { ...like(node, i), addr: `10.2.0.${i}` }]),
      none,
    );
    let yields = 0;
    const yieldToEventLoop = async (): Promise<void> => void yields++;
    const { nodes: decoded } = await readPushPull(new StreamReader(theirs.subarray(1)), limits, { unchanged, yieldToEventLoop });
    expect([decoded.length, yields]).toEqual([100, 0]);
  });

  it("skips no more unchanged nodes in one go than the new ones before them leave time for", async () => {
    const [one] = nodes as [PushNodeState];
    const known = Array.from({ length: 10_000 }, (_, i) => ({ ...one, name: `n${i}`, addr: `10.1.${i >> 8}.${i & 255}` }));
    const unchanged = await UnchangedNodes.of(encodePushPull(false, known, none), undefined);
    const found = known.filter((node) => {
      const bytes = bytesOf(node);
      return unchanged.skip(bytes, 0, bytes.length, 1) > 0;
    });
    const fresh = Array.from({ length: 400 }, (_, i) => ({ ...like(one, i), addr: `10.2.0.${i & 255}`, port: 8_000 + (i >> 8) }));
    const theirs = encodePushPull(false, [...fresh, ...found.slice(0, 8_500)], none);
    let yields = 0;
    const yieldToEventLoop = async (): Promise<void> => void yields++;
    const { nodes: decoded } = await readPushPull(new StreamReader(theirs.subarray(1)), limits, { unchanged, yieldToEventLoop });
    // It skips 400 before it yields first, then 2,000 each time.
    expect([decoded.length, yields]).toEqual([400, 5]);
  });

  it("searches at most 16 places if all nodes have the same address and port", async () => {
    const many = Array.from({ length: 20_000 }, (_, i) => like(nodes[1] as PushNodeState, i));
    const message = encodePushPull(false, many, none);
    const unchanged = await UnchangedNodes.of(message, undefined);
    // Only the first few have a place: no look-up goes further than they do.
    unchanged.skip(message, message.indexOf(0x87), message.length, Infinity);
    expect(unchanged.skipped).toBe(16);
  });

  it("finds nodes whose addresses were chosen to collide in an unkeyed hash table", async () => {
    const count = 10_000;
    // The inverse of the hash's multiplier: each product has zeros where a place is taken from.
    const inverse = 0x0e8b2f51;
    expect(Math.imul(inverse, 0x9e3779b1)).toBe(1);
    const many = Array.from({ length: count }, (_, i) => {
      const word = Math.imul(i, inverse) ^ 7946;
      const addr = [word & 255, (word >>> 8) & 255, (word >>> 16) & 255, word >>> 24].join(".");
      return { ...(nodes[0] as PushNodeState), name: `n${i}`, addr, port: 7946 };
    });
    const message = encodePushPull(false, many, none);
    const { nodes: decoded } = await readPushPull(new StreamReader(message.subarray(1)), limits, {
      unchanged: await UnchangedNodes.of(message, undefined),
    });
    expect(decoded.length).toBeLessThan(count / 20);
  });

  it.each([
    ["ours", "15"],
    ["like those", "16"],
  ])(
    "yields to the event loop where all nodes have one address, and long names that differ at their ends: %s",
    async (_, last) => {
      const named = (end: string): PushNodeState => ({ ...(nodes[1] as PushNodeState), name: `${"n".repeat(4_000)}${end}` });
      const ours = Array.from({ length: 16 }, (__, i) => named(String(i).padStart(2, "0")));
      const unchanged = await UnchangedNodes.of(encodePushPull(false, ours, none), undefined);
      const theirs = encodePushPull(
        false,
        Array.from({ length: 200 }, () => named(last)),
        none,
      );
      let yields = 0;
      const yieldToEventLoop = async (): Promise<void> => void yields++;
      const { nodes: decoded } = await readPushPull(new StreamReader(theirs.subarray(1)), limits, {
        unchanged,
        yieldToEventLoop,
      });
      expect(decoded).toHaveLength(last === "15" ? 0 : 200);
      // Each is compared with 16 of ours, 64 KB, of which some 256 KB are read in one go.
      expect(yields).toBeGreaterThanOrEqual(40);
      expect(yields).toBeLessThanOrEqual(60);
    },
  );

  it("skips only unchanged nodes, for any input of a peer", async () => {
    const unchanged = await UnchangedNodes.of(encodePushPull(false, nodes, none), undefined);
    const ours = new Set(written.map((bytes) => toHex(bytes)));
    const whole = fc.constantFrom(...written);
    const changed = fc.tuple(whole, fc.nat(), fc.nat(255)).map(([bytes, at, value]) => bytes.with(at % bytes.length, value));
    const cut = fc.tuple(whole, fc.nat()).map(([bytes, size]) => bytes.subarray(0, size % bytes.length));
    const parts = fc.array(fc.oneof({ weight: 4, arbitrary: whole }, changed, cut, fc.uint8Array({ maxLength: 40 })));
    fc.assert(
      fc.property(parts, (pieces) => {
        const bytes = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
        const taken: string[] = [];
        let at = 0;
        for (;;) {
          const end = unchanged.skip(bytes, at, bytes.length, 1);
          if (end === at) break;
          taken.push(toHex(bytes.subarray(at, end)));
          at = end;
        }
        expect(taken.filter((one) => !ours.has(one))).toEqual([]);
        // And all of it is, up to the first that is not ours.
        const firstOther = pieces.findIndex((piece) => !ours.has(toHex(piece)));
        const prefix = pieces.slice(0, firstOther < 0 ? undefined : firstOther).reduce((sum, { length }) => sum + length, 0);
        expect(at).toBeGreaterThanOrEqual(prefix);
      }),
      { numRuns: 2_000 },
    );
  });
});

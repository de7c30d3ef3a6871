import { describe, expect, it } from "vitest";
import { StreamWrites } from "../../../src/runtime/streams/stream-writes.ts";

const KiB = 1024;
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The writes of all streams in order, by turns of the event loop. */
interface Written {
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly parts: Uint8Array[];
}

/** Streams that complete each write at once, and the bytes that all wrote in each turn. */
function streams(count: number): {
  readonly all: readonly Written[];
  readonly bytesOfTurns: number[];
  readonly writes: StreamWrites;
} {
  const bytesOfTurns = [0];
  const writes = new StreamWrites(async () => {
    await nextTurn();
    bytesOfTurns.push(0);
  });
  const all = Array.from({ length: count }, () => {
    const parts: Uint8Array[] = [];
    const sink = {
      write: (part: Uint8Array): void => {
        parts.push(part);
        bytesOfTurns.push((bytesOfTurns.pop() as number) + part.length);
      },
    };
    return { writer: new WritableStream<Uint8Array>(sink).getWriter(), parts };
  });
  return { all, bytesOfTurns, writes };
}

const pattern = Uint8Array.from({ length: 512 * KiB }, (_, i) => (i * 31 + (i >> 8)) & 0xff);

function bytes(size: number): Uint8Array {
  return pattern.subarray(0, size);
}

describe("StreamWrites", () => {
  it.each([1, 2, 128])("writes at most 192 KiB a turn for %i streams with 256 KiB each", async (count) => {
    const { all, bytesOfTurns, writes } = streams(count);
    const message = bytes(256 * KiB);
    await Promise.all(all.map(({ writer }) => writes.write(writer, message)));
    expect(Math.max(...bytesOfTurns)).toBeLessThanOrEqual(192 * KiB);
    expect(bytesOfTurns.length).toBeGreaterThanOrEqual((count * 256) / 192);
    for (const { parts } of all) expect(Buffer.concat(parts).equals(message)).toBe(true);
  });

  it("keeps at most 2 MiB in flight while 128 peers do not read", async () => {
    const writes = new StreamWrites(nextTurn);
    const resets: ((error: Error) => void)[] = [];
    let underWay = 0;
    const stuck = Array.from({ length: 128 }, () => {
      const write = (part: Uint8Array): Promise<void> => {
        underWay += part.length;
        return new Promise((_, reject) => void resets.push(reject));
      };
      return new WritableStream<Uint8Array>({ write }, { highWaterMark: 0 }).getWriter();
    });
    const writing = stuck.map((writer) => writes.write(writer, bytes(256 * KiB)));
    for (let turn = 0; turn < 100; turn++) await nextTurn();
    expect(underWay).toBeGreaterThanOrEqual(128 * 8 * KiB);
    expect(underWay).toBeLessThanOrEqual(2048 * KiB);
    // An honest peer makes progress meanwhile.
    const { writer, parts } = streams(1).all[0] as Written;
    await writes.write(writer, bytes(64 * KiB));
    expect(Buffer.concat(parts)).toHaveLength(64 * KiB);
    expect(resets).toHaveLength(128);
    for (const reset of resets) reset(new Error("reset"));
    expect((await Promise.allSettled(writing)).every(({ status }) => status === "rejected")).toBe(true);
  });

  it("delays a short message by at most one part of each long one", async () => {
    const { all, writes } = streams(129);
    const [short, ...long] = all as [Written, ...Written[]];
    const ends = long.map(({ writer }) => writes.write(writer, bytes(512 * KiB)));
    await nextTurn();
    const before = long.map(({ parts }) => parts.length);
    await writes.write(short.writer, bytes(20));
    for (const [i, { parts }] of long.entries()) expect(parts.length - (before[i] as number)).toBeLessThanOrEqual(2);
    await Promise.all(ends);
  });

  it("rejects with the error of its stream, and writes larger parts once other streams are done", async () => {
    const { all, writes } = streams(33);
    const [last, ...others] = all as [Written, ...Written[]];
    const broken = new WritableStream<Uint8Array>({
      write: () => {
        throw new Error("reset");
      },
    }).getWriter();
    const failed = writes.write(broken, bytes(128 * KiB));
    await Promise.all([
      expect(failed).rejects.toThrow("reset"),
      ...others.map(({ writer }) => writes.write(writer, bytes(128 * KiB))),
    ]);
    expect(others.some(({ parts }) => parts.some((part) => part.length < 64 * KiB))).toBe(true);
    await writes.write(last.writer, bytes(256 * KiB));
    expect(last.parts.map((part) => part.length / KiB)).toEqual([64, 64, 64, 64]);
  });
});

import { describe, expect, it } from "vitest";
import { KeyringCipher } from "../../../src/encryption/keyring-cipher.ts";
import { StreamCodec } from "../../../src/runtime/streams/stream-codec.ts";
import { Keyring } from "../../../src/encryption/keyring.ts";
import type { Crypto } from "../../../src/ports/crypto.ts";
import { type DecodeJob, type EncodeJob, doDecodeJob, doEncodeJob } from "../../../src/wire/stream-workers.ts";
import { maxDecompressedBytes } from "../../../src/wire/input-limits.ts";
import { StreamReader } from "../../../src/wire/stream-reader.ts";
import { aesCrypto, flipped, patterned } from "../../wire/aes.ts";
import { ascii } from "../../wire/hex.ts";
import { rejectionOf } from "../../wire/reason.ts";

const [a, b] = [patterned(16, 1), patterned(32, 2)];
const label = ascii("dc1");
const threshold = 1000;
const limits = { maxPushStateBytes: 1e6, maxPushStateNodes: 10, maxUserMsgBytes: 1e6, maxDecompressedBytes };
const config = { protocolVersion: 2, gossipVerifyIncoming: false, gossipVerifyOutgoing: true };

interface Options {
  readonly ring?: Keyring;
  readonly compress?: boolean;
  readonly limitReached?: (messages: number) => void;
  readonly protocolVersion?: number;
}

/** A stream codec, and the jobs that its workers did. */
function codec({ ring, compress = true, limitReached = () => {}, protocolVersion = 2 }: Options = {}): {
  readonly streams: StreamCodec;
  readonly inline: StreamCodec;
  readonly cipher: KeyringCipher | undefined;
  readonly jobs: (EncodeJob | DecodeJob)[];
} {
  const jobs: (EncodeJob | DecodeJob)[] = [];
  const cipher =
    ring &&
    new KeyringCipher({
      config: { ...config, protocolVersion },
      keyring: ring,
      crypto: aesCrypto,
      onKeyLimitReached: limitReached,
      messagesPerKeyMax: 3,
    });
  const options = { security: { label, cipher }, compress, yieldToEventLoop: async () => undefined };
  const workers = {
    threshold,
    encode: async (message: Uint8Array, job: EncodeJob) => {
      jobs.push(job);
      return doEncodeJob(aesCrypto, message, job);
    },
    decode: async (payload: Uint8Array, job: DecodeJob) => {
      jobs.push(job);
      return doDecodeJob(aesCrypto, payload, job);
    },
  };
  return {
    streams: new StreamCodec({ ...options, workers }),
    inline: new StreamCodec({ ...options, workers: undefined }),
    cipher,
    jobs,
  };
}

/** A user message that LZW cannot compress. */
function message(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i === 0 ? 8 : (i * i * 31 + (i >> 3) * 17) & 0xff));
}

async function decoded(streams: StreamCodec, bytes: Uint8Array): Promise<Uint8Array> {
  const { type, body } = await streams.read(new StreamReader(bytes), limits);
  const rest: number[] = [type];
  for (let next = await body.peekByte(); next !== undefined; next = await body.peekByte()) rest.push(await body.readByte());
  return Uint8Array.from(rest);
}

const layers = [
  { name: "compressed", ring: false, compress: true },
  { name: "encrypted", ring: true, compress: false },
  { name: "compressed and encrypted", ring: true, compress: true },
].flatMap((layer) => [1, 2].map((protocolVersion) => ({ ...layer, protocolVersion })));

describe.each(layers)("a stream message, $name, version $protocolVersion", ({ ring, compress, protocolVersion }) => {
  const make = () => codec({ ring: ring ? new Keyring([], a) : undefined, compress, protocolVersion });

  it.each([threshold - 1, threshold])(
    "encodes to the same length on the event loop and on the workers, and decodes on either: %i bytes",
    async (size) => {
      const { streams, inline, jobs } = make();
      const there = await streams.encode(message(size));
      expect(jobs).toHaveLength(size < threshold ? 0 : 1);
      expect(await decoded(inline, there)).toEqual(message(size));
      const here = await inline.encode(message(size));
      expect(here.length).toBe(there.length);
      expect(await decoded(streams, here)).toEqual(message(size));
    },
  );

  it("goes to the workers for decoding if it arrives long", async () => {
    const { streams, inline, jobs } = make();
    expect(await decoded(streams, await inline.encode(message(3 * threshold)))).toEqual(message(3 * threshold));
    expect(jobs).toHaveLength(1);
  });

  it("fails with the same error if it is tampered with", async () => {
    const { streams, inline, jobs } = make();
    const bytes = await inline.encode(message(3 * threshold));
    const bad = ring ? flipped(bytes, 300) : bytes.slice(0, -300);
    expect(await rejectionOf(streams.read(new StreamReader(bad), limits))).toBe(
      await rejectionOf(inline.read(new StreamReader(bad), limits)),
    );
    expect(jobs).toHaveLength(ring ? 1 : 0);
  });
});

describe("a message for the workers", () => {
  it("needs compression or encryption; without them it stays on the event loop", async () => {
    const { streams, jobs } = codec({ compress: false });
    const long = message(10 * threshold);
    expect(streams.encode(long)).toBe(long);
    expect(await decoded(streams, long)).toEqual(long);
    expect(jobs).toEqual([]);
  });

  it("counts by its own length; a short message that decompresses to a long one stays, or fails if too long", async () => {
    const { streams, inline, jobs } = codec({ ring: new Keyring([], a) });
    const sizes = [10 * threshold, 200 * threshold];
    for (const size of sizes) {
      const zeros = new Uint8Array(size);
      zeros[0] = 8;
      const bytes = await inline.encode(zeros);
      expect(bytes.length).toBeLessThan(threshold);
      expect(await decoded(streams, bytes)).toEqual(zeros);
    }
    expect(jobs).toHaveLength(0);
    const bytes = await inline.encode(new Uint8Array(50 * threshold));
    const few = { ...limits, maxDecompressedBytes: 30 * threshold };
    expect(await rejectionOf(streams.read(new StreamReader(bytes), few))).toBe("too_large");
  });

  it("uses the current keys, and counts towards the usage limit of the key", async () => {
    const reported: number[] = [];
    const ring = new Keyring([b], a);
    const { streams, jobs, cipher } = codec({ ring, limitReached: (messages) => reported.push(messages) });
    await streams.encode(message(threshold));
    ring.useKey(b);
    const encoded = await streams.encode(message(threshold));
    expect(jobs.map((job) => ("encrypt" in job ? job.encrypt?.key : undefined))).toEqual([a, b]);
    await decoded(streams, encoded);
    expect(jobs.at(-1)).toMatchObject({ decrypt: { keys: [b, a], label } });
    for (let i = 0; i < 2; i++) await streams.encode(message(threshold));
    expect(reported).toEqual([3]);
    if (cipher !== undefined) cipher.verifyOutgoing = false;
    await streams.encode(message(threshold));
    expect(jobs.at(-1)).toEqual({ compress: true });
  });
});

describe("long work without workers", () => {
  const mib = 1024 * 1024;
  const zeros = (size: number): Uint8Array => new Uint8Array(size).fill(8, 0, 1);

  interface Turn {
    readonly streams: StreamCodec;
    /** Runs the next part. @returns how often the codec has yielded */
    readonly yields: () => number;
  }

  function inParts(ring?: Keyring): Turn {
    let yields = 0;
    const cipher = ring && new KeyringCipher({ config, keyring: ring, crypto: aesCrypto, onKeyLimitReached: () => {} });
    const yieldToEventLoop = async (): Promise<void> => {
      yields++;
      await new Promise((resolve) => setImmediate(resolve));
    };
    const streams = new StreamCodec({ security: { label, cipher }, compress: true, workers: undefined, yieldToEventLoop });
    return { streams, yields: () => yields };
  }

  it("runs in parts with the same result", async () => {
    for (const ring of [undefined, new Keyring([], a)]) {
      const { streams, yields } = inParts(ring);
      const bytes = await streams.encode(zeros(4 * mib));
      expect(yields()).toBeGreaterThan(20);
      const before = yields();
      const { type, body } = await streams.read(new StreamReader(bytes), limits);
      expect(yields() - before).toBeGreaterThan(20);
      expect([type, (await body.readExactly(4 * mib - 1)).every((byte) => byte === 0)]).toEqual([8, true]);
    }
    const { streams } = codec();
    expect(await inParts().streams.encode(zeros(4 * mib))).toEqual(await streams.encode(zeros(4 * mib)));
  });

  it.each([1, 2])("uses encryptLong and decryptLong if the key has them, protocol version %i", async (protocolVersion) => {
    const calls: string[] = [];
    const withLong: Crypto = {
      aesGcm: (key) => {
        const plain = aesCrypto.aesGcm(key);
        return {
          encrypt: (...args) => (calls.push("encrypt"), plain.encrypt(...args)),
          decrypt: (...args) => (calls.push("decrypt"), plain.decrypt(...args)),
          encryptLong: async (...args) => (calls.push("encryptLong"), plain.encrypt(...args)),
          decryptLong: async (...args) => (calls.push("decryptLong"), plain.decrypt(...args)),
        };
      },
    };
    const make = (ring: Keyring): StreamCodec => {
      const options = { config: { ...config, protocolVersion }, onKeyLimitReached: () => {} };
      const cipher = new KeyringCipher({ ...options, keyring: ring, crypto: withLong });
      return new StreamCodec({
        security: { label, cipher },
        compress: false,
        workers: undefined,
        yieldToEventLoop: async () => undefined,
      });
    };
    const [sender, receiver] = [make(new Keyring([], b)), make(new Keyring([b], a))];
    const bytes = await sender.encode(message(70_000));
    expect(calls).toEqual(["encryptLong"]);
    expect(await decoded(receiver, bytes)).toEqual(message(70_000));
    // Of two keys the second fits.
    expect(calls.splice(0)).toEqual(["encryptLong", "decryptLong", "decryptLong"]);
    expect(await rejectionOf(receiver.read(new StreamReader(flipped(bytes, 300)), limits))).toBe("decrypt_failed");
    calls.splice(0);
    expect(await decoded(receiver, await sender.encode(message(60_000)))).toEqual(message(60_000));
    expect(calls).toEqual(["encrypt", "decrypt", "decrypt"]);
  });

  it("runs at once if the message is short", async () => {
    const { streams, yields } = inParts();
    expect(streams.encode(message(60_000))).toBeInstanceOf(Uint8Array);
    await decoded(streams, await streams.encode(message(60_000)));
    // Nothing yielded: one turn has ended since.
    expect(yields()).toBe(1);
  });

  it("runs for one message at a time, and never for a closed stream", async () => {
    const { streams, yields } = inParts();
    const bomb = await streams.encode(message(2 * mib));
    expect(bomb.length).toBeGreaterThan(64 * 1024);
    let wanted = true;
    const ends: string[] = [];
    const read = (name: string, isWanted = (): boolean => wanted): Promise<unknown> =>
      streams.read(new StreamReader(bomb), { ...limits, maxUserMsgBytes: 8 * mib }, { isWanted }).then(
        () => ends.push(name),
        (error: unknown) => ends.push(`${name} ${(error as { code: string }).code}`),
      );
    const before = yields();
    const reads = [read("first"), read("second"), read("third", () => true)];
    await new Promise((resolve) => setImmediate(resolve));
    // Two at a time would have yielded twice.
    expect(yields() - before).toBeLessThanOrEqual(2);
    wanted = false;
    await Promise.all(reads);
    expect(ends).toEqual(["first aborted", "second aborted", "third"]);
  });

  it("does not block the event loop through many short messages", async () => {
    const { streams } = inParts();
    const short = await streams.encode(zeros(mib / 2));
    expect(short.length).toBeLessThan(10_000);
    const done = new Set<number>();
    const reads = Array.from({ length: 20 }, async (_, i) => {
      await streams.read(new StreamReader(short), limits);
      done.add(i);
    });
    const afterTurns: number[] = [];
    while (done.size < 20) {
      await new Promise((resolve) => setImmediate(resolve));
      afterTurns.push(done.size);
    }
    await Promise.all(reads);
    const most = Math.max(...afterTurns.map((count, i) => count - (afterTurns[i - 1] ?? 0)));
    expect(most).toBeLessThanOrEqual(3);
  });

  it("does not block the event loop through many long messages, although none waits for anything", async () => {
    const { streams } = inParts(new Keyring([], a));
    // No key fits: anybody who can reach the node can send these.
    const strange = flipped(await streams.encode(message(200_000)), 300);
    const done: (string | undefined)[] = [];
    const reads = Array.from({ length: 20 }, async () => {
      done.push(await rejectionOf(streams.read(new StreamReader(strange), limits)));
    });
    const inTurns: number[] = [];
    while (done.length < 20) {
      const before = done.length;
      await new Promise((resolve) => setImmediate(resolve));
      inTurns.push(done.length - before);
    }
    await Promise.all(reads);
    expect(new Set(done)).toEqual(new Set(["decrypt_failed"]));
    expect(Math.max(...inTurns)).toBe(1);
  });

  it("does not delay a message that is rejected", async () => {
    const { streams } = inParts();
    const few = { ...limits, maxDecompressedBytes: 2 * mib };
    const bomb = await streams.encode(zeros(8 * mib));
    const reads = [few, limits].map((bounds) => rejectionOf(streams.read(new StreamReader(bomb), bounds)));
    expect(await Promise.all(reads)).toEqual(["too_large", ""]);
  });
});

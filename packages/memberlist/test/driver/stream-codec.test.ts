import { describe, expect, it } from "vitest";
import { Cipher } from "../../src/driver/cipher.ts";
import { StreamCodec } from "../../src/driver/stream-codec.ts";
import { Keyring } from "../../src/keyring.ts";
import type { OpenJob, SealJob } from "../../src/ports/codec.ts";
import { maxDecompressedBytes } from "../../src/wire/constants.ts";
import { doOpenJob, doSealJob } from "../../src/wire/offload-job.ts";
import { StreamReader } from "../../src/wire/stream-reader.ts";
import { aesCodec, flipped, patterned } from "../wire/aes.ts";
import { ascii } from "../wire/hex.ts";
import { rejectionOf } from "../wire/reason.ts";

const [a, b] = [patterned(16, 1), patterned(32, 2)];
const label = ascii("dc1");
const threshold = 1000;
const limits = { maxPushStateBytes: 1e6, maxPushStateNodes: 10, maxUserMsgBytes: 1e6, maxDecompressedBytes };
const config = { protocolVersion: 2, gossipVerifyIncoming: false, gossipVerifyOutgoing: true };

interface Options {
  readonly ring?: Keyring;
  readonly compress?: boolean;
  readonly wornOut?: (messages: number) => void;
  readonly protocolVersion?: number;
}

/** A codec of streams, and the jobs that were done elsewhere. */
function codec({ ring, compress = true, wornOut = () => {}, protocolVersion = 2 }: Options = {}): {
  readonly streams: StreamCodec;
  readonly inline: StreamCodec;
  readonly cipher: Cipher | undefined;
  readonly jobs: (SealJob | OpenJob)[];
} {
  const jobs: (SealJob | OpenJob)[] = [];
  const cipher =
    ring &&
    new Cipher({
      config: { ...config, protocolVersion },
      keyring: ring,
      codec: aesCodec,
      numMembers: () => 1,
      onKeyWornOut: wornOut,
      messagesPerKeyMax: 3,
    });
  const options = { security: { label, cipher }, compress };
  const offload = {
    threshold,
    seal: async (message: Uint8Array, job: SealJob) => {
      jobs.push(job);
      return doSealJob(aesCodec, message, job);
    },
    open: async (payload: Uint8Array, job: OpenJob) => {
      jobs.push(job);
      return doOpenJob(aesCodec, payload, job);
    },
  };
  return {
    streams: new StreamCodec({ ...options, offload }),
    inline: new StreamCodec({ ...options, offload: undefined }),
    cipher,
    jobs,
  };
}

/** A user message: the type and what has no pattern that LZW finds. */
function message(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i === 0 ? 8 : (i * i * 31 + (i >> 3) * 17) & 0xff));
}

async function opened(streams: StreamCodec, bytes: Uint8Array): Promise<Uint8Array> {
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

  it.each([threshold - 1, threshold])("of %i bytes is the same wherever it is done", async (size) => {
    const { streams, inline, jobs } = make();
    const there = await streams.seal(message(size));
    expect(jobs).toHaveLength(size < threshold ? 0 : 1);
    expect(await opened(inline, there)).toEqual(message(size));
    const here = await inline.seal(message(size));
    expect(here.length).toBe(there.length);
    expect(await opened(streams, here)).toEqual(message(size));
  });

  it("is opened elsewhere when it is long as it comes in", async () => {
    const { streams, inline, jobs } = make();
    expect(await opened(streams, await inline.seal(message(3 * threshold)))).toEqual(message(3 * threshold));
    expect(jobs).toHaveLength(1);
  });

  it("is refused the same when it is tampered with", async () => {
    const { streams, inline, jobs } = make();
    const bytes = await inline.seal(message(3 * threshold));
    const bad = ring ? flipped(bytes, 300) : bytes.slice(0, -300);
    expect(await rejectionOf(streams.read(new StreamReader(bad), limits))).toBe(
      await rejectionOf(inline.read(new StreamReader(bad), limits)),
    );
    expect(jobs).toHaveLength(ring ? 1 : 0);
  });
});

describe("what goes elsewhere", () => {
  it("is nothing that has no layers", async () => {
    const { streams, jobs } = codec({ compress: false });
    const long = message(10 * threshold);
    expect(streams.seal(long)).toBe(long);
    expect(await opened(streams, long)).toEqual(long);
    expect(jobs).toEqual([]);
  });

  it("is a short message that becomes a long one, and one that becomes too long is refused", async () => {
    const { streams, inline, jobs } = codec({ ring: new Keyring([], a) });
    const sizes = [10 * threshold, 200 * threshold];
    for (const size of sizes) {
      const zeros = new Uint8Array(size);
      zeros[0] = 8;
      const bytes = await inline.seal(zeros);
      expect(bytes.length).toBeLessThan(threshold);
      expect(await opened(streams, bytes)).toEqual(zeros);
    }
    expect(jobs).toHaveLength(1);
    const bytes = await inline.seal(new Uint8Array(50 * threshold));
    const few = { ...limits, maxDecompressedBytes: 30 * threshold };
    expect(await rejectionOf(streams.read(new StreamReader(bytes), few))).toBe("too_large");
  });

  it("has the keys of the moment, and counts for the wear of the key", async () => {
    const worn: number[] = [];
    const ring = new Keyring([b], a);
    const { streams, jobs, cipher } = codec({ ring, wornOut: (messages) => worn.push(messages) });
    await streams.seal(message(threshold));
    ring.useKey(b);
    const sealed = await streams.seal(message(threshold));
    expect(jobs.map((job) => ("encrypt" in job ? job.encrypt?.key : undefined))).toEqual([a, b]);
    await opened(streams, sealed);
    expect(jobs.at(-1)).toMatchObject({ decrypt: { keys: [b, a], label } });
    for (let i = 0; i < 2; i++) await streams.seal(message(threshold));
    expect(worn).toEqual([3]);
    if (cipher !== undefined) cipher.verifyOutgoing = false;
    await streams.seal(message(threshold));
    expect(jobs.at(-1)).toEqual({ compress: true });
  });
});

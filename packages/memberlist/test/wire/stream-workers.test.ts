import { describe, expect, it } from "vitest";
import type { Crypto } from "../../src/ports/crypto.ts";
import {
  doDecodeJob,
  doDecodeJobInParts,
  doEncodeJob,
  doEncodeJobInParts,
  streamWorkersOf,
  type EncodeJob,
  type StreamWorkers,
  type WorkerCrypto,
} from "../../src/wire/stream-workers.ts";
import { compressMessage } from "../../src/wire/compression/compress.ts";
import { encodeStreamMessage } from "../../src/wire/stream-layers.ts";
import { aes, aesCrypto, cipherOf, patterned, transparent } from "./aes.ts";
import { ascii, fromHex } from "./hex.ts";
import { reasonOf, rejectionOf } from "./reason.ts";

const [key, otherKey] = [patterned(16, 1), patterned(32, 2)];
const label = ascii("dc1");
const limit = 1_000_000;
const message = Uint8Array.of(8, ...patterned(3_000, 5));
/** Each encryption has the same nonce, so that the bytes can be compared. */
const crypto: Crypto = { aesGcm: (secret) => aes(secret, () => patterned(12, 3)) };
const yieldNow = async (): Promise<void> => undefined;

const jobs: readonly [name: string, job: EncodeJob][] = [
  ["compression", { compress: true }],
  ["encryption of version 0", { compress: false, encrypt: { key, version: 0, label } }],
  ["encryption of version 1", { compress: false, encrypt: { key, version: 1, label } }],
  ["both", { compress: true, encrypt: { key, version: 1, label } }],
];

describe.each(jobs)("a job of stream workers with %s", (_, job) => {
  const bytes = doEncodeJob(crypto, message, job);
  const decode = job.encrypt === undefined ? {} : { decrypt: { keys: [otherKey, key], label } };
  /** Without the type byte, or the header, of a stream. */
  const payload = bytes.subarray(job.encrypt === undefined ? 1 : 5);

  it("encodes to the same bytes at once, in parts, and without a job", async () => {
    const cipher = job.encrypt && cipherOf([crypto.aesGcm(key)], { version: job.encrypt.version });
    const security = { label: job.encrypt?.label ?? new Uint8Array(0), cipher };
    expect(bytes).toEqual(encodeStreamMessage(message, job, security));
    expect(await doEncodeJobInParts(crypto, message, job, yieldNow)).toEqual(bytes);
  });

  it("decodes to the message at once and in parts, with any of its keys", async () => {
    const within = { ...decode, maxDecompressedBytes: limit };
    expect(doDecodeJob(crypto, payload, within)).toEqual(message);
    expect(await doDecodeJobInParts(crypto, payload, within, yieldNow)).toEqual(message);
  });

  it("rejects a message over its limit, or under another label or key", async () => {
    const refusal = async (changed: object): Promise<string[]> => {
      const asked = { ...decode, maxDecompressedBytes: limit, ...changed };
      return [
        reasonOf(() => doDecodeJob(crypto, payload, asked)),
        await rejectionOf(doDecodeJobInParts(crypto, payload, asked, yieldNow)),
      ];
    };
    const [tooLarge, failed] = [job.compress ? "too_large" : "", job.encrypt === undefined ? "" : "decrypt_failed"];
    expect(await refusal({ maxDecompressedBytes: 3_000 })).toEqual([tooLarge, tooLarge]);
    expect(await refusal({ decrypt: job.encrypt && { keys: [key], label: ascii("dc2") } })).toEqual([failed, failed]);
    expect(await refusal({ decrypt: job.encrypt && { keys: [otherKey], label } })).toEqual([failed, failed]);
  });
});

describe("decoding a job", () => {
  const shown: Crypto = { aesGcm: () => transparent };
  /** The errors at once and in parts, under an encryption that leaves the content as it is. */
  const refusal = async (payload: Uint8Array, isEncrypted: boolean): Promise<unknown[]> => {
    const job = { ...(isEncrypted ? { decrypt: { keys: [key], label } } : {}), maxDecompressedBytes: limit };
    const causeOf = (error: unknown): unknown => error;
    const atOnce = await Promise.resolve()
      .then(() => doDecodeJob(shown, payload, job))
      .catch(causeOf);
    return [atOnce, await doDecodeJobInParts(shown, payload, job, yieldNow).catch(causeOf)];
  };
  const encrypted = (inside: Uint8Array): Uint8Array =>
    encodeStreamMessage(inside, { compress: false }, { label, cipher: cipherOf([transparent]) }).subarray(5);

  it("rejects a message that is empty, once decrypted or decompressed", async () => {
    const empty = expect.objectContaining({ code: "protocol_error" });
    expect(await refusal(encrypted(new Uint8Array(0)), true)).toEqual([empty, empty]);
    expect(await refusal(encrypted(compressMessage(new Uint8Array(0))), true)).toEqual([empty, empty]);
    expect(await refusal(compressMessage(new Uint8Array(0)).subarray(1), false)).toEqual([empty, empty]);
  });

  it("rejects an encrypted message whose compressed content is cut off", async () => {
    const cut = expect.objectContaining({ code: "stream_closed", details: { clean: false } });
    for (const inside of ["09", "0982a4416c676f00a3427566a400c304"]) {
      expect(await refusal(encrypted(fromHex(inside)), true)).toEqual([cut, cut]);
    }
  });

  it("rejects compressed content whose head announces too much", async () => {
    const large = expect.objectContaining({
      code: "limit_exceeded",
      details: expect.objectContaining({ name: "maxDecompressedBytes" }),
    });
    expect(await refusal(encrypted(fromHex("0982a4416c676f00a3427566db10000000")), true)).toEqual([large, large]);
  });

  it("fails without a key", async () => {
    expect(
      reasonOf(() => doDecodeJob(shown, encrypted(message), { decrypt: { keys: [], label }, maxDecompressedBytes: limit })),
    ).toBe("decrypt_failed");
  });
});

describe("streamWorkersOf", () => {
  it("returns the workers of a transport that has them", () => {
    const streamWorkers = { threshold: 1 } as StreamWorkers;
    const withWorkers: WorkerCrypto = { ...aesCrypto, streamWorkers };
    expect([streamWorkersOf(withWorkers), streamWorkersOf(aesCrypto), streamWorkersOf(undefined)]).toEqual([
      streamWorkers,
      undefined,
      undefined,
    ]);
  });
});

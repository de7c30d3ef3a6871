import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it, vi } from "vitest";
import { MemberlistError, type LogFields, type Logger } from "@memberlist/core";
import { systemClock } from "@memberlist/core/transport";
import { createLog, DecodeError } from "@memberlist/core/internal";
import { WorkerPool, type WorkerOptions } from "../src/worker-pool.ts";
import { doWorkerJob, type WorkerJob } from "../src/worker-job.ts";
import { NodeCrypto } from "../src/node-crypto.ts";
import { NodeTransport } from "../src/node-transport.ts";
import { bundled, workerEntry } from "./worker-bundle.ts";
import { outcome, pattern, until } from "./support.ts";

const bundles = bundled(workerEntry);
const inline = new NodeCrypto();
const label = new TextEncoder().encode("dc1");
const [key, other] = [pattern(32), pattern(48).subarray(32)] as [Uint8Array, Uint8Array];
const max = 40 * 1024 * 1024;
/** Worth some 10 ms. */
const message = letters(1_000_000);

const pools: WorkerPool[] = [];
const workers: Worker[] = [];
let onWorker: ((worker: Worker) => void) | undefined;
const lines: { level: string; fields: LogFields }[] = [];
const logger = Object.fromEntries(
  ["debug", "info", "warn", "error"].map((level) => [level, (fields: LogFields) => void lines.push({ level, fields })]),
) as unknown as Logger;

process.on("worker", (worker: Worker) => {
  workers.push(worker);
  onWorker?.(worker);
});

function start(options: WorkerOptions = {}, idleTimeout?: number): WorkerPool {
  const workerOptions = { entry: bundles.url(0), ...options };
  const pool = new WorkerPool({ workers: workerOptions, log: createLog({ logger, clock: systemClock() }), idleTimeout });
  pools.push(pool);
  return pool;
}

/** The module object that piscina takes `Worker` from. */
const threads = createRequire(import.meta.url)("node:worker_threads") as { Worker: typeof Worker };

/** `new Worker` throws once `allowed` more have started, as at a container's limit of processes. */
function forbidThreads(code: string, allowed: number): void {
  const Original = threads.Worker;
  let left = allowed;
  vi.spyOn(threads, "Worker").mockImplementation(function mayStart(...args) {
    if (left-- <= 0) throw Object.assign(new Error("no thread for you"), { code });
    return new Original(...args);
  });
}

afterEach(async () => {
  onWorker = undefined;
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
  workers.length = 0;
  lines.length = 0;
});

/** Compressible, and different everywhere. */
function letters(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0, seed = 7; i < size; i++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = 97 + ((seed >>> 16) % 20);
  }
  return bytes;
}

function run(pool: WorkerPool, work: WorkerJob): Promise<Uint8Array> {
  return work.kind === "encode" ? pool.encode(work.bytes, work.job) : pool.decode(work.bytes, work.job);
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** What an error says, for comparison. */
function shown(error: unknown): unknown {
  if (error instanceof DecodeError) return ["DecodeError", error.reason, error.message];
  if (error instanceof MemberlistError) return ["MemberlistError", error.code, error.message, error.details];
  return error;
}

/** Ends each of the next `count` threads as soon as it has got its first job. */
function endAtWork(count: number): void {
  let left = count;
  onWorker = (worker) => {
    if (left-- <= 0) return;
    worker.once("message", () => void setImmediate(() => void worker.terminate().catch(() => undefined)));
  };
}

const encode = { kind: "encode", bytes: message, job: { compress: true, encrypt: { key, version: 1, label } } } as const;
/** Without the type byte and the length. */
const decode = {
  kind: "decode",
  bytes: doWorkerJob(inline, encode).subarray(5),
  job: { decrypt: { keys: [other, key], label }, maxDecompressedBytes: max },
} as const;

describe("the result of a thread", () => {
  const kinds = ([undefined, 0, 1] as const).flatMap((version) => [
    { version, compress: true, layers: `${version === undefined ? "" : `encrypted as version ${version}, `}compressed` },
    ...(version === undefined ? [] : [{ version, compress: false, layers: `encrypted as version ${version}` }]),
  ]);

  it.each(kinds)("decodes on the event loop, and the other way round: $layers", async ({ version, compress }) => {
    const pool = start();
    const encrypt = version === undefined ? undefined : { key, version, label };
    const decrypt = version === undefined ? undefined : { keys: [other, key], label };
    for (const size of [1, 70_000, 1_000_000]) {
      const work: WorkerJob = { kind: "encode", bytes: message.subarray(0, size), job: { compress, encrypt } };
      const [there, here] = [await run(pool, work), doWorkerJob(inline, work)];
      expect(there.length).toBe(here.length);
      const decoding = (bytes: Uint8Array): WorkerJob => ({
        kind: "decode",
        bytes: bytes.subarray(encrypt === undefined ? 1 : 5),
        job: { decrypt, maxDecompressedBytes: max },
      });
      expect(same(doWorkerJob(inline, decoding(there)), work.bytes)).toBe(true);
      expect(same(await run(pool, decoding(here)), work.bytes)).toBe(true);
    }
    expect([workers.length > 0, pool.failures]).toEqual([true, 0]);
  });

  it("encodes the same bytes as the event loop if the encoding has no nonce", async () => {
    const work: WorkerJob = { ...encode, job: { compress: true } };
    expect(same(await run(start(), work), doWorkerJob(inline, work))).toBe(true);
  });

  it("leaves the caller its bytes and the rest of their buffer", async () => {
    const pool = start();
    const whole = message.slice();
    await pool.encode(whole.subarray(10, 500_000), { compress: true });
    expect(whole.buffer.byteLength).toBe(message.length);
    expect(same(whole, message)).toBe(true);
  });

  it("consists of plain arrays with memory of their own", async () => {
    const pool = start();
    const opened = await run(pool, decode);
    expect(Object.getPrototypeOf(opened)).toBe(Uint8Array.prototype);
    expect(opened.buffer.byteLength).toBe(opened.length);
  });
});

describe("the error of a thread", () => {
  const tampered = decode.bytes.slice();
  tampered[5_000] = (tampered[5_000] as number) ^ 1;
  const plain = doWorkerJob(inline, { kind: "encode", bytes: message, job: { compress: true } }).subarray(1);
  const encodedNothing = doWorkerJob(inline, { ...encode, bytes: new Uint8Array() });
  const noise = letters(200_000).map((byte, i) => byte ^ (i * 151));
  const cases: readonly (readonly [string, string, WorkerJob])[] = [
    ["a bit changed", "decrypt_failed", { ...decode, bytes: tampered }],
    ["another key", "decrypt_failed", { ...decode, job: { decrypt: { keys: [other], label }, maxDecompressedBytes: max } }],
    ["not an encryption version", "decrypt_failed", { ...decode, bytes: noise }],
    ["too large inside", "too_large", { ...decode, job: { ...decode.job, maxDecompressedBytes: 999_999 } }],
    ["cut off", "bad_lzw", { kind: "decode", bytes: cutOff(plain), job: { maxDecompressedBytes: max } }],
    ["nothing inside", "protocol_error", { ...decode, bytes: encodedNothing.subarray(5) }],
    ["no map", "malformed", { kind: "decode", bytes: noise.fill(0xc1), job: { maxDecompressedBytes: max } }],
    [
      "over 20 MiB encrypted",
      "message_too_large",
      { ...encode, bytes: new Uint8Array(20 * 1024 * 1024), job: { ...encode.job, compress: false } },
    ],
  ];

  it.each(cases)("equals that of the event loop: %s", async (_what, reason, work) => {
    let expected: unknown;
    try {
      doWorkerJob(inline, work);
    } catch (error) {
      expected = shown(error);
    }
    expect(expected).toContain(reason);
    const pool = start();
    const error: unknown = await run(pool, work).then(
      () => "no error",
      (thrown: unknown) => thrown,
    );
    expect(shown(error)).toEqual(expected);
    expect([workers.length, pool.failures]).toEqual([1, 0]);
  });
});

/** The same map, whose compressed bytes end too early. */
function cutOff(plain: Uint8Array): Uint8Array {
  const header = plain.length - new DataView(plain.buffer, plain.byteOffset).getUint32(12);
  const short = plain.slice(0, header + 100_000);
  new DataView(short.buffer).setUint32(header - 4, 100_000);
  return short;
}

describe("a thread that dies", () => {
  it("gets a replacement, which does its work again", async () => {
    const pool = start({ threads: 1 });
    endAtWork(1);
    expect(same(await run(pool, decode), message)).toBe(true);
    expect([workers.length, pool.failures]).toEqual([2, 1]);
    expect(lines.map(({ level, fields }) => [level, fields.code])).toEqual([["warn", "worker_failed"]]);
    expect(same(await run(pool, decode), message)).toBe(true);
    expect([workers.length, pool.failures]).toEqual([2, 1]);
  });

  it("hands its work to the event loop when its replacement dies, too; the next job gets a thread again", async () => {
    const pool = start({ threads: 1 });
    endAtWork(2);
    expect(same(await run(pool, decode), message)).toBe(true);
    expect([workers.length, pool.failures]).toEqual([2, 2]);
    expect(same(await run(pool, decode), message)).toBe(true);
    expect([workers.length, pool.failures]).toEqual([3, 2]);
  });

  it("loses nothing if it never ran, and no thread is tried again", async () => {
    const pool = start({ threads: 1 });
    onWorker = (worker) => void worker.terminate().catch(() => undefined);
    const results = await Promise.all([run(pool, decode), run(pool, decode)]);
    expect(results.every((result) => same(result, message))).toBe(true);
    expect(same(await run(pool, decode), message)).toBe(true);
    expect([workers.length, pool.failures]).toEqual([1, 1]);
  });

  it("loses none of many waiting jobs", async () => {
    const pool = start({ threads: 2 });
    endAtWork(2);
    const sizes = Array.from({ length: 12 }, (_, i) => 80_000 + i * 10_000);
    const jobs = sizes.map((size) => pool.encode(message.subarray(0, size), { compress: true }));
    const expected = sizes.map((size) =>
      doWorkerJob(inline, { ...encode, bytes: message.subarray(0, size), job: { compress: true } }),
    );
    const results = await Promise.all(jobs);
    expect(results.map((result, i) => same(result, expected[i] as Uint8Array))).toEqual(sizes.map(() => true));
    expect(pool.failures).toBe(2);
  });
});

describe("a pool of threads", () => {
  it("starts no more threads than allowed, the first with the first job, and ends them when idle", async () => {
    const pool = start({ threads: 2 }, 20);
    expect(workers).toHaveLength(0);
    await Promise.all(Array.from({ length: 6 }, () => run(pool, decode)));
    expect(workers.length).toBeLessThanOrEqual(2);
    await until(() => workers.every(({ threadId }) => threadId === -1), "the end of idle threads");
    const before = workers.length;
    expect(same(await run(pool, decode), message)).toBe(true);
    expect([workers.length, pool.failures]).toEqual([before + 1, 0]);
  });

  it("does not begin a job whose stream is closed", async () => {
    const pool = start({ threads: 1 });
    const job = { compress: true };
    const first = pool.encode(message, job);
    const second = outcome(pool.encode(message, job, () => false));
    const third = pool.encode(message, job, () => true);
    expect(await second).toBe("aborted");
    expect(same(await third, await first)).toBe(true);
  });

  it("ends threads in the middle of their work when it is closed, and waiting jobs fail", async () => {
    const pool = start({ threads: 1 });
    const started = new Promise<void>((resolve) => {
      onWorker = (worker) => void worker.once("message", () => setImmediate(resolve));
    });
    const jobs = [run(pool, encode), run(pool, encode)].map(outcome);
    await started;
    await pool.close();
    expect(await Promise.all(jobs)).toEqual(["shutdown", "shutdown"]);
    expect(workers.map(({ threadId }) => threadId)).toEqual([-1]);
    expect(await outcome(run(pool, encode))).toBe("shutdown");
    expect([workers.length, pool.failures]).toEqual([1, 0]);
    expect(lines).toEqual([]);
  });

  it("starts no threads once it is closed", async () => {
    const pool = start();
    await pool.close();
    expect(await outcome(run(pool, encode))).toBe("shutdown");
    expect(workers).toHaveLength(0);
  });

  it("leaves the work to the event loop if threads are not available, and logs that once", async () => {
    // Running from its sources, the package has no worker file.
    const pool = start({ entry: undefined });
    for (let i = 0; i < 3; i++) expect(same(await run(pool, decode), message)).toBe(true);
    expect(
      await outcome(run(pool, { ...decode, job: { decrypt: { keys: [other], label }, maxDecompressedBytes: max } })),
    ).toContain("no key of this node decrypts it");
    expect([workers.length, pool.failures]).toEqual([0, 0]);
    expect(lines.map(({ level, fields }) => [level, fields.code])).toEqual([["info", "workers_unavailable"]]);
  });

  it("leaves one job to each turn of the event loop if threads are not available", async () => {
    const pool = start({ entry: undefined, threads: 1 });
    const refused = { ...decode, job: { decrypt: { keys: [other], label }, maxDecompressedBytes: max } };
    // The pool is found to have no threads.
    await outcome(run(pool, refused));
    let done = 0;
    const jobs = Array.from({ length: 20 }, () => outcome(run(pool, refused)).finally(() => done++));
    const inTurns: number[] = [];
    while (done < jobs.length) {
      const before = done;
      await new Promise((resolve) => setImmediate(resolve));
      inTurns.push(done - before);
    }
    await Promise.all(jobs);
    expect(Math.max(...inTurns)).toBe(1);
  });

  it("never again tries threads that cannot start because their file is not a program", async () => {
    const pool = start({ entry: new URL("../package.json", import.meta.url) });
    for (let i = 0; i < 3; i++) expect(same(await run(pool, decode), message)).toBe(true);
    expect(workers).toHaveLength(1);
    expect(lines.map(({ level, fields }) => [level, fields.code])).toEqual([["info", "workers_unavailable"]]);
  });

  it.each(["ERR_WORKER_INIT_FAILED", "ERR_ACCESS_DENIED"])(
    "leaves the work to the event loop if the process may not start threads (%s), logs that once, and no promise rejects later",
    async (code) => {
      const pool = start({ threads: 2 });
      forbidThreads(code, 0);
      const results = await Promise.all(Array.from({ length: 4 }, () => run(pool, decode)));
      expect(results.every((result) => same(result, message))).toBe(true);
      expect([workers.length, pool.failures > 0]).toEqual([0, true]);
      expect(lines.map(({ level, fields }) => [level, fields.code])).toEqual([["info", "workers_unavailable"]]);
      await pool.close();
      expect(same(await run(start({ entry: undefined }), decode), message)).toBe(true);
    },
  );

  it("does all work if the second thread does not start, without losing the job of the first", async () => {
    const pool = start({ threads: 2 });
    forbidThreads("ERR_WORKER_INIT_FAILED", 1);
    const results = await Promise.all(Array.from({ length: 6 }, () => run(pool, decode)));
    expect(results.every((result) => same(result, message))).toBe(true);
    expect([workers.length, pool.failures]).toEqual([1, 1]);
    await pool.close();
    expect(workers.map(({ threadId }) => threadId)).toEqual([-1]);
  });

  it("leaves the work to the event loop if threads cannot start again after they were idle", async () => {
    const pool = start({ threads: 1 }, 20);
    expect(same(await run(pool, decode), message)).toBe(true);
    await until(() => workers.every(({ threadId }) => threadId === -1), "the end of the idle thread");
    forbidThreads("ERR_WORKER_INIT_FAILED", 0);
    expect(same(await run(pool, decode), message)).toBe(true);
    expect([workers.length, pool.failures]).toEqual([1, 1]);
  });

  it.each(["undefined", "{}", "null", "[1, 2]", '{ type: "decode" }', '"text"'])(
    "leaves the work to the event loop if threads answer %s, as a program with a second piscina does, and logs that once",
    async (answer) => {
      const folder = await mkdtemp(join(tmpdir(), "crypto-"));
      try {
        const entry = pathToFileURL(join(folder, "program.mjs"));
        await writeFile(entry, `export default () => (${answer});`);
        await symlink(new URL("../node_modules", import.meta.url), join(folder, "node_modules"));
        const pool = start({ entry, threads: 2 });
        for (let i = 0; i < 3; i++) expect(same(await run(pool, decode), message)).toBe(true);
        expect(pool.failures).toBe(1);
        expect(lines.map(({ level, fields }) => [level, fields.code])).toEqual([["info", "workers_unavailable"]]);
        await pool.close();
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );

  it("starts no threads in a process without shared memory", async () => {
    vi.stubGlobal("SharedArrayBuffer", undefined);
    const pool = start();
    expect(same(await run(pool, decode), message)).toBe(true);
    expect([workers.length, lines.map(({ fields }) => fields.code)]).toEqual([0, ["workers_unavailable"]]);
  });

  it("refuses a configured program that does not exist, with an error that names the file", async () => {
    const entry = new URL("./not-there.js", import.meta.url);
    const opened = NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0, workers: { entry } });
    const details = { fields: ["workers.entry"] };
    const message: unknown = expect.stringContaining("not-there.js is not a file that can be read");
    await expect(opened).rejects.toMatchObject({ code: "invalid_config", message, details });
  });

  it.each([
    { threads: 0 },
    { threads: 1.5 },
    { threshold: 0 },
    { threshold: Number.NaN },
    { thread: 1 },
    { off: 1 },
    { entry: "x" },
  ])("refuses the options %o", async (workers) => {
    const created = NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0, workers: workers as WorkerOptions });
    const fields = [`workers.${Object.keys(workers).join()}`];
    await expect(created).rejects.toMatchObject({ code: "invalid_config", details: { fields } });
  });
});

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  createMemberlist,
  decodeKey,
  generateKey,
  localConfig,
  NodeTransport,
  type Memberlist,
  type NodeConfig,
} from "../src/index.ts";
import { bundled, workerEntry } from "./worker-bundle.ts";
import { LoopWatch } from "./loop-watch.ts";
import { outcome, silent, until } from "./support.ts";

const bundles = bundled(workerEntry, new URL("fixtures/worker-exit.ts", import.meta.url));
const running: Memberlist[] = [];
const stateSize = 20 * 1024 * 1024;
let threads = 0;

process.on("worker", (_worker: Worker) => threads++);

afterEach(async () => {
  await Promise.all(running.splice(0).map((members) => members.shutdown()));
});

beforeEach(() => {
  threads = 0;
});

async function start(name: string, fields: Partial<NodeConfig> = {}): Promise<Memberlist> {
  const config = {
    ...localConfig(),
    name,
    bindAddr: "127.0.0.1",
    bindPort: 0,
    pushPullInterval: 0,
    tcpTimeout: 60_000,
    logger: silent,
  };
  const workers = { entry: bundles.url(0), threshold: 64 * 1024 };
  const members = await createMemberlist({ ...config, workers, ...fields });
  running.push(members);
  return members;
}

const addressOf = (members: Memberlist): string => `127.0.0.1:${members.localNode().port}`;

/** Compressible to a quarter, and different everywhere. */
function letters(size: number, start: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0, seed = start; i < size; i++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = 97 + ((seed >>> 16) % 20);
  }
  return bytes;
}

interface Exchange {
  readonly states: readonly [Uint8Array, Uint8Array];
  /** What each got of the other. */
  readonly received: readonly Uint8Array[];
  /** The longest turn of the event loop, in ms of CPU time. */
  readonly stall: number;
}

/** A join of two members with this state each. */
async function exchange(states: readonly [Uint8Array, Uint8Array], fields: Partial<NodeConfig>): Promise<Exchange> {
  const received: Uint8Array[] = [];
  const member = (i: 0 | 1): Promise<Memberlist> =>
    start(`m${i}`, {
      ...fields,
      delegate: { localState: () => states[i], mergeRemoteState: (state) => void (received[i] = state) },
    });
  const [a, b] = [await member(0), await member(1)];
  const loop = new LoopWatch();
  await b.join([addressOf(a)]);
  await until(() => received[0] !== undefined && received[1] !== undefined, "both states", 60_000);
  loop.end();
  return { states, received, stall: loop.longestTurn };
}

function expectWhole({ states, received }: Exchange): void {
  expect(Buffer.compare(received[0] as Uint8Array, states[1])).toBe(0);
  expect(Buffer.compare(received[1] as Uint8Array, states[0])).toBe(0);
}

describe("a push/pull of 20 MiB, compressed and encrypted", () => {
  const secretKey = decodeKey(generateKey());
  const cases: readonly (readonly [string, readonly [Uint8Array, Uint8Array]])[] = [
    ["of letters", [letters(stateSize, 1), letters(stateSize, 2)]],
    ["that a few bytes hold", [new Uint8Array(stateSize), new Uint8Array(stateSize).fill(1)]],
  ];

  it.each(cases)("arrives whole, %s, and the threads keep the event loop free", { timeout: 180_000 }, async (_what, states) => {
    const without = await exchange(states, { secretKey, workers: { off: true } });
    expectWhole(without);
    expect(threads).toBe(0);
    const result = await exchange(states, { secretKey });
    expectWhole(result);
    expect(threads).toBeGreaterThan(0);
    // Loosely: fetching 20 MiB of memory for the copy of the state takes some machines a multiple of the usual 10 ms.
    expect(result.stall).toBeLessThan(60);
    expect(without.stall).toBeLessThan(250);
  });
});

describe("a short message", () => {
  it("starts no thread", async () => {
    expectWhole(await exchange([letters(30_000, 1), letters(60_000, 2)], { secretKey: decodeKey(generateKey()) }));
    expect(threads).toBe(0);
  });

  it("means one of less than 4 MiB by default, sent or received", async () => {
    const workers = { entry: bundles.url(0) };
    expectWhole(await exchange([letters(4_000_000, 1), letters(4_000_000, 2)], { workers, secretKey: decodeKey(generateKey()) }));
    expect(threads).toBe(0);
    expectWhole(await exchange([letters(4_200_000, 1), letters(100, 2)], { workers, secretKey: decodeKey(generateKey()) }));
    expect(threads).toBeGreaterThan(0);
  });

  it("means one under the configured threshold", async () => {
    const workers = { entry: bundles.url(0), threshold: 20_000 };
    expectWhole(await exchange([letters(30_000, 1), letters(60_000, 2)], { workers }));
    expect(threads).toBeGreaterThan(0);
  });

  it("starts no thread at any length if it is neither compressed nor encrypted", async () => {
    const plain = { enableCompression: false };
    expectWhole(await exchange([letters(1_000_000, 1), letters(1_000_000, 2)], plain));
    expect(threads).toBe(0);
  });
});

describe("a message that threads process", () => {
  it("fails under another key as it does without threads, and the peer gets the error", async () => {
    const localState = (): Uint8Array => letters(200_000, 1);
    const a = await start("a", { secretKey: decodeKey(generateKey()), delegate: { localState } });
    const b = await start("b", { secretKey: decodeKey(generateKey()), delegate: { localState } });
    const result = await outcome(b.join([addressOf(a)]));
    expect(result).toBe("join_failed");
    await until(() => a.counters()["stream_dropped.decrypt_failed"] === 1, "the refusal is counted");
    expect([a, b].map((members) => members.counters()["transport.workerFailures"])).toEqual([0, 0]);
  });

  it("arrives beside others, in any order of the threads", async () => {
    const sizes = Array.from({ length: 10 }, (_, i) => 900_000 - i * 80_000);
    const got = new Set<number>();
    const secretKey = decodeKey(generateKey());
    const a = await start("a", { secretKey, delegate: { notifyMsg: (message) => void got.add(message.length) } });
    const b = await start("b", { secretKey });
    await b.join([addressOf(a)]);
    const [to] = b.members().filter(({ name }) => name === "a");
    if (to === undefined) throw new Error("a is not a member");
    await Promise.all(sizes.map((size, i) => b.sendReliable(to, letters(size, i))));
    await until(() => got.size === sizes.length, "all messages");
    expect([...got].toSorted((x, y) => y - x)).toEqual(sizes);
  });
});

describe("a process", () => {
  async function run(what: string): Promise<{ output: string; status: number | null }> {
    const child = spawn(process.execPath, [fileURLToPath(bundles.url(1)), bundles.url(0).href, what], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const killer = setTimeout(() => child.kill("SIGKILL"), 9_000);
    const status = await new Promise<number | null>((resolve) => void child.once("close", resolve));
    clearTimeout(killer);
    return { output, status };
  }

  it.each(["pool", "closed-pool"])("exits after a job of a %s", async (what) => {
    const before = performance.now();
    expect(await run(what)).toEqual({ output: "done 1\n", status: 0 });
    // An idle thread ends by itself only after 10 s.
    expect(performance.now() - before).toBeLessThan(9_000);
  });

  it("exits when its members are shut down", async () => {
    expect(await run("members")).toEqual({ output: "done 2\n", status: 0 });
  });
});

describe("a custom transport", () => {
  it("excludes the workers option", async () => {
    const transport = await NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0 });
    expect(await outcome(start("a", { transport }))).toBe("invalid_config");
    expect(await outcome(start("a", { transport, workers: undefined }))).toBe("ok");
  });
});

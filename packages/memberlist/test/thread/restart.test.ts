import { describe, expect, it } from "vitest";
import { Keyring, lanConfig, MemberlistError, type Config, type Memberlist, type SeedProvider } from "../../src/index.ts";
import { clusters, type Cluster } from "../facade/cluster.ts";
import { createOverLoopback, type LoopbackThread } from "../facade/loopback-thread.ts";

const newCluster = clusters();
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const key = (fill: number): Uint8Array => new Uint8Array(16).fill(fill);

interface Threaded {
  readonly members: Memberlist;
  readonly seed: string;
  /** Ends the thread, and waits until the next one loads its module. */
  readonly fail: () => Promise<void>;
  /** Lets the next thread go on, and waits until it runs. */
  readonly goOn: () => Promise<void>;
}

/** A member in a thread; each further thread waits, while it loads its module, for `goOn`. */
async function threaded(cluster: Cluster, fields: Partial<Config> = {}, exported: () => object = () => ({})): Promise<Threaded> {
  const { clock, network, random } = cluster;
  const threads: LoopbackThread[] = [];
  let loading: (() => void) | undefined;
  const module = async (): Promise<object> => {
    if (threads.length > 1) await new Promise<void>((resolve) => (loading = resolve));
    return { transport: network.transport({ host: "10.9.9.9", port: 7946 }), clock, random: random.fork(), ...exported() };
  };
  const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
  const config = { ...lanConfig(), name: "threaded", clock, logger, ...fields };
  const onThread = (thread: LoopbackThread): void => void threads.push(thread);
  // A thread that ends here could not stop its watch of the application.
  const creating = createOverLoopback(config, {}, { exported: module, applicationTimeout: 0, onThread });
  const members = await real(cluster, creating);
  cluster.nodes.push({ members } as unknown as (typeof cluster.nodes)[number]);
  const { addr, port } = members.localNode();
  return {
    members,
    seed: `threaded/${addr}:${port}`,
    fail: async () => {
      threads.at(-1)?.fail(new Error("the policy has failed"));
      await cluster.until(() => loading !== undefined);
    },
    goOn: async () => {
      const { incarnation } = members.localNode();
      loading?.();
      loading = undefined;
      const isRunning = (): boolean => members.localNode().incarnation > incarnation;
      for (let i = 0; i < 1_000 && !isRunning(); i++) await cluster.advance(10);
      expect(isRunning()).toBe(true);
      // The last save of the member that has ended is given up.
      await cluster.advance(3_000);
    },
  };
}

/** The cipher of the keys is loaded in real time. */
async function real<T>(cluster: Cluster, promise: Promise<T>): Promise<T> {
  const state = { isSettled: false };
  const end = (): void => void (state.isSettled = true);
  promise.then(end, end);
  while (!state.isSettled) await cluster.advance(0);
  return promise;
}

function ignore(): void {}

function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "done",
    (error: unknown) => (error instanceof MemberlistError ? error.code : error),
  );
}

describe("a thread that is started again", () => {
  it("takes keys and gossip settings that change while its module is loaded", async () => {
    const cluster = newCluster();
    const [old, next] = [key(1), key(2)];
    const keyring = new Keyring([], old);
    const a = await threaded(cluster, { keyring });
    const b = await cluster.start({ secretKey: next });
    await a.fail();
    keyring.addKey(next);
    keyring.useKey(next);
    keyring.removeKey(old);
    a.members.setGossipVerify({ outgoing: false });
    await a.goOn();
    // b refuses plaintext.
    expect(await cluster.settle(codeOf(a.members.ping(b.members.localNode())))).toBe("no_ping_response");
    a.members.setGossipVerify({ outgoing: true });
    expect(await cluster.settle(a.members.ping(b.members.localNode()))).toBeGreaterThan(0);
  });

  it("refuses calls with thread_failed until its member has started, and counts messages", async () => {
    const cluster = newCluster();
    const a = await threaded(cluster);
    const b = await cluster.start();
    await a.fail();
    expect(await codeOf(a.members.ping(b.members.localNode()))).toBe("thread_failed");
    const before = a.members.counters()["send_failed"] ?? 0;
    a.members.sendBestEffort(b.members.localNode(), bytes("lost"));
    await cluster.advance(0);
    expect(a.members.counters()["send_failed"]).toBe(before + 1);
    await a.goOn();
    expect(await cluster.settle(a.members.ping(b.members.localNode()))).toBeGreaterThan(0);
  });

  it("gets no answers to the questions of the thread before, whose seeds are aborted", async () => {
    const cluster = newCluster();
    let answer: (seeds: readonly string[]) => void = ignore;
    let signal: AbortSignal | undefined;
    const first: SeedProvider = (request) => {
      signal = request.signal;
      return new Promise((resolve) => (answer = resolve));
    };
    let loads = 0;
    let loaded: (text: string | undefined) => void = ignore;
    const store = {
      load: () => (loads++ === 0 ? Promise.resolve(undefined) : new Promise<string | undefined>((resolve) => (loaded = resolve))),
      save: () => Promise.resolve(),
    };
    const a = await threaded(cluster, { store });
    const joining = codeOf(a.members.join([first]));
    await cluster.until(() => signal !== undefined);
    await a.fail();
    expect(await joining).toBe("thread_failed");
    expect(signal?.aborted).toBe(true);
    answer(["1.2.3.4"]);
    loaded(undefined);
    await a.goOn();
    expect(a.members.counters()["store_corrupted"]).toBeUndefined();
  });

  it("heals from seeds of earlier joins", async () => {
    const cluster = newCluster();
    const b = await cluster.start({ host: "10.9.9.8" });
    let calls = 0;
    let isOpen = false;
    const seed: SeedProvider = () => {
      calls++;
      return isOpen ? [b.seed] : [];
    };
    const a = await threaded(cluster, { healingInterval: 5_000 });
    await cluster.settle(codeOf(a.members.join([seed])));
    await a.fail();
    await a.goOn();
    isOpen = true;
    const before = calls;
    await cluster.until(() => a.members.numMembers() === 2);
    expect(calls).toBeGreaterThan(before);
  });

  it("keeps the metadata of an updateNode that timed out, and forgets members that were dead", async () => {
    const cluster = newCluster();
    const a = await threaded(cluster);
    const b = await cluster.start();
    const c = await cluster.start();
    for (const { members } of [b, c]) await cluster.settle(members.join([a.seed]));
    await cluster.until(() => a.members.numMembers() === 3);
    await cluster.settle(c.members.leave());
    await c.members.shutdown();
    await cluster.until(() => a.members.get(c.name)?.state === "left");
    expect(await cluster.settle(codeOf(a.members.updateNode({ meta: bytes("changed"), timeout: 1 })))).toBe("timeout");
    await a.fail();
    expect(a.members.get(c.name)).toBeUndefined();
    expect(a.members.get(b.name)?.state).toBe("alive");
    await a.goOn();
    await cluster.until(() => a.members.numMembers() === 2);
    expect(new TextDecoder().decode(a.members.localNode().meta)).toBe("changed");
  });
});

describe("a module", () => {
  it("answers for the metadata, if its delegate does", async () => {
    const cluster = newCluster();
    let count = 0;
    const a = await threaded(cluster, {}, () => ({ delegate: { nodeMeta: () => bytes(`version ${++count}`) } }));
    await cluster.settle(a.members.updateNode());
    expect(new TextDecoder().decode(a.members.localNode().meta)).toBe("version 2");
  });
});

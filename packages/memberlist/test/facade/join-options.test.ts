import { describe, expect, it } from "vitest";
import type { JoinError } from "../../src/index.ts";
import { clusters, outcome, type Cluster, type TestNode } from "./cluster.ts";
import { RawPeer } from "./raw-peer.ts";

const cluster = clusters();

/** Accepts streams and never answers. */
function silent(one: Cluster, host: string): RawPeer {
  return new RawPeer(one, host);
}

function failure(promise: Promise<unknown>): Promise<JoinError> {
  return promise.then(
    () => Promise.reject(new Error("it did not fail")),
    (error: unknown) => error as JoinError,
  );
}

describe("join() with options", () => {
  it("returns the outcome of each seed", async () => {
    const one = cluster();
    await one.start();
    one.network.setHost("seeds.example.com", ["10.0.0.99", "10.0.0.1"]);
    const node = await one.start();
    const { reached, seeds } = await one.settle(node.members.join(["seeds.example.com", "unknown.example.com"]));
    expect(reached).toBe(1);
    expect(seeds.map(({ seed, reached: of, error }) => [seed, of, error?.code])).toEqual([
      ["seeds.example.com", 1, "dial_failed"],
      ["unknown.example.com", 0, "resolve_failed"],
    ]);
    expect(seeds[0]?.elapsed).toBeGreaterThan(0);
  });

  it.each([
    [1, 200],
    [2, 100],
    [4, 50],
    [9, 50],
  ])("tries %i addresses at a time", async (concurrency, took) => {
    const one = cluster();
    const node = await one.start({ tcpTimeout: 50 });
    const hosts = ["10.9.0.1", "10.9.0.2", "10.9.0.3", "10.9.0.4"];
    for (const host of hosts) silent(one, host);
    // The addresses of one name, too.
    one.network.setHost("silent.example.com", hosts.slice(1));
    const before = one.clock.now();
    const seeds = ["10.9.0.1", "silent.example.com"];
    const error = await one.settle(failure(node.members.join(seeds, { concurrency })));
    expect(one.clock.now() - before).toBe(took);
    const attempts = error.attempts;
    expect(attempts.map(({ address }) => address)).toEqual(hosts.map((host) => `${host}:7946`));
  });

  it("fails below minReached, and reports the peers that it reached", async () => {
    const one = cluster();
    const seed = await one.start();
    const node = await one.start();
    const error = await one.settle(failure(node.members.join([seed.seed, "10.0.0.99"], { minReached: 2 })));
    expect(error).toMatchObject({ code: "join_failed", stateChanged: true, cause: { code: "dial_failed" } });
    expect(error.message).toContain("joined 1 of 2 addresses, fewer than minReached (2)");
    expect(node.members.numMembers()).toBe(2);
  });

  it("accepts a join without an answer with minReached 0, but not an empty list with minReached 1", async () => {
    const one = cluster();
    const node = await one.start();
    expect((await one.settle(node.members.join(["10.0.0.99"], { minReached: 0 }))).reached).toBe(0);
    expect(await outcome(node.members.join([], { minReached: 1 }))).toBe("join_failed");
  });

  it("cancels all pending attempts on abort, and starts no more", async () => {
    const one = cluster();
    const node = await one.start();
    const reached = await one.start();
    for (const host of ["10.9.0.1", "10.9.0.2"]) silent(one, host);
    const cancel = new AbortController();
    const seeds = [reached.seed, "10.9.0.1", "10.9.0.2", "10.0.0.99"];
    const join = failure(node.members.join(seeds, { concurrency: 2, signal: cancel.signal }));
    await one.advance(100);
    cancel.abort();
    const error = await one.settle(join);
    expect(error).toMatchObject({ code: "aborted", stateChanged: true });
    expect(error.attempts).toMatchObject([{ address: reached.address }]);
    const { dials } = one.network.stats;
    await one.advance(100);
    expect(one.network.stats.dials).toBe(dials);
  });

  it("rounds the time in a timeout's message", async () => {
    const one = cluster();
    const node = await one.start();
    silent(one, "10.9.0.1");
    const error = await one.settle(failure(node.members.join(["10.9.0.1"], { timeout: 33.333 })));
    expect(error.message).toContain("longer than 33 ms");
  });

  it.each([
    { concurrency: 0 },
    { concurrency: 1.5 },
    { minReached: -1 },
    { minReached: Number.NaN },
    { timeout: -1 },
    { timeout: Number.NaN },
  ])("refuses %o before anything is done", async (wrong) => {
    const one = cluster();
    const [first, second] = await one.joined(2);
    const { members } = second as TestNode;
    await one.settle(members.leave());
    const error = await one.settle(failure(members.join([(first as TestNode).seed], wrong)));
    expect(error).toMatchObject({ code: "invalid_argument", stateChanged: false });
    expect(members.localNode().state).toBe("left");
  });
});

describe("ready()", () => {
  it("waits until there are enough members", async () => {
    const one = cluster();
    const first = await one.start();
    let isReady = false;
    const ready = first.members.ready({ members: 3 }).then(() => (isReady = true));
    const second = await one.start();
    await one.settle(second.members.join([first.seed]));
    await one.advance(5_000);
    expect(isReady).toBe(false);
    const third = await one.start();
    await one.settle(third.members.join([first.seed]));
    await one.settle(ready);
    expect(first.members.numMembers()).toBe(3);
  });

  it("resolves at once if there are enough already, by default two", async () => {
    const one = cluster();
    const [first] = await one.joined(2);
    const before = one.clock.now();
    expect(await outcome(one.settle((first as TestNode).members.ready()))).toBe("ok");
    expect(await outcome(one.settle((first as TestNode).members.ready({ members: 1 })))).toBe("ok");
    expect(one.clock.now()).toBe(before);
  });

  it("ends by its timeout, its signal or a shutdown", async () => {
    const one = cluster();
    const { members } = await one.start();
    const late = await one.settle(failure(members.ready({ timeout: 500 })));
    expect(late).toMatchObject({
      code: "timeout",
      message: "waiting for 2 members took longer than 500 ms: there are 1",
      stateChanged: false,
    });
    const cancel = new AbortController();
    const cancelled = outcome(members.ready({ signal: cancel.signal }));
    cancel.abort();
    expect(await cancelled).toBe("aborted");
    const ended = outcome(members.ready());
    await members.shutdown();
    expect(await ended).toBe("shutdown");
    expect(await outcome(members.ready())).toBe("shutdown");
  });

  it.each([0, 1.5, Number.NaN])("refuses to wait for %d members", async (count) => {
    const one = cluster();
    const { members } = await one.start();
    expect(await outcome(members.ready({ members: count }))).toBe("invalid_argument");
  });
});

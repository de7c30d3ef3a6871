import { afterEach, describe, expect, it } from "vitest";
import { lanConfig, type Memberlist } from "@memberlist/core";
import { bytes, clusters, text, type Cluster, type NodeConfig } from "../../memberlist/test/facade/cluster.ts";
import { createOverLoopback } from "../../memberlist/test/facade/loopback-thread.ts";
import { createRequests, RequestError, type Requests, type RequestsOptions } from "../src/index.ts";

const cluster = clusters();
const open: Requests[] = [];
afterEach(() => {
  for (const requests of open.splice(0)) requests.close();
});

interface Peer {
  readonly members: Memberlist;
  readonly requests: Requests;
}

function peerOf(members: Memberlist, options: RequestsOptions = {}): Peer {
  const requests = createRequests(members, options);
  open.push(requests);
  return { members, requests };
}

/** `node-0` and so on, which know each other. */
async function peers(one: Cluster, count: number, options: RequestsOptions = {}, config: NodeConfig = {}): Promise<Peer[]> {
  return (await one.joined(count, config)).map(({ members }) => peerOf(members, options));
}

async function two(one: Cluster, options: RequestsOptions = {}, config: NodeConfig = {}): Promise<[Peer, Peer]> {
  return (await peers(one, 2, options, config)) as [Peer, Peer];
}

interface Failure {
  readonly code: unknown;
  readonly member: unknown;
}

/** The code and the member of the error of a request. */
async function failure(answer: Promise<unknown>): Promise<Failure> {
  try {
    await answer;
    return { code: "ok", member: undefined };
  } catch (error) {
    const { code, member } = error as RequestError;
    return { code, member };
  }
}

/** As {@link failure}, while time passes. */
function failed(one: Cluster, answer: Promise<unknown>): Promise<Failure> {
  return one.settle(failure(answer));
}

/** A handler that answers only when it is released. */
function gate(): { readonly handler: () => Promise<Uint8Array>; readonly release: () => void; readonly started: () => number } {
  const waiting: (() => void)[] = [];
  let started = 0;
  const handler = (): Promise<Uint8Array> =>
    new Promise((resolve) => {
      started++;
      waiting.push(() => resolve(bytes("released")));
    });
  return { handler, started: () => started, release: () => waiting.splice(0).forEach((go) => go()) };
}

describe("a request", () => {
  it("brings the payload to the handler of its name, and the answer back, in one packet each", async () => {
    const one = cluster();
    const [a, b] = await two(one);
    const seen: unknown[] = [];
    b.requests.handle("price", (payload, { from, name }) => {
      seen.push([text(payload), from, name]);
      return bytes(`${text(payload)} costs 3.20`);
    });
    b.requests.handle("nothing", () => undefined);
    const before = a.members.traffic();
    const answer = await one.settle(a.requests.request("node-1", "price", bytes("tea")));
    expect(text(answer)).toBe("tea costs 3.20");
    expect(seen).toEqual([["tea", "node-0", "price"]]);
    expect(await one.settle(a.requests.request(b.members.localNode(), "nothing", bytes("")))).toHaveLength(0);
    expect(a.members.traffic().streamsOpened).toBe(before.streamsOpened);
    expect(a.requests.counters()).toMatchObject({ sent: 2, answered: 2, retried: 0 });
    expect(b.requests.counters()).toMatchObject({ handled: 2, duplicates: 0 });
  });

  it("goes over streams if it or its answer does not fit into a packet", async () => {
    const one = cluster();
    const [a, b] = await two(one);
    const long = new Uint8Array(300_000).fill(7);
    b.requests.handle("echo", (payload) => payload);
    b.requests.handle("length", (payload) => bytes(String(payload.length)));
    b.requests.handle("long", () => long);
    const echo = await one.settle(a.requests.request("node-1", "echo", long));
    expect(Buffer.compare(echo, long)).toBe(0);
    expect(text(await one.settle(a.requests.request("node-1", "length", long)))).toBe("300000");
    expect(await one.settle(a.requests.request("node-1", "long", bytes("")))).toHaveLength(long.length);
    expect(b.requests.counters()).toMatchObject({ handled: 3 });
  });

  it.each([1, 2, 3])("gets one answer, and runs its handler once, however many packets are lost (seed %i)", async (seed) => {
    const one = cluster(seed);
    const [a, b] = await two(one, {}, { coalesceMessages: false });
    const runs = new Map<string, number>();
    b.requests.handle("count", (payload) => {
      runs.set(text(payload), (runs.get(text(payload)) ?? 0) + 1);
      return payload;
    });
    one.network.setLoss(0.5);
    const sent = Array.from({ length: 100 }, (_, i) => a.requests.request("node-1", "count", bytes(String(i))));
    const answers = (await one.settle(Promise.all(sent))).map(text);
    expect(answers).toEqual(sent.map((_, i) => String(i)));
    expect([...runs.values()]).toEqual(sent.map(() => 1));
    const { retried } = a.requests.counters();
    expect(retried).toBeGreaterThan(20);
    expect(b.requests.counters().duplicates).toBeGreaterThan(5);
  });

  it("gets its answer over streams if no packet arrives", async () => {
    const one = cluster();
    const [a, b] = await two(one);
    b.requests.handle("echo", (payload) => payload);
    one.network.setLoss(1);
    expect(text(await one.settle(a.requests.request("node-1", "echo", bytes("x"))))).toBe("x");
    expect(a.requests.counters()).toMatchObject({ retried: 1, answered: 1 });
  });

  it("runs its handler once if that takes longer than retryAfter", async () => {
    const one = cluster();
    const [a, b] = await two(one, { retryAfter: 100 });
    const { handler, release, started } = gate();
    b.requests.handle("slow", handler);
    const answer = a.requests.request("node-1", "slow", bytes(""));
    await one.advance(1_000);
    expect(b.requests.counters()).toMatchObject({ handled: 1, duplicates: 1 });
    release();
    expect(text(await one.settle(answer))).toBe("released");
    expect(started()).toBe(1);
  });

  it("fails with the code of the other member's refusal or error, and its name", async () => {
    const one = cluster();
    const [a, b] = await two(one);
    b.requests.handle("coded", () => {
      throw new RequestError("sold_out", "tea is sold out");
    });
    b.requests.handle("broken", () => Promise.reject(new TypeError("a bug")));
    b.requests.handle("wrong", () => "text" as never);
    const codeOf = (name: string): Promise<unknown> => failed(one, a.requests.request("node-1", name, bytes("")));
    expect(await codeOf("coded")).toEqual({ code: "sold_out", member: "node-1" });
    expect(await codeOf("broken")).toEqual({ code: "handler_failed", member: "node-1" });
    expect(await codeOf("wrong")).toEqual({ code: "handler_failed", member: "node-1" });
    expect(await codeOf("other")).toEqual({ code: "unknown_request", member: "node-1" });
    await expect(one.settle(a.requests.request("node-1", "coded", bytes("")))).rejects.toThrow("tea is sold out");
    expect(a.requests.counters()).toMatchObject({ failed: 5 });
  });

  it("fails with answer_too_large if the answer exceeds a message", async () => {
    const one = cluster();
    const [a, b] = await two(one);
    b.requests.handle("huge", () => new Uint8Array(20 * 1024 * 1024));
    expect(await failed(one, a.requests.request("node-1", "huge", bytes("")))).toEqual({
      code: "answer_too_large",
      member: "node-1",
    });
  });

  it("fails at its timeout, and then aborts the handler and ignores the answer", async () => {
    const one = cluster();
    const [a, b] = await two(one);
    let isAborted = false;
    const { handler, release } = gate();
    b.requests.handle("slow", (_, { signal }) => {
      signal.addEventListener("abort", () => (isAborted = true));
      return handler();
    });
    const start = one.clock.now();
    expect(await failed(one, a.requests.request("node-1", "slow", bytes(""), { timeout: 2_000 }))).toEqual({
      code: "timeout",
      member: undefined,
    });
    expect(one.clock.now() - start).toBeCloseTo(2_000, -2);
    await one.advance(100);
    expect(isAborted).toBe(true);
    release();
    await one.advance(1_000);
    expect(a.requests.counters()).toMatchObject({ timedOut: 1, answered: 0 });
  });

  it("fails at its timeout if the other member is gone, with the cause", async () => {
    const one = cluster();
    const [a, b] = await two(one);
    await b.members.shutdown();
    const answer = a.requests.request("node-1", "x", bytes(""), { timeout: 1_000 });
    const error: unknown = await one.settle(answer.catch((thrown: unknown) => thrown));
    expect(error).toMatchObject({ code: "timeout", cause: { code: "dial_failed" } });
    expect(await failed(one, a.requests.request("node-1", "x", new Uint8Array(100_000)))).toMatchObject({ code: "dial_failed" });
    expect(await failed(one, a.requests.request("node-9", "x", bytes("")))).toMatchObject({ code: "member_not_found" });
  });

  it("ends by its signal", async () => {
    const one = cluster();
    const [a] = await two(one);
    const stop = new AbortController();
    const answer = failure(a.requests.request("node-1", "x", bytes(""), { signal: stop.signal }));
    stop.abort();
    expect((await answer).code).toBe("aborted");
    expect((await failed(one, a.requests.request("node-1", "x", bytes(""), { signal: stop.signal }))).code).toBe("aborted");
  });

  it("refuses wrong arguments", async () => {
    const one = cluster();
    const [a] = await two(one);
    const wrong = [
      () => a.requests.request("node-1", "", bytes("")),
      () => a.requests.request("node-1", "x".repeat(256), bytes("")),
      () => a.requests.request("node-1", "x", "text" as never),
      () => a.requests.request("node-1", "x", bytes(""), { timeout: 0 }),
      () => a.requests.request("node-1", "x", bytes(""), { retries: 1 } as never),
    ];
    for (const answer of wrong) expect((await failed(one, answer())).code).toBe("invalid_argument");
    expect(() => a.requests.handle("x", 5 as never)).toThrow("a handler must be a function");
    expect(() => createRequests(a.members, { maxPending: 0 })).toThrow("maxPending");
    expect(() => createRequests(a.members)).toThrow(expect.objectContaining({ code: "channel_exists" }));
    a.requests.handle("x", () => undefined);
    expect(() => a.requests.handle("x", () => undefined)).toThrow(expect.objectContaining({ code: "handler_exists" }));
  });
});

describe("the limits of requests", () => {
  it("refuses more requests than maxPending", async () => {
    const one = cluster();
    const [a, b] = await two(one, { maxPending: 3 });
    const { handler, release } = gate();
    b.requests.handle("slow", handler);
    const waiting = [0, 1, 2].map(() => a.requests.request("node-1", "slow", bytes("")));
    expect((await failed(one, a.requests.request("node-1", "slow", bytes("")))).code).toBe("too_many_requests");
    await one.advance(100);
    release();
    await one.settle(Promise.all(waiting));
    expect((await failed(one, a.requests.request("node-1", "other", bytes("")))).code).toBe("unknown_request");
  });

  it("runs maxConcurrent handlers at once, lets maxQueued requests wait, and refuses others with busy", async () => {
    const one = cluster();
    const [a, b] = await two(one, { maxConcurrent: 2, maxQueued: 3 });
    const { handler, release, started } = gate();
    b.requests.handle("slow", handler);
    const all = Array.from({ length: 7 }, () => failure(a.requests.request("node-1", "slow", bytes(""))));
    await one.advance(50);
    expect(started()).toBe(2);
    expect(b.requests.counters()).toMatchObject({ refused: 2, handled: 2 });
    for (let i = 0; i < 3; i++) {
      release();
      await one.advance(10);
    }
    const codes = (await one.settle(Promise.all(all))).map(({ code }) => code);
    expect(["busy", "ok"].map((code) => codes.filter((one) => one === code).length)).toEqual([2, 5]);
    expect(started()).toBe(5);
  });

  it("drops a queued request whose sender has stopped waiting, without a call of its handler", async () => {
    const one = cluster();
    const [a, b] = await two(one, { maxConcurrent: 1 });
    const { handler, release, started } = gate();
    b.requests.handle("slow", handler);
    const first = a.requests.request("node-1", "slow", bytes(""));
    const second = failure(a.requests.request("node-1", "slow", bytes(""), { timeout: 500 }));
    await one.advance(1_000);
    expect((await one.settle(second)).code).toBe("timeout");
    release();
    await one.settle(first);
    await one.advance(100);
    expect(started()).toBe(1);
    expect(b.requests.counters()).toMatchObject({ expired: 1 });
  });
});

describe("requestAll", () => {
  it("yields each answer as it arrives, and lists the members that did not answer in time", async () => {
    const one = cluster();
    const all = await peers(one, 6);
    const [a] = all as [Peer];
    const { handler } = gate();
    for (const [i, { members, requests }] of all.entries()) {
      if (i === 2) requests.handle("name", handler);
      else if (i === 4) requests.handle("name", () => Promise.reject(new RequestError("shy", "not me")));
      else if (i !== 5) requests.handle("name", () => bytes(members.localNode().name));
    }
    const answers = a.requests.requestAll("name", bytes(""), { timeout: 1_000 });
    const got: string[] = [];
    const reading = (async () => {
      for await (const { member, payload, error } of answers)
        got.push(`${member.name}: ${error?.code ?? text(payload ?? bytes(""))}`);
    })();
    await one.settle(reading);
    expect(got.toSorted()).toEqual(["node-1: node-1", "node-3: node-3", "node-4: shy", "node-5: unknown_request"]);
    expect(answers.missing.map(({ name }) => name)).toEqual(["node-2"]);
  });

  it("asks all members once under loss, and reports a dead one as missing", async () => {
    const one = cluster();
    const all = await peers(one, 20);
    const runs = new Map<string, number>();
    for (const { members, requests } of all) {
      const { name } = members.localNode();
      requests.handle("ping", () => {
        runs.set(name, (runs.get(name) ?? 0) + 1);
        return bytes(name);
      });
    }
    await all[7]?.members.shutdown();
    one.network.setLoss(0.3);
    const answers = (all[0] as Peer).requests.requestAll("ping", bytes(""), { timeout: 3_000 });
    const got = await one.settle(collect(answers));
    expect(new Set(got.map(({ member }) => member.name)).size).toBe(18);
    expect(answers.missing.map(({ name }) => name)).toEqual(["node-7"]);
    expect([...runs.values()]).toEqual(Array.from({ length: 18 }, () => 1));
  });

  it("ends by break, by its signal, and without members", async () => {
    const one = cluster();
    const all = await peers(one, 4);
    const [a] = all as [Peer];
    for (const { requests } of all) requests.handle("x", () => bytes("x"));
    const broken = a.requests.requestAll("x", bytes(""));
    let count = 0;
    const reading = (async () => {
      for await (const _ of broken) if (++count === 1) break;
    })();
    await one.settle(reading);
    expect(count).toBe(1);
    expect(await broken.next()).toEqual({ value: undefined, done: true });
    const stop = new AbortController();
    const stopped = collect(a.requests.requestAll("x", bytes(""), { signal: stop.signal }));
    stop.abort();
    expect(await one.settle(stopped)).toEqual([]);
    expect(await one.settle(collect(a.requests.requestAll("x", bytes(""), { members: [] })))).toEqual([]);
    expect(() => peerOf(a.members)).toThrow("memberlist.requests");
  });

  it("refuses more members than maxPending", async () => {
    const one = cluster();
    const [a] = (await peers(one, 4, { maxPending: 2 })) as [Peer];
    expect(() => a.requests.requestAll("x", bytes(""))).toThrow(expect.objectContaining({ code: "too_many_requests" }));
  });
});

describe("the end of requests", () => {
  it("fails the pending ones with closed, at close and at the shutdown of the member", async () => {
    const one = cluster();
    const [a, b] = await two(one);
    const { handler } = gate();
    const signals: AbortSignal[] = [];
    b.requests.handle("slow", (_, { signal }) => {
      signals.push(signal);
      return handler();
    });
    const pending = failure(a.requests.request("node-1", "slow", bytes("")));
    await one.advance(50);
    a.requests.close();
    expect((await pending).code).toBe("closed");
    expect((await failed(one, a.requests.request("node-1", "slow", bytes("")))).code).toBe("closed");
    expect(() => a.requests.requestAll("slow", bytes(""))).toThrow(expect.objectContaining({ code: "closed" }));
    const again = createRequests(a.members);
    const last = failure(again.request("node-1", "slow", bytes("")));
    await one.advance(50);
    await a.members.shutdown();
    expect((await last).code).toBe("closed");
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
    b.requests.close();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  });

  it("removes a handler", async () => {
    const one = cluster();
    const [a, b] = await two(one);
    const remove = b.requests.handle("x", () => bytes("1"));
    remove();
    expect((await failed(one, a.requests.request("node-1", "x", bytes("")))).code).toBe("unknown_request");
    b.requests.handle("x", () => bytes("2"));
    remove();
    expect(text(await one.settle(a.requests.request("node-1", "x", bytes(""))))).toBe("2");
  });
});

describe("a member that does not speak requests", () => {
  it("adds to the counter of malformed messages, and to that of late answers", async () => {
    const one = cluster();
    const all = await peers(one, 2);
    const [a, b] = all as [Peer, Peer];
    const stranger = await one.start({ name: "stranger" });
    await one.settle(stranger.members.join([b.members.toJSON().address]));
    await one.until(() => a.members.numMembers() === 3);
    const channel = stranger.members.channel("memberlist.requests");
    for (const message of ["", "\u0001", "\u0009aaaaaaaaaa", "\u0001aaaaaaaa\0\0\0\u0001\u0009x", "\u0003aaaaaaaa\u0009x"]) {
      channel.sendBestEffort("node-1", bytes(message));
    }
    await one.until(() => b.requests.counters().malformed === 5);
    channel.sendBestEffort("node-1", bytes("\u0002aaaaaaaafoo"));
    await one.until(() => b.requests.counters().lateAnswers === 1);
    expect(b.requests.counters()).toMatchObject({ malformed: 5, lateAnswers: 1, handled: 0 });
  });

  it("ignores an answer with the right id from another member than was asked", async () => {
    const one = cluster();
    const [a, b] = await two(one);
    b.requests.close();
    const asked: Uint8Array[] = [];
    b.members.channel("memberlist.requests", { onMessage: (message) => void asked.push(message) });
    const stranger = await one.start({ name: "stranger" });
    await one.settle(stranger.members.join([a.members.toJSON().address]));
    const answer = failure(a.requests.request("node-1", "x", bytes("")));
    await one.until(() => asked.length > 0);
    const id = (asked[0] as Uint8Array).subarray(1, 9);
    stranger.members.channel("memberlist.requests").sendBestEffort("node-0", new Uint8Array([2, ...id, ...bytes("forged")]));
    await one.until(() => a.requests.counters().lateAnswers === 1);
    expect((await one.settle(answer)).code).toBe("timeout");
  });
});

describe("a member in a thread", () => {
  it("asks, answers and asks all as on the event loop", async () => {
    const one = cluster();
    const [onLoop] = await peers(one, 1);
    const config = { ...lanConfig(), name: "threaded", transport: one.network.transport(), clock: one.clock, random: one.random };
    const members = await one.settle(createOverLoopback({ ...config, logOutput: { write: () => undefined } }));
    try {
      const threaded = peerOf(members);
      const asked = onLoop as Peer;
      await one.settle(members.join([asked.members.toJSON().address]));
      await one.until(() => asked.members.numMembers() === 2);
      for (const { requests } of [threaded, asked])
        requests.handle("echo", (payload, { from }) => bytes(`${from} ${payload.length}`));
      expect(text(await one.settle(threaded.requests.request("node-0", "echo", bytes("x"))))).toBe("threaded 1");
      expect(text(await one.settle(asked.requests.request("threaded", "echo", new Uint8Array(9_000))))).toBe("node-0 9000");
      const got = await one.settle(collect(threaded.requests.requestAll("echo", bytes(""))));
      expect(got.map(({ member }) => member.name)).toEqual(["node-0"]);
    } finally {
      await one.settle(members.shutdown());
    }
  });
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

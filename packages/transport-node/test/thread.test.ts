import { describe, expect, it } from "vitest";
import { createMemberlist, JoinError, Keyring, type Channel, type Memberlist, type Metrics, type Node } from "../src/index.ts";
import { outcome, pattern, until } from "./support.ts";
import { bytes, eventsOf, join, policy, seed, testConfig, text, threadTests } from "./thread-support.ts";

const { entry, inThread, onLoop } = threadTests();

/** A member in a thread and one on the event loop, joined, and what each has received. */
async function pair(fields: { readonly [field: string]: unknown } = {}): Promise<{
  readonly a: Memberlist;
  readonly b: Memberlist;
  readonly received: { readonly a: Uint8Array[]; readonly b: Uint8Array[] };
}> {
  const received = { a: [] as Uint8Array[], b: [] as Uint8Array[] };
  const delegate = (name: "a" | "b") => ({ notifyMsg: (message: Uint8Array) => void received[name].push(message) });
  const a = await inThread("a", { delegate: delegate("a"), ...fields });
  const b = await onLoop("b", { delegate: delegate("b"), ...fields });
  await join(a, b);
  return { a, b, received };
}

describe("a member in a thread of its own", () => {
  it("carries the messages, broadcasts and state of channels", async () => {
    const got = new Set<string>();
    const open = (name: string, member: Memberlist): Channel =>
      member.channel("prices", {
        onMessage: (message, from) => void got.add(`${name}: ${text(message)} of ${from.name}`),
        localState: () => bytes(`state of ${name}`),
        mergeRemoteState: (state) => void got.add(`${name}: ${text(state)}`),
      });
    const a = await inThread("a");
    const b = await onLoop("b");
    const [ofA, ofB] = [open("a", a), open("b", b)];
    await join(a, b);
    await ofA.sendReliable("b", bytes("stream"));
    await ofB.sendReliable("a", bytes("stream"));
    await ofA.broadcast(bytes("gossip"));
    await ofB.broadcast(bytes("gossip"));
    const expected = ["a: state of b", "b: state of a", "a: stream of b", "b: stream of a", "a: gossip of b", "b: gossip of a"];
    await until(() => got.size >= expected.length, "messages and states at both", 20_000);
    expect([...got].toSorted()).toEqual(expected.toSorted());
  });

  it("joins members on the event loop and in threads, and answers reads at once", async () => {
    const a = await inThread("a", { meta: bytes("one"), label: "blue" });
    expect(a.localNode()).toMatchObject({ name: "a", addr: "127.0.0.1", state: "alive" });
    expect(a.config.bindPort).toBe(a.localNode().port);
    expect(a.members().map(({ name }) => name)).toEqual(["a"]);
    const b = await onLoop("b", { label: "blue" });
    const c = await inThread("c", { label: "blue" });
    const result = await c.join([seed(a), seed(b)]);
    expect(result).toMatchObject({ reached: 2, attempts: [{ elapsed: expect.any(Number) as number }, {}] });
    await until(() => [a, b, c].every((member) => member.numMembers() === 3), "three members at each", 20_000);
    expect(text(c.get("a")?.meta)).toBe("one");
    expect(c.get("a")).toMatchObject({ state: "alive", age: expect.any(Number) as number });
    expect(await c.ping(seed(a))).toBeGreaterThan(0);
    expect(c.healthScore()).toBeGreaterThanOrEqual(0);
    expect(c.counters()).toMatchObject({});
    await until(() => c.traffic().packetsReceived > 0, "packets to be counted");
    expect(c.toJSON()).toMatchObject({ name: "c", label: "blue", members: { alive: 3 } });
    expect(c.recentEvents().length).toBeGreaterThan(0);
  });

  it.each([64, 1_300, 100_000, 6 * 1024 * 1024])("sends and receives messages of %i bytes", async (size) => {
    const { a, b, received } = await pair();
    const message = pattern(size);
    await Promise.all([a.sendReliable(b.localNode(), message), b.sendReliable(a.localNode(), message)]);
    await until(() => received.a.length === 1 && received.b.length === 1, "both messages", 20_000);
    expect(Buffer.compare(received.a[0] as Uint8Array, message)).toBe(0);
    expect(Buffer.compare(received.b[0] as Uint8Array, message)).toBe(0);
  });

  it("delivers best-effort messages in both directions, in order, and refuses one that fits no packet", async () => {
    const { a, b, received } = await pair({ enableCompression: false });
    const count = 200;
    for (let i = 0; i < count; i++) {
      expect(a.sendBestEffort(b.localNode(), pattern(64 + i))).toBe(true);
      b.sendBestEffort(a.localNode(), pattern(64 + i));
    }
    await until(() => received.a.length === count && received.b.length === count, "all messages", 20_000);
    for (const messages of [received.a, received.b]) {
      expect(messages.map(({ length }) => length)).toEqual(Array.from({ length: count }, (_, i) => 64 + i));
      expect(messages.every((message) => Buffer.compare(message, pattern(message.length)) === 0)).toBe(true);
    }
    expect(() => a.sendBestEffort(b.localNode(), pattern(70_000))).toThrow(
      expect.objectContaining({ code: "message_too_large" }) as Error,
    );
  });

  it("sends long messages by the threads of its worker pool, in a thread of the thread", async () => {
    const received: Uint8Array[] = [];
    const secretKey = pattern(32);
    const workers = { threads: 1, threshold: 64 * 1024, entry: new URL("worker.mjs", entry()) };
    const a = await inThread("a", { secretKey, workers });
    const b = await onLoop("b", { secretKey, delegate: { notifyMsg: (message) => void received.push(message) } });
    await join(a, b);
    const message = pattern(1_000_000);
    await a.sendReliable(b.localNode(), message);
    await until(() => received.length === 1, "the message", 20_000);
    expect(Buffer.compare(received[0] as Uint8Array, message)).toBe(0);
    expect(a.recentEvents().filter((event) => event.type === "log" && event.code === "workers_unavailable")).toEqual([]);
  });

  it("reports joins, updates and leaves in order, to the event delegate and to event streams", async () => {
    const heard: string[] = [];
    const note =
      (what: string) =>
      ({ name, state }: Node): void =>
        void heard.push(`${what} ${name} ${state}`);
    const delegate = { notifyJoin: note("join"), notifyUpdate: note("update"), notifyLeave: note("leave") };
    const a = await inThread("a", { events: delegate });
    const events = eventsOf(a);
    const b = await onLoop("b");
    await join(b, a);
    await b.updateNode({ meta: bytes("new") });
    await until(() => text(a.get("b")?.meta) === "new", "the metadata");
    await b.leave({ timeout: 20_000 });
    await until(() => heard.length === 4 && events.some(({ type }) => type === "leave"), "the leave", 20_000);
    expect(heard).toEqual(["join a alive", "join b alive", "update b alive", "leave b left"]);
    const kinds = events.flatMap((event) => ("node" in event && event.node.name === "b" ? [event.type] : []));
    expect(kinds).toEqual(["join", "update", "leave"]);
  });

  it("calls every delegate of the application: states, broadcasts, ack payloads, metadata, conflicts", async () => {
    const [merged, heard, pings, conflicts] = [[] as string[], [] as string[], [] as string[], [] as string[]];
    const waiting = [bytes("first broadcast"), bytes("second broadcast")];
    const a = await inThread("a", {
      delegate: {
        nodeMeta: () => bytes("own"),
        localState: (isJoin) => Promise.resolve(bytes(`state of a, ${isJoin ? "join" : "exchange"}`)),
        mergeRemoteState: (state) => void merged.push(text(state)),
        getBroadcasts: () => waiting.splice(0),
      },
      ping: {
        ackPayload: () => bytes("ack of a"),
        notifyPingComplete: (_node, rtt, payload) => void pings.push(`${rtt > 0} ${text(payload)}`),
      },
      conflict: { notifyConflict: (existing, other) => void conflicts.push(`${existing.name} ${other.port !== existing.port}`) },
    });
    const theirs: string[] = [];
    const b = await onLoop("b", {
      delegate: {
        localState: () => bytes("state of b"),
        mergeRemoteState: (state) => void theirs.push(text(state)),
        notifyMsg: (message) => void heard.push(text(message)),
      },
      ping: { ackPayload: () => bytes("ack of b"), notifyPingComplete: (_node, _rtt, payload) => void pings.push(text(payload)) },
    });
    await join(a, b);
    expect(text(b.get("a")?.meta)).toBe("own");
    await until(() => theirs.includes("state of a, join") && merged.includes("state of b"), "the states", 20_000);
    await until(() => heard.length >= 2, "the broadcasts", 20_000);
    expect(new Set(heard)).toEqual(new Set(["first broadcast", "second broadcast"]));
    await until(() => pings.includes("true ack of b") && pings.includes("ack of a"), "the ack payloads", 20_000);
    const twin = await onLoop("b");
    await twin.join([seed(a)]);
    await until(() => conflicts.includes("b true"), "the conflict", 20_000);
  });

  it("saves to the application's store, and starts from it", async () => {
    let saved: string | undefined;
    const store = { load: () => Promise.resolve(saved), save: (state: string) => Promise.resolve(void (saved = state)) };
    const b = await onLoop("b");
    const first = await inThread("a", { store });
    await join(first, b);
    await until(() => saved?.includes(`${b.localNode().port}`) === true, "the state to be saved", 20_000);
    await first.shutdown();
    const second = await inThread("a", { store, bindPort: first.config.bindPort });
    await until(() => second.numMembers() === 2, "the member to rejoin from its saved state", 20_000);
    expect(second.members().map(({ name }) => name)).toContain("b");
  });

  it("reports metrics to the application's collector", async () => {
    const seen = { increment: new Set<string>(), gauge: new Set<string>(), sample: new Set<string>() };
    const metrics: Metrics = {
      increment: (name, value) => void (value > 0 && seen.increment.add(name)),
      gauge: (name) => void seen.gauge.add(name),
      sample: (name) => void seen.sample.add(name),
    };
    const a = await inThread("a", { metrics });
    await join(a, await onLoop("b"));
    const expected = ["memberlist.udp.sent", "memberlist.udp.received"];
    await until(() => expected.every((name) => seen.increment.has(name)), "the counters", 20_000);
    await until(() => seen.gauge.size > 0 && seen.sample.size > 0, "gauges and samples", 20_000);
    expect([...seen.increment, ...seen.gauge, ...seen.sample].every((name) => name.startsWith("memberlist."))).toBe(true);
  });

  it("rotates keys, switches encryption and updates metadata while it runs", async () => {
    const [old, next] = [pattern(32), pattern(48).subarray(16)] as [Uint8Array, Uint8Array];
    const rings = [new Keyring([], old), new Keyring([], old)] as const;
    const received: string[] = [];
    const a = await inThread("a", { keyring: rings[0] });
    const b = await onLoop("b", { keyring: rings[1], delegate: { notifyMsg: (message) => void received.push(text(message)) } });
    await join(a, b);
    for (const ring of rings) ring.addKey(next);
    for (const ring of rings) ring.useKey(next);
    for (const ring of rings) ring.removeKey(old);
    await a.sendReliable(b.localNode(), bytes("by the new key"));
    await until(() => received.length === 1, "the message");
    b.setGossipVerify({ incoming: false });
    a.setGossipVerify({ outgoing: false });
    a.sendBestEffort(b.localNode(), bytes("in clear"));
    await until(() => received.length === 2, "the message in clear");
    expect(received).toEqual(["by the new key", "in clear"]);
    await a.updateNode({ meta: bytes("newer") });
    expect(text(a.localNode().meta)).toBe("newer");
    await until(() => text(b.get("a")?.meta) === "newer", "the metadata");
  });

  it("decides by the policy of the module", async () => {
    const a = await inThread("a", {}, { module: policy });
    await join(await onLoop("b"), a);
    const banned = await onLoop("banned");
    await banned.join([seed(a)]);
    const unmerged = await onLoop("unmerged");
    await expect(a.join([seed(unmerged)])).rejects.toMatchObject({ code: "join_failed", cause: { code: "merge_refused" } });
    const c = await onLoop("c");
    await c.join([seed(a)]);
    await until(() => c.get("banned") !== undefined && a.get("c") !== undefined, "the others to accept it", 20_000);
    expect(a.get("banned")).toBeUndefined();
  });

  it("fails with the codes, causes and details of a member on the event loop", async () => {
    const { a } = await pair();
    const other = await onLoop("other", { label: "green" });
    const error = await a.join([seed(other), "127.0.0.1:1"], { timeout: 20_000 }).catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(JoinError);
    const { attempts, cause, code } = error as JoinError;
    expect(code).toBe("join_failed");
    expect(attempts).toHaveLength(2);
    expect(cause).toMatchObject({ code: expect.any(String) as string });
    expect(attempts[1]?.error).toMatchObject({ code: "dial_failed", details: { errno: "ECONNREFUSED" } });
    expect(await outcome(a.ping("127.0.0.1:1"))).toBe("no_ping_response");
    expect(await outcome(a.updateNode({ meta: pattern(513) }))).toBe("meta_too_large");
    expect(() => a.setGossipVerify({ incoming: false })).toThrow(expect.objectContaining({ code: "unsupported" }) as Error);
  });

  it("stops waiting when a signal is aborted, with the reason as the cause", async () => {
    const { a, b } = await pair();
    const reason = new Error("enough");
    const abort = new AbortController();
    const provider = () => new Promise<readonly string[]>((_resolve) => abort.abort(reason));
    await expect(a.join([provider], { signal: abort.signal })).rejects.toMatchObject({ code: "aborted", cause: reason });
    const aborted = a.sendReliable(b.localNode(), pattern(6 * 1024 * 1024), { signal: AbortSignal.abort(reason) });
    await expect(aborted).rejects.toMatchObject({ code: "aborted", cause: reason });
  });

  it("asks seeds that are functions, and the application's advertiseAddr", async () => {
    const b = await onLoop("b");
    const a = await inThread("a", { advertiseAddr: () => Promise.resolve("127.0.0.1") });
    expect(a.localNode().addr).toBe("127.0.0.1");
    const seeds = [({ timeout }: { readonly timeout: number }) => Promise.resolve(timeout > 0 ? [seed(b)] : [])];
    expect(await a.join(seeds)).toMatchObject({ reached: 1 });
  });

  it("leaves, and fails with shutdown afterwards", async () => {
    const { a, b } = await pair();
    await a.leave({ timeout: 20_000 });
    await until(() => b.get("a")?.state === "left", "the leave", 20_000);
    await a.shutdown();
    expect(await outcome(a.sendReliable(b.localNode(), bytes("late")))).toBe("shutdown");
    expect(a.toJSON().state).toBe("shutdown");
  });
});

describe("the config of a member in a thread", () => {
  it.each([
    [{ alive: { notifyAlive: () => undefined } }, "alive must be left out with thread"],
    [{ selectNodes: (_purpose: string, all: readonly Node[]) => all }, "selectNodes must be left out with thread"],
    [{ workers: { threads: () => 1 } }, "workers.threads must be left out with thread"],
    [{ thread: { modul: policy } }, "did you mean module?"],
    [{ thread: "perhaps" }, 'thread: must be true, false, "prefer", or an object'],
    [{ thread: 1 }, 'thread: must be true, false, "prefer", or an object'],
    [{ thread: { module: policy.href } }, "thread.module: must be a URL object"],
    [{ thread: { applicationTimeout: -1 } }, "applicationTimeout"],
    [{ workers: { threads: 0 } }, "workers.threads"],
    [{ probInterval: 1 }, "did you mean probeInterval?"],
  ])("refuses a config that cannot be sent to a thread, by the name of its field: %o", async (fields, message) => {
    const config = { ...testConfig("a"), thread: { entry: entry() }, ...(fields as object) };
    const error: unknown = await createMemberlist(config).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: "invalid_config", message: expect.stringContaining(message) as string });
  });

  it("fails to start as on the event loop: a port that is taken, metadata that is too long", async () => {
    const a = await onLoop("a");
    const taken = inThread("b", { bindPort: a.localNode().port });
    await expect(taken).rejects.toMatchObject({ code: "bind_failed", details: { errno: "EADDRINUSE" } });
    expect(await outcome(inThread("b", { delegate: { nodeMeta: () => pattern(600) } }))).toBe("meta_too_large");
  });

  it("names a module that cannot be loaded", async () => {
    const missing = new URL("./fixtures/no-such-policy.mjs", import.meta.url);
    const start = inThread("a", {}, { module: missing });
    await expect(start).rejects.toMatchObject({
      code: "invalid_config",
      message: expect.stringContaining("no-such-policy") as string,
    });
  });
});

import { AsyncLocalStorage } from "node:async_hooks";
import * as channels from "node:diagnostics_channel";
import { afterEach, describe, expect, it } from "vitest";
import { createInstrumented } from "../../src/internal.ts";
import { decodeKey, generateKey, lanConfig, type Config, type Memberlist } from "../../src/index.ts";
import { Diagnostics } from "../../src/ports/diagnostics.ts";
import { bytes, Cluster, text } from "./cluster.ts";

interface TestMember {
  readonly members: Memberlist;
  readonly seed: string;
}

let one = new Cluster();
const started: Memberlist[] = [];
const unsubscribe: (() => void)[] = [];

/** Members on a memory network, with the runtime's channels. */
async function start(name: string, config: Partial<Config> = {}): Promise<TestMember> {
  const ignore = (): void => undefined;
  const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
  const transport = one.network.transport();
  const base = { ...lanConfig(), name, logger, transport, clock: one.clock, random: one.random.fork() };
  const members = await createInstrumented({ ...base, ...config }, { diagnostics: channels });
  started.push(members);
  return { members, seed: `${name}/${transport.key}` };
}

async function pair(mine: Partial<Config> = {}): Promise<[TestMember, TestMember]> {
  const [a, b] = [await start("a", mine), await start("b")];
  await one.settle(a.members.join([b.seed]));
  await one.advance(100);
  return [a, b];
}

/** What member `node` publishes on a plain channel. */
function listen(name: string, node: string = "a"): Record<string, unknown>[] {
  const messages: Record<string, unknown>[] = [];
  const note = (message: unknown): void => {
    const fields = message as Record<string, unknown>;
    if (fields["node"] === node) messages.push({ ...fields });
  };
  channels.subscribe(name, note);
  unsubscribe.push(() => channels.unsubscribe(name, note));
  return messages;
}

type Traced = [event: string, message: Record<string, unknown>];

/** The events of an operation of member `node`, each with a copy of its message. */
function trace(name: string, node: string = "a"): Traced[] {
  const events: Traced[] = [];
  const on =
    (event: string) =>
    (message: unknown): void => {
      const fields = message as Record<string, unknown>;
      if (fields["node"] === node) events.push([event, { ...fields }]);
    };
  const [start, end, error] = [on("start"), on("end"), on("error")];
  const subscribers = { start, end, asyncStart: on("asyncStart"), asyncEnd: on("asyncEnd"), error };
  const channel = channels.tracingChannel(name);
  channel.subscribe(subscribers);
  unsubscribe.push(() => channel.unsubscribe(subscribers));
  return events;
}

const eventsOf = (events: readonly Traced[]): string[] => events.map(([event]) => event);

afterEach(async () => {
  for (const stop of unsubscribe.splice(0)) stop();
  for (const members of started.splice(0)) await members.shutdown();
  await one.advance(1_000);
  one = new Cluster();
});

describe("a member with diagnostics channels", () => {
  it("traces a join and its push/pull, at both ends, with sizes and without nodes", async () => {
    const [joins, mine, theirs] = [trace("memberlist:join"), trace("memberlist:pushPull"), trace("memberlist:pushPull", "b")];
    const [, b] = await pair();
    expect(eventsOf(joins)).toEqual(["start", "end", "asyncStart", "asyncEnd"]);
    expect(joins[0]?.[1]).toEqual({ node: "a", seeds: [b.seed] });
    expect(joins[3]?.[1]).toEqual({ node: "a", seeds: [b.seed], result: { reached: 1, attempts: 1 } });
    expect(eventsOf(mine)).toEqual(["start", "end", "asyncStart", "asyncEnd"]);
    const address = b.seed.slice(2);
    expect(mine[3]?.[1]).toEqual({
      node: "a",
      direction: "out",
      address,
      peer: "b",
      join: true,
      result: { nodes: 1, different: 1, skipped: 0, userStateBytes: 0 },
    });
    expect(theirs[0]?.[1]).toMatchObject({ node: "b", direction: "in", peer: "" });
    expect(eventsOf(theirs)).toEqual(["start", "end", "asyncStart", "asyncEnd"]);
  });

  it("reports the error of an operation", async () => {
    const joins = trace("memberlist:join");
    const a = await start("a");
    await expect(one.settle(a.members.join(["10.9.9.9:7946"]))).rejects.toMatchObject({ code: "join_failed" });
    expect(eventsOf(joins)).toEqual(["start", "end", "error", "asyncStart", "asyncEnd"]);
    expect(joins[4]?.[1]["error"]).toMatchObject({ code: "join_failed" });
  });

  it("traces probes, with the kind of answer", async () => {
    const [a, b] = await pair({ disableTcpPings: true });
    const probes = trace("memberlist:probe");
    await one.until(() => probes.length >= 4);
    expect(eventsOf(probes)).toEqual(["start", "end", "asyncStart", "asyncEnd"]);
    expect(probes[3]?.[1]).toEqual({ node: "a", address: b.seed.slice(2), peer: "b", result: { answer: "direct", rtt: 2 } });
    await b.members.shutdown();
    await one.until(() => a.members.get("b")?.state === "suspect");
    const [, last] = probes.findLast(([event]) => event === "asyncEnd") as Traced;
    expect(last).toMatchObject({ peer: "b", result: { answer: "none", rtt: undefined } });
  });

  it("traces calls of ping and sendReliable, and reports sendBestEffort and packets", async () => {
    const [a, b] = await pair();
    const [pings, sends] = [trace("memberlist:ping"), trace("memberlist:sendReliable")];
    const [messages, sent] = [listen("memberlist:sendBestEffort"), listen("memberlist:packetSent")];
    const received = listen("memberlist:packetReceived", "b");
    const address = b.seed.slice(2);
    await one.settle(a.members.ping(b.seed));
    expect(pings.at(-1)).toEqual(["asyncEnd", { node: "a", address, peer: "b", result: { rtt: 2 } }]);
    await one.settle(a.members.sendReliable(b.seed, bytes("12345")));
    expect(sends.at(-1)).toEqual(["asyncEnd", { node: "a", address, peer: "b", size: 5, result: undefined }]);
    sent.length = 0;
    received.length = 0;
    for (let i = 0; i < 3; i++) a.members.sendBestEffort(b.seed, bytes("abc"));
    await one.advance(10);
    expect(messages).toEqual(Array.from({ length: 3 }, () => ({ node: "a", address, peer: "b", size: 3 })));
    expect(sent).toMatchObject([{ node: "a", address, peer: "b", messages: 3 }]);
    expect(received).toMatchObject([{ node: "b", size: sent[0]?.["size"] }]);
  });

  it("traces calls of delegates that exist, and their errors", async () => {
    const calls = trace("memberlist:delegate");
    const fail = (): never => {
      throw new Error("delegate is broken");
    };
    const [, b] = await pair({ delegate: { notifyMsg: fail, localState: () => bytes("state") } });
    const called = (): unknown[] => calls.filter(([event]) => event === "start").map(([, { method }]) => method);
    expect(new Set(called())).toEqual(new Set(["localState"]));
    b.members.sendBestEffort((started[0] as Memberlist).localNode(), bytes("x"));
    calls.length = 0;
    await one.advance(10);
    expect(calls).toMatchObject([
      ["start", { node: "a", method: "notifyMsg" }],
      ["error", { error: { message: "delegate is broken" } }],
      ["end", { method: "notifyMsg" }],
    ]);
    expect(started[0]?.counters()["delegate_failed"]).toBe(1);
  });

  it("traces the onMessage of a channel, and no notifyMsg, for a message of the channel", async () => {
    const calls = trace("memberlist:delegate", "b");
    const [a, b] = [await start("a"), await start("b", { delegate: { notifyMsg: () => undefined } })];
    b.members.channel("prices", { onMessage: () => undefined });
    await one.settle(a.members.channel("prices").sendReliable(b.seed, bytes("tea 3.20")));
    await one.advance(100);
    expect(calls.map(([event, { method }]) => [event, method])).toEqual([
      ["start", "onMessage of channel prices"],
      ["end", "onMessage of channel prices"],
    ]);
  });

  it("reports drops with the counter and the sender", async () => {
    const drops = listen("memberlist:drop");
    const a = await start("a");
    const stranger = one.network.transport();
    const { addr: host, port } = a.members.localNode();
    stranger.writeTo(Uint8Array.of(99), { host, port, name: "" });
    await one.advance(10);
    expect(drops).toEqual([{ node: "a", counter: "dropped.unknown_type", count: 1, from: stranger.key }]);
    await stranger.shutdown();
  });

  it("keeps a subscriber's store through an asynchronous operation", async () => {
    const storage = new AsyncLocalStorage<string>();
    const { start: begun } = channels.tracingChannel("memberlist:join");
    begun.bindStore(storage, () => "the join");
    const seen: unknown[] = [];
    const note = (): void => void seen.push(storage.getStore());
    channels.subscribe("tracing:memberlist:pushPull:start", note);
    unsubscribe.push(
      () => void begun.unbindStore(storage),
      () => channels.unsubscribe("tracing:memberlist:pushPull:start", note),
    );
    await pair();
    // The push/pull that serves the join begins apart from it.
    expect(seen).toEqual(["the join", undefined]);
  });

  it("publishes all events of an operation with the subscriber's store", async () => {
    const storage = new AsyncLocalStorage<string>();
    const { join, delegate } = new Diagnostics("a", channels);
    const seen: unknown[] = [];
    for (const name of ["memberlist:join", "memberlist:delegate"]) {
      const { start: begun } = channels.tracingChannel(name);
      begun.bindStore(storage, () => name);
      unsubscribe.push(() => void begun.unbindStore(storage));
      for (const event of ["start", "end", "asyncStart", "asyncEnd", "error"]) {
        const note = (): void => void seen.push([event, storage.getStore()]);
        channels.subscribe(`tracing:${name}:${event}`, note);
        unsubscribe.push(() => channels.unsubscribe(`tracing:${name}:${event}`, note));
      }
    }
    const fail = (): never => {
      throw new Error("it failed");
    };
    const joining = join.trace(
      () => ({ node: "a", seeds: [] }),
      () => Promise.resolve().then(fail),
    );
    await expect(joining).rejects.toThrow("it failed");
    expect(() => delegate.traceSync(() => ({ node: "a", method: "notifyMsg" }), fail)).toThrow("it failed");
    const events = (name: string, of: readonly string[]): unknown[] => of.map((event) => [event, name]);
    expect(seen).toEqual([
      ...events("memberlist:join", ["start", "end", "error", "asyncStart", "asyncEnd"]),
      ...events("memberlist:delegate", ["start", "error", "end"]),
    ]);
  });

  it("shows no keys and no payloads in its messages", async () => {
    const secretKey = decodeKey(generateKey());
    const all: unknown[] = [];
    const operations = ["join", "pushPull", "probe", "ping", "sendReliable", "delegate"];
    const events = ["start", "end", "asyncStart", "asyncEnd", "error"];
    const names = [
      ...operations.flatMap((name) => events.map((event) => `tracing:memberlist:${name}:${event}`)),
      ...["sendBestEffort", "packetSent", "packetReceived", "drop"].map((name) => `memberlist:${name}`),
    ];
    for (const name of names) {
      const note = (message: unknown): void => void all.push(message);
      channels.subscribe(name, note);
      unsubscribe.push(() => channels.unsubscribe(name, note));
    }
    const payload = bytes("the payload");
    const delegate = { localState: () => payload, notifyMsg: () => undefined };
    const [a, b] = [await start("a", { secretKey, delegate, meta: payload }), await start("b", { secretKey, delegate })];
    await one.settle(a.members.join([b.seed]));
    await one.settle(a.members.sendReliable(b.seed, payload));
    a.members.sendBestEffort(b.seed, payload);
    await one.advance(3_000);
    expect(all.length).toBeGreaterThan(50);
    const holdsBytes = (value: unknown): boolean =>
      value instanceof Uint8Array || (typeof value === "object" && value !== null && Object.values(value).some(holdsBytes));
    expect(all.filter(holdsBytes)).toEqual([]);
    expect(JSON.stringify(all)).not.toContain(text(payload));
  });

  it("makes no messages without a subscriber", () => {
    const { join, delegate, drop, packetSent } = new Diagnostics("a", channels);
    const fail = (): never => {
      throw new Error("a message was made");
    };
    const result = Promise.resolve(1);
    expect(join.trace(fail, () => result)).toBe(result);
    expect(delegate.traceSync(fail, () => 2)).toBe(2);
    expect([join.isOn, delegate.isOn, drop.hasSubscribers, packetSent.hasSubscribers]).toEqual([false, false, false, false]);
  });
});

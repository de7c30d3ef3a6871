import { expect, it } from "vitest";
import { MemberlistError, Keyring, TransmitLimitedQueue, type Delegate, type MemberEvent } from "../../src/index.ts";
import { bytes, clusters, codes, outcome, text, type TestNode, itOnEventLoop } from "./cluster.ts";

const cluster = clusters();

function noting(got: string[]): Delegate {
  return { notifyMsg: (message) => void got.push(text(message)) };
}

function listener(lengths: number[]): Delegate {
  return { notifyMsg: (message) => void lengths.push(message.length) };
}

it("reaches every other member if each broadcasts new messages on, and copies the caller's bytes", async () => {
  const one = cluster();
  const got: string[][] = Array.from({ length: 20 }, () => []);
  const nodes: TestNode[] = [];
  const failures: unknown[] = [];
  const delegate = (i: number): Delegate => ({
    notifyMsg: (message) => {
      const words = got[i] as string[];
      words.push(text(message));
      if (words.length === 1) nodes[i]?.members.broadcast(message).catch((error: unknown) => failures.push(error));
    },
  });
  nodes.push(...(await one.joined(20, (i) => ({ delegate: delegate(i) }))));
  await one.advance(10_000);
  const message = bytes("hello");
  expect(await nodes[0]?.members.broadcast(message)).toEqual({ via: "gossip", queued: true });
  message.fill(0);
  await one.until(() => got.slice(1).every((words) => words.includes("hello")));
  expect(got.flat().every((word) => word === "hello")).toBe(true);
  expect(failures).toEqual([]);
});

it("goes out with the next gossip round, even after a long idle time", async () => {
  const one = cluster();
  const got: string[] = [];
  const [a] = (await one.joined(2, (i) => ({
    probeInterval: 0,
    gossipInterval: 200,
    ...(i === 0 ? {} : { delegate: noting(got) }),
  }))) as [TestNode];
  await one.advance(60_000);
  for (const word of ["first", "second"]) {
    await a.members.broadcast(bytes(word));
    expect(await one.until(() => got.includes(word))).toBeLessThan(250);
    await one.advance(60_000);
  }
});

it("throws `left` after leave, and works again after a join", async () => {
  const one = cluster();
  const got: string[] = [];
  const [a, b] = (await one.joined(2, (i) => (i === 0 ? {} : { delegate: noting(got) }))) as [TestNode, TestNode];
  await one.settle(a.members.leave());
  expect(await outcome(a.members.broadcast(bytes("late")))).toBe("left");
  await one.settle(a.members.join([b.address]));
  await a.members.broadcast(bytes("again"));
  await one.until(() => got.includes("again"));
  expect(got).not.toContain("late");
});

it("replaces a queued message with a newer one of the same name", async () => {
  const one = cluster();
  const got: string[] = [];
  const [a] = (await one.joined(2, (i) => (i === 0 ? {} : { delegate: noting(got) }))) as [TestNode];
  for (const word of ["old", "new"]) await a.members.broadcast(bytes(word), { name: "topic" });
  await a.members.broadcast(bytes("other"), { name: "other" });
  await one.advance(10_000);
  expect(new Set(got)).toEqual(new Set(["new", "other"]));
});

it("shares packets with the delegate's broadcasts, and neither starves the other", async () => {
  const one = cluster();
  const got: string[] = [];
  const filling: Delegate = { getBroadcasts: (overhead, limit) => [new Uint8Array(limit - overhead)] };
  const [a] = (await one.joined(2, (i) => ({ delegate: i === 0 ? filling : noting(got), enableCompression: false }))) as [
    TestNode,
  ];
  await a.members.broadcast(bytes("mine"));
  await one.advance(10_000);
  expect(got).toContain("mine");
  expect(got.filter((word) => word !== "mine").length).toBeGreaterThan(10);
  expect(a.members.counters()).not.toHaveProperty("dropped.broadcast_over_limit");
});

it("accepts a message of maxPayload bytes, and refuses a longer one with its size and the limit", async () => {
  const one = cluster();
  const lengths: number[] = [];
  const [a] = (await one.joined(2, (i) => (i === 0 ? {} : { delegate: listener(lengths) }))) as [TestNode];
  const limit = a.members.maxPayload();
  const refused = a.members.broadcast(new Uint8Array(limit + 1));
  await expect(refused).rejects.toMatchObject({
    code: "message_too_large",
    details: { size: limit + 1, limit },
    stateChanged: false,
  });
  await a.members.broadcast(new Uint8Array(limit));
  await one.advance(30_000);
  expect(new Set(lengths)).toEqual(new Set([limit]));
});

it("sends a message over maxPayload by stream if asked, and lists the members it reached", async () => {
  const one = cluster();
  const lengths: number[] = [];
  const nodes = await one.joined(12, (i) => (i === 0 ? {} : { delegate: listener(lengths) }));
  const [a, b] = nodes as [TestNode, TestNode];
  await b.members.shutdown();
  await a.members.broadcast(bytes("waits"), { name: "state" });
  const sending = a.members.broadcast(new Uint8Array(100_000), { name: "state", whenTooLong: "stream" });
  const result = await one.settle(sending);
  if (result.via !== "stream") throw new Error("it went by gossip");
  expect(result.reached).toBe(10);
  expect(result.deliveries.map(({ node }) => node.name).toSorted()).toEqual(
    nodes
      .slice(1)
      .map(({ name }) => name)
      .toSorted(),
  );
  expect(result.deliveries.filter(({ error }) => error !== undefined)).toMatchObject([
    { node: { name: b.name }, error: { code: "dial_failed" } },
  ]);
  await one.advance(5_000);
  // The older message of that name does not arrive afterwards.
  expect(lengths).toEqual(Array.from({ length: 10 }, () => 100_000));
});

it("gossips a short message under any whenTooLong", async () => {
  const { members } = await cluster().start();
  expect(await members.broadcast(bytes("x"), { whenTooLong: "stream" })).toEqual({ via: "gossip", queued: true });
});

it("stops sending over streams on abort, and lists the members that have the message", async () => {
  const one = cluster();
  const [a] = (await one.joined(3)) as [TestNode];
  const caught: Promise<unknown> = a.members
    .broadcast(new Uint8Array(5_000), { whenTooLong: "stream", signal: AbortSignal.abort() })
    .catch((error: unknown) => error);
  const error = await one.settle(caught);
  expect(error).toBeInstanceOf(MemberlistError);
  expect(error).toMatchObject({ code: "aborted", details: { deliveries: [] }, stateChanged: false });
});

it("refuses an invalid message, name or policy, and every call after the shutdown", async () => {
  const { members } = await cluster().start();
  expect(await outcome(members.broadcast("text" as never))).toBe("invalid_argument");
  expect(await outcome(members.broadcast(bytes("x"), { name: 5 as never }))).toBe("invalid_argument");
  expect(await outcome(members.broadcast(bytes("x"), { whenTooLong: "drop" as never }))).toBe("invalid_argument");
  await members.shutdown();
  expect(await outcome(members.broadcast(bytes("x")))).toBe("shutdown");
});

it.each([
  ["dropOldest", "broadcast_dropped.oldest", { via: "gossip", queued: true }],
  ["dropMostSent", "broadcast_dropped.most_sent", { via: "gossip", queued: true }],
  ["dropNewest", "broadcast_dropped.newest", { via: "gossip", queued: false }],
  ["reject", "broadcast_dropped.rejected", "queue_full"],
] as const)(
  "counts every message that a full queue drops, and reports them at a bounded rate: %s",
  async (whenFull, counter, expected) => {
    const one = cluster();
    const { members, log } = await one.start({ broadcastQueue: { maxCount: 3, whenFull } });
    const notified: MemberEvent[] = [];
    const reading = (async () => {
      for await (const event of members.events()) notified.push(event);
    })();
    const outcomes: unknown[] = [];
    for (let i = 0; i < 53; i++) {
      outcomes.push(await members.broadcast(bytes("abcd")).catch((error: unknown) => (error as MemberlistError).code));
    }
    await one.advance(1_000);
    await members.broadcast(bytes("abcd")).catch(() => undefined);
    expect(outcomes.slice(0, 3)).toEqual(Array.from({ length: 3 }, () => ({ via: "gossip", queued: true })));
    expect(outcomes.slice(3)).toEqual(Array.from({ length: 50 }, () => expected));
    expect(members.counters()).toMatchObject({ [counter]: 51 });
    await members.shutdown();
    await reading;
    const full = notified.filter(({ type }) => type === "queue_full");
    expect(full).toHaveLength(11);
    expect(full.at(-1)).toMatchObject({ policy: whenFull, count: 3, bytes: 12, suppressed: 40 });
    expect(log.filter(({ fields }) => fields.code === "queue_full")).toHaveLength(11);
  },
);

itOnEventLoop("drops and reports queued broadcasts that no longer fit a packet once encryption is on", async () => {
  const one = cluster();
  const got: string[] = [];
  const lost: string[] = [];
  const sizes = (): number => nodes[0]?.members.maxPayload() ?? Infinity;
  const queue = new TransmitLimitedQueue({
    numNodes: () => 2,
    maxPayload: sizes,
    retransmitMult: 4,
    onDropped: ({ message }, why) => void lost.push(`${why} ${message.length}`),
  });
  const delegate: Delegate = { getBroadcasts: (overhead, limit) => queue.getBroadcasts(overhead, limit) };
  const base = { gossipInterval: 1_000, gossipVerifyOutgoing: false, gossipVerifyIncoming: false };
  const keyring = (): Keyring => new Keyring([], new Uint8Array(16));
  const nodes: TestNode[] = await one.joined(2, (i) => ({
    ...base,
    keyring: keyring(),
    delegate: i === 0 ? delegate : noting(got),
  }));
  const [a] = nodes as [TestNode];
  await one.until(() => a.members.numQueuedBroadcasts() === 0);
  const limit = a.members.maxPayload();
  expect(() => queue.queueBroadcast({ message: new Uint8Array(limit + 1) })).toThrow(
    /exceeds maxPayload \(\d+ bytes\): shorten it/,
  );
  let finished = 0;
  queue.queueBroadcast({ message: new Uint8Array(limit), finished: () => void finished++ });
  queue.queueBroadcast({ message: bytes("short") });
  await a.members.broadcast(new Uint8Array(limit));
  a.members.setGossipVerify({ outgoing: true });
  expect(a.members.maxPayload()).toBeLessThan(limit);
  await one.advance(10_000);
  expect(new Set(got)).toEqual(new Set(["short"]));
  expect(lost).toEqual([`tooLong ${limit}`]);
  expect(finished).toBe(1);
  expect(queue.counters()).toMatchObject({ count: 0, droppedTooLong: 1 });
  expect(a.members.counters()).toMatchObject({ "broadcast_dropped.too_long": 1 });
  expect(codes(a).filter((code) => code === "broadcast_too_long")).toHaveLength(1);
});

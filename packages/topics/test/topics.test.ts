import { MemberlistError } from "@memberlist/core";
import { describe, expect, it } from "vitest";
import { createTopics } from "../src/index.ts";
import { decodePacket, encodePacket } from "../src/wire.ts";
import { TopicsCluster } from "./cluster.ts";

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "ok";
  } catch (error) {
    return error instanceof MemberlistError ? error.code : String(error);
  }
}

describe("a published message", () => {
  it("reaches every member once and in the order of its sender, at 20 % loss", async () => {
    const cluster = await TopicsCluster.of({ nodes: 12, start: "preloaded", loss: 0.2 });
    const publishers = ["node-0", "node-5", "node-11"];
    for (const i of numbers(40)) {
      for (const publisher of publishers) await cluster.publish(publisher, i);
      await cluster.sim.clock.advance(50);
    }
    await cluster.untilAllHave(120);
    await cluster.sim.clock.advance(60_000);
    for (const name of cluster.sim.names) {
      for (const publisher of publishers) expect(cluster.texts(name, publisher)).toEqual(numbers(40));
      expect(cluster.of(name).got).toHaveLength(120);
    }
    expect(cluster.of("node-3").got.find(({ sender }) => sender === "node-0")).toMatchObject({
      topic: "prices",
      sender: "node-0",
      isRetained: false,
    });
    await cluster.end();
  });

  it("reaches only the subscribers of its topic", async () => {
    const cluster = await TopicsCluster.of({ nodes: 3, start: "preloaded" });
    const { topics } = cluster.of("node-1");
    const other: unknown[] = [];
    const subscription = topics.subscribe("weather", (message) => void other.push(message.json()));
    await cluster.sim.clock.settle(cluster.of("node-0").topics.publish("weather", "rain"));
    await cluster.publish("node-0", "text");
    await cluster.untilAllHave(1);
    expect([other, cluster.texts("node-1")]).toEqual([["rain"], ["text"]]);
    subscription.unsubscribe();
    await cluster.sim.clock.settle(cluster.of("node-0").topics.publish("weather", "sun"));
    await cluster.sim.clock.advance(5_000);
    expect(other).toEqual(["rain"]);
    await cluster.end();
  });

  it("travels over streams along a tree if it is long, at most four from each member", async () => {
    const cluster = await TopicsCluster.of({ nodes: 60, start: "preloaded", config: { pushPullInterval: 0 } });
    const payload = new Uint8Array(100_000).fill(7);
    const opened = (): number[] => cluster.sim.names.map((name) => cluster.sim.node(name).members.traffic().streamsOpened);
    const before = opened();
    await cluster.publish("node-30", payload);
    await cluster.untilAllHave(1, 5_000);
    expect(Math.max(...opened().map((count, i) => count - (before[i] ?? 0)))).toBeLessThanOrEqual(4);
    for (const { got } of cluster.subscribers.values()) expect(got.map((message) => message.payload.length)).toEqual([100_000]);
    await cluster.end();
  });

  it("reaches the members behind one that is cut off in the tree", async () => {
    const cluster = await TopicsCluster.of({ nodes: 30, start: "preloaded" });
    cluster.sim.network.partition(["node-1", "node-12"]);
    const others = cluster.sim.names.filter((name) => name !== "node-1" && name !== "node-12");
    const published = cluster.of("node-0").topics.publish("prices", new Uint8Array(50_000));
    await cluster.untilAllHave(1, 60_000, others);
    expect(await cluster.sim.clock.settle(published, { limit: 60_000 })).toBe(true);
    expect([cluster.of("node-1").got, cluster.of("node-12").got]).toEqual([[], []]);
    await cluster.end();
  });

  it("reaches both sides of a partition of 60 s within a round of push/pulls of its end", async () => {
    const cluster = await TopicsCluster.of({ nodes: 12, seed: 4, start: "preloaded" });
    const left = cluster.sim.names.slice(0, 5);
    cluster.sim.network.partition(left);
    for (const i of numbers(60)) {
      await cluster.publish("node-1", i);
      await cluster.publish("node-9", i);
      await cluster.sim.clock.advance(1_000);
    }
    expect(cluster.texts("node-9", "node-1")).toEqual([]);
    cluster.sim.network.heal();
    // Healing by itself, and not by a join.
    await cluster.sim.clock.runUntil(() => cluster.sim.agrees(), { limit: 300_000 });
    const took = await cluster.untilAllHave(120, 30_000);
    expect(took).toBeLessThan(30_000);
    for (const name of cluster.sim.names) {
      expect(cluster.texts(name, "node-1")).toEqual(numbers(60));
      expect(cluster.texts(name, "node-9")).toEqual(numbers(60));
      expect(cluster.of(name).topics.counters().missed).toBe(0);
    }
    await cluster.end();
  });

  it("reaches a member from others if its publisher does not answer", async () => {
    const cluster = await TopicsCluster.of({ nodes: 3, start: "preloaded" });
    cluster.of("node-2").topics.close();
    const publisher = cluster.sim.node("node-2").members.channel("topics");
    const send = (to: string, sequence: number): boolean => {
      const payload = new TextEncoder().encode(String(sequence));
      const message = { origin: 1, sender: "node-2", sequence, floor: 1, age: 0, version: 0, topic: "prices", payload };
      return publisher.sendBestEffort(to, encodePacket({ type: "publish", message }));
    };
    for (const sequence of [1, 2, 3]) send("node-0", sequence);
    for (const sequence of [1, 3]) send("node-1", sequence);
    await cluster.untilAllHave(3, 10_000, ["node-0", "node-1"]);
    expect(cluster.texts("node-1")).toEqual([1, 2, 3]);
    await cluster.end();
  });

  it("counts as new after a restart of its publisher, although the sequence begins again", async () => {
    const cluster = await TopicsCluster.of({ nodes: 5 });
    await cluster.publish("node-2", "before");
    await cluster.untilAllHave(1);
    await cluster.sim.crash("node-2");
    await cluster.sim.restart("node-2");
    cluster.subscribe("node-2");
    await cluster.sim.join("node-2", ["node-0"]);
    await cluster.publish("node-2", "after");
    await cluster.untilAllHave(2);
    expect(cluster.texts("node-0")).toEqual(["before", "after"]);
    await cluster.end();
  });

  it("reaches a member within seconds that rejoins under its name after it was found dead", async () => {
    const cluster = await TopicsCluster.of({ nodes: 5 });
    await cluster.sim.crash("node-2");
    await cluster.sim.clock.runUntil(() => cluster.sim.node("node-0").members.get("node-2")?.state === "dead", { limit: 60_000 });
    await cluster.publish("node-1", "missed");
    await cluster.sim.clock.advance(20_000);
    await cluster.sim.restart("node-2");
    cluster.subscribe("node-2");
    await cluster.sim.join("node-2", ["node-0"]);
    await cluster.untilAllHave(1, 10_000, ["node-2"]);
    expect(cluster.texts("node-2")).toEqual(["missed"]);
    await cluster.end();
  });

  it("reaches a member that joins within the retention, but not one that joins later", async () => {
    const cluster = await TopicsCluster.of({ nodes: 4 }, { retention: 60_000 });
    await cluster.publish("node-0", "old");
    await cluster.sim.clock.advance(40_000);
    await cluster.publish("node-0", "young");
    await cluster.sim.clock.advance(30_000);
    await cluster.sim.add();
    cluster.subscribe("node-4");
    await cluster.sim.join("node-4", ["node-1"]);
    await cluster.untilAllHave(1, 30_000, ["node-4"]);
    await cluster.sim.clock.advance(60_000);
    expect(cluster.texts("node-4")).toEqual(["young"]);
    expect(cluster.of("node-4").topics.counters()).toMatchObject({ missed: 0, repaired: 1 });
    await cluster.end();
  });

  it("fails if it is too long, or the topic or the payload is wrong", async () => {
    const cluster = await TopicsCluster.of({ nodes: 1, start: "preloaded" }, { maxPayload: 100 });
    const { topics } = cluster.of("node-0");
    expect(await codeOf(topics.publish("prices", new Uint8Array(101)))).toBe("message_too_large");
    for (const topic of ["", "x".repeat(256), 7])
      expect(await codeOf(topics.publish(topic as string, 1))).toBe("invalid_argument");
    expect(await codeOf(topics.publish("prices", undefined))).toBe("invalid_argument");
    expect(await codeOf(topics.publish("prices", new Uint8Array(100)))).toBe("ok");
    expect(topics.counters()).toMatchObject({ published: 1, received: 1 });
    await cluster.end();
  });

  it("fails after a leave, after the close, and after the shutdown of the member", async () => {
    const cluster = await TopicsCluster.of({ nodes: 2 });
    const { topics } = cluster.of("node-1");
    await cluster.sim.clock.settle(cluster.sim.node("node-1").members.leave());
    expect(await codeOf(topics.publish("prices", 1))).toBe("left");
    topics.close();
    expect(await codeOf(topics.publish("prices", 1))).toBe("channel_closed");
    const other = cluster.of("node-0").topics;
    await cluster.sim.node("node-0").members.shutdown();
    expect(await codeOf(other.publish("prices", 1))).toBe("channel_closed");
    expect(() => other.subscribe("prices", () => {})).toThrow(/closed/);
    await cluster.end();
  });
});

describe("a retained value", () => {
  it("reaches members that join after the retention, and subscriptions that begin later", async () => {
    const cluster = await TopicsCluster.of({ nodes: 4 }, { retention: 10_000 });
    for (const value of ["first", "last"]) await cluster.publish("node-0", value, true);
    await cluster.sim.clock.advance(60_000);
    await cluster.sim.add();
    const late = cluster.subscribe("node-4");
    await cluster.sim.join("node-4", ["node-2"]);
    await cluster.untilAllHave(1, 30_000, ["node-4"]);
    expect(late.got.map((message) => [message.json(), message.isRetained])).toEqual([["last", true]]);
    const seen: unknown[] = [];
    cluster.of("node-3").topics.subscribe("prices", (message) => void seen.push([message.json(), message.isRetained]));
    expect(seen).toEqual([["last", true]]);
    await cluster.end();
  });

  it("reaches a member once that gets it as a message and as a retained value", async () => {
    const cluster = await TopicsCluster.of({ nodes: 4 });
    await cluster.publish("node-0", "value", true);
    await cluster.sim.clock.advance(5_000);
    await cluster.sim.add();
    cluster.subscribe("node-4");
    await cluster.sim.join("node-4", ["node-2"]);
    await cluster.sim.clock.advance(120_000);
    expect(cluster.texts("node-4")).toEqual(["value"]);
    await cluster.end();
  });

  it("becomes the same at all members after two of them published at once", async () => {
    const cluster = await TopicsCluster.of({ nodes: 9, start: "preloaded" });
    await Promise.all(["node-2", "node-7"].map((name) => cluster.of(name).topics.publish("prices", name, { retain: true })));
    await cluster.sim.clock.advance(60_000);
    const last = new Set(cluster.sim.names.map((name) => cluster.texts(name).at(-1)));
    expect(last.size).toBe(1);
    await cluster.end();
  });
});

describe("a subscription", () => {
  it("ends with its signal as an async iterator, and drops the oldest messages of a slow reader", async () => {
    const cluster = await TopicsCluster.of({ nodes: 1, start: "preloaded" });
    const { topics } = cluster.of("node-0");
    const abort = new AbortController();
    const messages = topics.messages("prices", { capacity: 3, signal: abort.signal });
    for (const i of numbers(5)) await topics.publish("prices", i);
    const got: unknown[] = [];
    abort.abort();
    for await (const message of messages) got.push(message.json());
    expect(got).toEqual([2, 3, 4]);
    expect(topics.counters().dropped).toBe(2);
    const open = topics.messages("prices");
    const next = open.next();
    topics.close();
    expect(await next).toEqual({ done: true, value: undefined });
    await cluster.end();
  });

  it("gets messages in one order, even those that another handler publishes", async () => {
    const cluster = await TopicsCluster.of({ nodes: 1, start: "preloaded" });
    const { topics } = cluster.of("node-0");
    const late: unknown[] = [];
    const all: unknown[] = [];
    topics.subscribe("state", (message) => {
      if (message.json() !== 1) return;
      topics.publish("state", 2).catch(() => late.push("failed"));
      topics.subscribe("state", (later) => late.push(later.json()));
    });
    topics.subscribe("state", (message) => all.push(message.json()));
    await cluster.sim.clock.settle(topics.publish("state", 1));
    await cluster.sim.clock.settle(topics.publish("state", 3));
    expect([all, late]).toEqual([[1, 2, 3], [3]]);
    await cluster.end();
  });

  it("goes on after a handler that throws or rejects", async () => {
    const cluster = await TopicsCluster.of({ nodes: 1, start: "preloaded" });
    const { got, topics } = cluster.of("node-0");
    topics.subscribe("prices", () => {
      throw new Error("wrong");
    });
    topics.subscribe("prices", () => Promise.reject(new Error("late")));
    for (const i of numbers(2)) await topics.publish("prices", i);
    await cluster.sim.clock.advance(0);
    expect(got).toHaveLength(2);
    expect(topics.counters().handlerFailed).toBe(4);
    await cluster.end();
  });
});

it("refuses wrong options, and a second instance on one channel", async () => {
  const cluster = await TopicsCluster.of({ nodes: 1, start: "preloaded" });
  const { members } = cluster.sim.node("node-0");
  expect(() => createTopics(members, { retention: -1 })).toThrow(/retention/);
  expect(() => createTopics(members, { maxPayloads: 1 } as never)).toThrow(/maxPayload/);
  expect(() => createTopics(members)).toThrow(/open already/);
  createTopics(members, { channel: "others" }).close();
  await cluster.end();
});

it("counts packets of its channel that it cannot decode", async () => {
  const cluster = await TopicsCluster.of({ nodes: 2, start: "preloaded" });
  cluster.of("node-0").topics.close();
  const channel = cluster.sim.node("node-0").members.channel("topics");
  for (const bytes of [[], [0xc1], [0x90], [0x91, 99], [0x92, 0, 0x90]]) channel.sendBestEffort("node-1", Uint8Array.from(bytes));
  await cluster.sim.clock.advance(1_000);
  expect(cluster.of("node-1").topics.counters().refused).toBe(5);
  await cluster.end();
});

it("sends nothing to addresses and members that a packet makes up", async () => {
  const cluster = await TopicsCluster.of({ nodes: 3, start: "preloaded", config: { pushPullInterval: 0 } });
  await cluster.publish("node-1", "text");
  await cluster.untilAllHave(1);
  await cluster.sim.clock.advance(30_000);
  const { members } = cluster.sim.node("node-1");
  cluster.of("node-0").topics.close();
  const channel = cluster.sim.node("node-0").members.channel("topics");
  const { addr, port } = cluster.sim.node("node-2").members.localNode();
  const made = [`${addr}:${port}`, `node-2/${addr}:${port}`, "node-9"];
  const origin = { origin: 1, sender: "node-2", floor: 1, next: 9 };
  const message = {
    origin: 1,
    sender: "x",
    sequence: 1,
    floor: 1,
    age: 0,
    version: 0,
    topic: "prices",
    payload: new Uint8Array(9),
  };
  const before = members.traffic();
  for (const member of made) {
    channel.sendBestEffort("node-1", encodePacket({ type: "digest", digest: { member, origins: [origin], retained: [] } }));
  }
  channel.sendBestEffort("node-1", encodePacket({ type: "tree", message, receivers: made }));
  await cluster.sim.clock.advance(500);
  expect(cluster.of("node-1").got).toHaveLength(2);
  expect(members.traffic().streamsOpened - before.streamsOpened).toBe(0);
  expect(cluster.of("node-2").got).toHaveLength(1);
  await cluster.end();
});

it("gives a member that joins all retained values, even if together they exceed the longest message", async () => {
  const cluster = await TopicsCluster.of({ nodes: 2, start: "preloaded" }, { maxStoredBytes: 64 * 1024 * 1024 });
  const payload = new Uint8Array(1024 * 1024);
  cluster.of("node-1").topics.close();
  for (let i = 0; i < 25; i++) {
    await cluster.sim.clock.settle(cluster.of("node-0").topics.publish(`topic-${i}`, payload, { retain: true }));
  }
  await cluster.sim.clock.advance(11 * 60_000);
  const late = cluster.subscribe("node-1");
  let got = 0;
  for (let i = 0; i < 25; i++) late.topics.subscribe(`topic-${i}`, () => void got++);
  await cluster.sim.clock.runUntil(() => got === 25, { limit: 120_000 });
  expect(late.topics.counters().refused).toBe(0);
  await cluster.end();
});

it("gives a member that joins more retained values with long topics than a packet can ask for", async () => {
  const cluster = await TopicsCluster.of({ nodes: 2, start: "preloaded" });
  cluster.of("node-1").topics.close();
  const topicOf = (i: number): string => `${i}/${"x".repeat(200)}`;
  for (let i = 0; i < 300; i++) await cluster.of("node-0").topics.publish(topicOf(i), i, { retain: true });
  await cluster.sim.clock.advance(11 * 60_000);
  const late = cluster.subscribe("node-1");
  const got: unknown[] = [];
  for (let i = 0; i < 300; i++) late.topics.subscribe(topicOf(i), (message) => void got.push(message.json()));
  // One push/pull.
  await cluster.sim.clock.advance(45_000);
  expect(got.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(300));
  await cluster.end();
});

it("gives a member that joins the messages of more publishers than a packet can ask for", async () => {
  const cluster = await TopicsCluster.of({ nodes: 3, start: "preloaded", config: { pushPullInterval: 0 } });
  cluster.of("node-2").topics.close();
  cluster.of("node-1").topics.close();
  const channel = cluster.sim.node("node-1").members.channel("topics");
  const message = { sender: "web-1", sequence: 1, floor: 1, age: 0, version: 0, topic: "prices", payload: new Uint8Array(9) };
  const messages = numbers(500).map((i) => ({ ...message, origin: 1_000 + i }));
  await cluster.sim.clock.settle(channel.sendReliable("node-0", encodePacket({ type: "repair", messages, retained: [] })));
  await cluster.sim.clock.advance(60_000);
  expect(cluster.of("node-0").got).toHaveLength(500);
  const late = cluster.subscribe("node-2");
  await cluster.sim.join("node-2", ["node-0"]);
  await cluster.sim.clock.advance(2_000);
  expect(late.got).toHaveLength(500);
  await cluster.end();
});

it("delivers the message of a publisher that was silent for longer than others remember it at once", async () => {
  const cluster = await TopicsCluster.of({ nodes: 3, start: "preloaded" }, { retention: 60_000 });
  await cluster.publish("node-0", "first");
  await cluster.sim.clock.advance(200_000);
  await cluster.publish("node-0", "second");
  await cluster.sim.clock.advance(5_000);
  for (const name of cluster.sim.names) expect(cluster.texts(name)).toEqual(["first", "second"]);
  await cluster.end();
});

it("goes on with its own messages after a forged one of its origin", async () => {
  const cluster = await TopicsCluster.of({ nodes: 2, start: "preloaded" });
  const packets: Uint8Array[] = [];
  cluster.of("node-1").topics.close();
  const channel = cluster.sim.node("node-1").members.channel("topics", { onMessage: (bytes) => void packets.push(bytes) });
  await cluster.publish("node-0", 1);
  await cluster.sim.clock.runUntil(() => packets.length > 0);
  const packet = decodePacket(packets[0] as Uint8Array);
  if (packet?.type !== "publish") throw new Error("not a message");
  const sequence = 2 ** 50;
  channel.sendBestEffort("node-0", encodePacket({ type: "publish", message: { ...packet.message, sequence, floor: sequence } }));
  await cluster.sim.clock.advance(1_000);
  await cluster.publish("node-0", 2);
  expect(cluster.texts("node-0")).toEqual([1, 2]);
  await cluster.end();
});

it("publishes newer values after a forged one with the highest version", async () => {
  const cluster = await TopicsCluster.of({ nodes: 3, start: "preloaded" });
  cluster.of("node-2").topics.close();
  const channel = cluster.sim.node("node-2").members.channel("topics");
  const payload = new TextEncoder().encode('"forged"');
  const origin = 2 ** 48;
  const message = { origin, sender: "x", sequence: 1, floor: 1, age: 0, version: 2 ** 32 - 1, topic: "prices", payload };
  for (const to of ["node-0", "node-1"]) channel.sendBestEffort(to, encodePacket({ type: "publish", message }));
  await cluster.sim.clock.advance(5_000);
  for (const value of ["real", "next"]) {
    await cluster.publish("node-0", value, true);
    await cluster.sim.clock.advance(2_000);
  }
  expect(cluster.texts("node-1")).toEqual(["forged", "real", "next"]);
  await cluster.end();
});

it("delivers each retained value once to a member that has no room for it, and the later ones of a publisher without room", async () => {
  const cluster = await TopicsCluster.of({ nodes: 2, start: "preloaded" }, { retention: 10_000, maxRetained: 1 });
  const got: unknown[] = [];
  for (const topic of ["a", "b"]) cluster.of("node-1").topics.subscribe(topic, (message) => void got.push(message.json()));
  for (const [topic, value] of Object.entries({ a: 1, b: 2 })) {
    await cluster.sim.clock.settle(cluster.of("node-0").topics.publish(topic, value, { retain: true }));
  }
  await cluster.sim.clock.advance(120_000);
  await cluster.sim.clock.settle(cluster.of("node-0").topics.publish("a", 3, { retain: true }));
  await cluster.sim.clock.advance(120_000);
  expect(got).toEqual([1, 2, 3]);
  await cluster.end();
});

it("keeps retained values up to the limit of bytes, the newest first", async () => {
  const cluster = await TopicsCluster.of({ nodes: 1, start: "preloaded" }, { maxStoredBytes: 1_000 });
  const { topics } = cluster.of("node-0");
  for (const topic of ["a", "b", "c"]) await topics.publish(topic, new Uint8Array(400), { retain: true });
  const found: string[] = [];
  for (const topic of ["a", "b", "c"]) topics.subscribe(topic, (message) => void found.push(message.topic));
  expect(found).toEqual(["b", "c"]);
  await cluster.end();
});

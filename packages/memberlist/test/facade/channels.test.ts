import { describe, expect, it } from "vitest";
import type { Channel, ChannelSender, Delegate } from "../../src/index.ts";
import { fromHex } from "../wire/hex.ts";
import { bytes, clusters, codes, outcome, text, thrown, type Cluster, type TestNode } from "./cluster.ts";

const cluster = clusters();

interface Got {
  readonly message: string;
  readonly from: ChannelSender;
}

/** Opens a channel that collects its messages. */
function collect(node: TestNode, name: string = "prices"): { channel: Channel; got: Got[]; texts: () => string[] } {
  const got: Got[] = [];
  const channel = node.members.channel(name, { onMessage: (message, from) => void got.push({ message: text(message), from }) });
  return { channel, got, texts: () => got.map(({ message }) => message) };
}

/** A delegate with an empty state. */
const noState: Delegate = { localState: () => new Uint8Array() };

describe("a message of a channel", () => {
  it("reaches the same channel of the receiver, and neither another one nor the delegate", async () => {
    const one = cluster();
    const toDelegate: string[] = [];
    const delegate: Delegate = { notifyMsg: (message) => void toDelegate.push(text(message)) };
    const [a, b] = (await one.joined(2, { delegate })) as [TestNode, TestNode];
    const { channel } = collect(a);
    const prices = collect(b);
    const stock = collect(b, "stock");
    expect(channel.sendBestEffort("node-1", bytes("by packet"))).toBe(true);
    await one.settle(channel.sendReliable(b.address, bytes("by stream")));
    a.members.sendBestEffort("node-1", bytes("for the delegate"));
    await one.until(() => prices.got.length === 2 && toDelegate.length === 1);
    expect(new Set(prices.texts())).toEqual(new Set(["by packet", "by stream"]));
    for (const { from } of prices.got) {
      expect(from).toMatchObject({ name: "node-0", isBroadcast: false, address: { host: a.transport.address.host } });
    }
    expect([stock.got, toDelegate]).toEqual([[], ["for the delegate"]]);
  });

  it("adds to a counter if the receiver does not know the channel, or has closed it", async () => {
    const one = cluster();
    const [a, b] = (await one.joined(2)) as [TestNode, TestNode];
    const { channel } = collect(a);
    const count = (): number => b.members.counters()["dropped.channel_unknown"] ?? 0;
    channel.sendBestEffort("node-1", bytes("unknown"));
    await one.until(() => count() === 1);
    const closed = collect(b);
    closed.channel.close();
    closed.channel.close();
    channel.sendBestEffort("node-1", bytes("closed"));
    await one.until(() => count() === 2);
    expect(closed.got).toEqual([]);
    const again = collect(b);
    channel.sendBestEffort("node-1", bytes("open again"));
    await one.until(() => again.got.length === 1);
  });

  it("drops and counts a message if its header is malformed", async () => {
    const one = cluster();
    const toDelegate: Uint8Array[] = [];
    const delegate: Delegate = { notifyMsg: (message) => void toDelegate.push(message) };
    const [a, b] = (await one.joined(2, { delegate })) as [TestNode, TestNode];
    a.members.sendBestEffort("node-1", fromHex("c16d6c63 01 06 70"));
    await one.until(() => b.members.counters()["dropped.bad_channel_message"] === 1);
    expect(toDelegate).toEqual([]);
  });

  it("reaches a channel that is opened as soon as the member has started, even if the message came before", async () => {
    const one = cluster();
    const a = await one.start();
    const { channel } = collect(a);
    const early = await one.start();
    // Sent before the code that awaited the start goes on.
    await one.settle(channel.sendReliable(early.address, bytes("early")));
    const { texts } = collect(early);
    await one.until(() => texts().length === 1);
    expect(texts()).toEqual(["early"]);
    expect(early.members.counters()["dropped.channel_unknown"]).toBeUndefined();
  });

  it("adds to delegate_failed if its handler throws or rejects", async () => {
    const one = cluster();
    const [a, b] = (await one.joined(2)) as [TestNode, TestNode];
    const { channel } = collect(a);
    let calls = 0;
    b.members.channel("prices", {
      onMessage: () => {
        if (++calls === 1) throw new Error("wrong");
        return Promise.reject(new Error("late")) as unknown as undefined;
      },
    });
    for (const word of ["first", "second"]) channel.sendBestEffort("node-1", bytes(word));
    await one.until(() => b.members.counters()["delegate_failed"] === 2);
    expect(codes(b)).toContain("delegate_failed");
  });
});

describe("a broadcast of a channel", () => {
  it("reaches every member once, through members that do not know the channel", async () => {
    const one = cluster(2);
    const nodes = await one.joined(40);
    const all = nodes.map((node, i) => (i === 0 || i % 2 === 1 ? collect(node) : undefined));
    const publisher = all[0] as ReturnType<typeof collect>;
    await one.settle(publisher.channel.broadcast(bytes("tea 3.20")));
    await one.until(() => all.every((each, i) => i === 0 || each === undefined || each.got.length > 0));
    await one.advance(30_000);
    for (const each of all.slice(1)) {
      if (each === undefined) continue;
      expect(each.texts()).toEqual(["tea 3.20"]);
      expect(each.got[0]?.from).toMatchObject({ name: "node-0", isBroadcast: true });
    }
    expect(publisher.got).toEqual([]);
    const unknown = nodes.filter((_, i) => all[i] === undefined);
    expect(unknown.map(({ members }) => members.counters()["dropped.channel_unknown"])).toEqual(unknown.map(() => 1));
    // Each member gets several copies.
    const copies = nodes.map(({ members }) => members.counters()["dropped.channel_duplicate"] ?? 0);
    expect(copies.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(2 * nodes.length);
    expect(nodes.map(({ members }) => members.queues().user)).toEqual(nodes.map(() => 0));
  });

  it("makes room for a newer one of the same name, here and at the members that relay it", async () => {
    const one = cluster();
    const [a, b, c] = (await one.joined(3, { gossipInterval: 0 })) as [TestNode, TestNode, TestNode];
    const { channel } = collect(a);
    const other = collect(c, "stock").channel;
    for (const word of ["old", "new"]) await one.settle(channel.broadcast(bytes(word), { name: "tea" }));
    await one.settle(channel.broadcast(bytes("other name"), { name: "milk" }));
    await one.settle(other.broadcast(bytes("other channel"), { name: "tea" }));
    await one.settle(a.members.broadcast(bytes("of the application"), { name: "tea" }));
    const waiting = (node: TestNode): Promise<number> => one.until(() => node.members.queues().user > 0);
    await waiting(a);
    expect(a.members.queues().user).toBe(3);
    expect(c.members.queues().user).toBe(1);
    expect(b.members.queues().user).toBe(0);
  });

  it("does not replace one of another channel, even if both names together read the same", async () => {
    const one = cluster();
    const [a, b] = (await one.joined(2)) as [TestNode, TestNode];
    const [got, others] = [collect(b, "shop"), collect(b, "shop/eu")];
    await collect(a, "shop").channel.broadcast(bytes("first"), { name: "eu/tea" });
    await collect(a, "shop/eu").channel.broadcast(bytes("second"), { name: "tea" });
    await one.until(() => others.got.length === 1);
    expect([got.texts(), others.texts()]).toEqual([["first"], ["second"]]);
  });

  it("reaches every member over a stream, without relaying, if it is long", async () => {
    const one = cluster();
    const nodes = await one.joined(5);
    const all = nodes.map((node) => collect(node));
    const [publisher, ...others] = all as [ReturnType<typeof collect>, ...ReturnType<typeof collect>[]];
    const long = "x".repeat(5_000);
    expect(await outcome(one.settle(publisher.channel.broadcast(bytes(long))))).toBe("message_too_large");
    const result = await one.settle(publisher.channel.broadcast(bytes(long), { whenTooLong: "stream" }));
    expect(result).toMatchObject({ via: "stream", reached: 4 });
    await one.until(() => others.every(({ got }) => got.length === 1));
    expect(nodes.map(({ members }) => members.queues().user)).toEqual([0, 0, 0, 0, 0]);
  });

  it("fits if it is as long as maxPayload, minus its name", async () => {
    const one = cluster();
    const [a] = (await one.joined(2)) as [TestNode];
    const { channel } = collect(a);
    const most = channel.maxPayload();
    expect(most).toBe(a.members.maxPayload() - (19 + "prices".length + "node-0".length));
    expect(await outcome(one.settle(channel.broadcast(new Uint8Array(most))))).toBe("ok");
    expect(await outcome(one.settle(channel.broadcast(new Uint8Array(most + 1))))).toBe("message_too_large");
    expect(await outcome(one.settle(channel.broadcast(new Uint8Array(most - 3), { name: "tea" })))).toBe("ok");
    expect(await outcome(one.settle(channel.broadcast(new Uint8Array(most - 2), { name: "tea" })))).toBe("message_too_large");
  });
});

/** Two nodes of which the second one joins the first. */
async function pair(one: Cluster, first: Delegate, second: Delegate): Promise<[TestNode, TestNode]> {
  return [await one.start({ delegate: first }), await one.start({ delegate: second })];
}

describe("the state of channels", () => {
  it("reaches the peer beside the state of the delegate", async () => {
    const one = cluster();
    const merged: string[] = [];
    const delegateOf = (name: string): Delegate => ({
      localState: () => bytes(`delegate of ${name}`),
      mergeRemoteState: (state, join) => void merged.push(`delegate ${name}: ${text(state)} ${join}`),
    });
    const [a, b] = await pair(one, delegateOf("a"), delegateOf("b"));
    for (const [name, { members }] of [
      ["a", a],
      ["b", b],
    ] as const) {
      for (const channel of ["prices", "stock"]) {
        members.channel(channel, {
          localState: (join) => Promise.resolve(bytes(`${channel} of ${name} ${join}`)),
          mergeRemoteState: (state, join) => void merged.push(`${channel} ${name}: ${text(state)} ${join}`),
        });
      }
    }
    await one.settle(b.members.join([a.seed]));
    await one.until(() => merged.length === 6);
    expect(merged.toSorted()).toEqual([
      "delegate a: delegate of b true",
      "delegate b: delegate of a true",
      "prices a: prices of b true true",
      "prices b: prices of a true true",
      "stock a: stock of b true true",
      "stock b: stock of a true true",
    ]);
  });

  it("reaches neither the delegate nor a channel without mergeRemoteState", async () => {
    const one = cluster();
    const merged: string[] = [];
    const [a, b] = await pair(one, noState, { mergeRemoteState: (state) => void merged.push(text(state)) });
    a.members.channel("prices", { localState: () => bytes("state") });
    b.members.channel("prices");
    await one.settle(b.members.join([a.seed]));
    await one.advance(1_000);
    expect(merged).toEqual([]);
    expect(b.members.counters()).toEqual({});
  });

  it("leaves the delegate's state as it is without channels, even if it looks like a trailer", async () => {
    const one = cluster();
    const merged: Uint8Array[] = [];
    const state = fromHex("0102 00000009 c16d6c73");
    const [a, b] = await pair(one, { localState: () => state }, { mergeRemoteState: (got) => void merged.push(got) });
    await one.settle(b.members.join([a.seed]));
    await one.until(() => merged.length === 1);
    expect(merged).toEqual([state]);
    expect(b.members.counters()).toEqual({ "dropped.bad_channel_state": 1 });
  });

  it("leaves out a channel that fails, is late, or has no room", async () => {
    const one = cluster();
    const merged: string[] = [];
    const [a, b] = await pair(one, {}, {});
    a.members.channel("throws", {
      localState: () => {
        throw new Error("wrong");
      },
    });
    a.members.channel("late", { localState: () => new Promise(() => {}) });
    a.members.channel("long", { localState: () => new Uint8Array(20 * 1024 * 1024) });
    a.members.channel("good", { localState: () => bytes("good state") });
    b.members.channel("good", { mergeRemoteState: (state) => void merged.push(text(state)) });
    await one.settle(b.members.join([a.seed], { timeout: 60_000 }));
    await one.until(() => merged.length === 1);
    expect(merged).toEqual(["good state"]);
    expect(a.members.counters()["delegate_failed"]).toBe(3);
  });

  it("contains no closed channel", async () => {
    const one = cluster();
    const merged: string[] = [];
    const [a, b] = await pair(one, {}, {});
    const channel = a.members.channel("prices", { localState: () => bytes("state") });
    b.members.channel("prices", { mergeRemoteState: (state) => void merged.push(text(state)) });
    channel.close();
    await one.settle(b.members.join([a.seed]));
    await one.advance(1_000);
    expect(merged).toEqual([]);
  });
});

describe("opening a channel", () => {
  it("fails for a second channel of the same name, until the first is closed", async () => {
    const { members } = await cluster().start();
    const channel = members.channel("prices");
    expect(thrown(() => members.channel("prices"))).toBe("channel_exists");
    channel.close();
    expect(members.channel("prices").name).toBe("prices");
    channel.close();
    expect(thrown(() => members.channel("prices"))).toBe("channel_exists");
  });

  it("fails for a wrong name or a wrong handler, and after the shutdown", async () => {
    const { members } = await cluster().start();
    for (const name of ["", "x".repeat(65), "é".repeat(33), 7, undefined]) {
      expect(thrown(() => members.channel(name as string))).toBe("invalid_argument");
    }
    expect(thrown(() => members.channel("prices", { onMessage: "text" } as never))).toBe("invalid_argument");
    expect(thrown(() => members.channel("prices", { onMesage: () => {} } as never))).toBe("invalid_argument");
    members.channel("é".repeat(32));
    await members.shutdown();
    expect(thrown(() => members.channel("prices"))).toBe("shutdown");
  });

  it("notifies the channel of its end once: of its close, or of the shutdown of the member", async () => {
    const { members } = await cluster().start();
    const ended: string[] = [];
    const open = (name: string): Channel => members.channel(name, { onClose: () => void ended.push(name) });
    const prices = open("prices");
    open("stock");
    prices.close();
    expect(ended).toEqual(["prices"]);
    await members.shutdown();
    prices.close();
    await members.shutdown();
    expect(ended).toEqual(["prices", "stock"]);
  });

  it("makes every call on a closed channel fail", async () => {
    const one = cluster();
    const [a] = (await one.joined(2)) as [TestNode];
    const channel = a.members.channel("prices");
    expect(await outcome(channel.broadcast("text" as never))).toBe("invalid_argument");
    expect(await outcome(channel.broadcast(bytes(""), { name: "x".repeat(256) }))).toBe("invalid_argument");
    expect(thrown(() => channel.sendBestEffort("node-1", "text" as never))).toBe("invalid_argument");
    channel.close();
    expect(thrown(() => channel.sendBestEffort("node-1", bytes("")))).toBe("channel_closed");
    expect(await outcome(channel.sendReliable("node-1", bytes("")))).toBe("channel_closed");
    expect(await outcome(channel.broadcast(bytes("")))).toBe("channel_closed");
  });
});

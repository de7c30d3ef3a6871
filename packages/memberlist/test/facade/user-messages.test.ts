import { describe, expect, it } from "vitest";
import type { Delegate } from "../../src/index.ts";
import { bytes, clusters, outcome, text, thrown, type TestNode, itOnEventLoop } from "./cluster.ts";

const cluster = clusters();

/** A delegate that records messages, and returns its broadcasts once. */
class Mailbox implements Delegate {
  readonly messages: string[] = [];
  readonly states: [string, boolean][] = [];
  broadcasts: Uint8Array[] = [];
  state = "";

  notifyMsg(message: Uint8Array): void {
    this.messages.push(text(message));
  }

  getBroadcasts(overhead: number, limit: number): Uint8Array[] {
    const fitting: Uint8Array[] = [];
    for (let free = limit; this.broadcasts.length > 0;) {
      free -= overhead + (this.broadcasts[0] as Uint8Array).length;
      if (free < 0) break;
      fitting.push(this.broadcasts.shift() as Uint8Array);
    }
    return fitting;
  }

  localState(): Uint8Array {
    return bytes(this.state);
  }

  mergeRemoteState(state: Uint8Array, join: boolean): void {
    this.states.push([text(state), join]);
  }
}

async function pair(): Promise<{ one: ReturnType<typeof cluster>; nodes: [TestNode, TestNode]; boxes: [Mailbox, Mailbox] }> {
  const one = cluster();
  const boxes: [Mailbox, Mailbox] = [new Mailbox(), new Mailbox()];
  const nodes = (await one.joined(2, (i) => ({ delegate: boxes[i] }))) as [TestNode, TestNode];
  return { one, nodes, boxes };
}

describe("user data", () => {
  it("travels with gossip as broadcasts, and in push/pulls as state [UserData]", async () => {
    const one = cluster();
    const [d1, d2] = [new Mailbox(), new Mailbox()];
    d1.state = "something";
    d2.state = "my state";
    const sent = Array.from({ length: 256 }, (_, i) => String(i));
    d2.broadcasts = sent.map(bytes);
    const a = await one.start({ gossipInterval: 100, pushPullInterval: 100, delegate: d1 });
    const b = await one.start({ gossipInterval: 100, pushPullInterval: 100, delegate: d2 });
    expect((await one.settle(b.members.join([a.seed]))).reached).toBe(1);
    expect(b.members.numMembers()).toBe(2);
    await one.until(() => d1.messages.length >= sent.length);
    expect(d1.messages.toSorted()).toEqual(sent.toSorted());
    expect(d1.states[0]).toEqual(["my state", true]);
    expect(d2.states[0]).toEqual(["something", true]);
    await one.until(() => d1.states.some(([, join]) => !join) && d2.states.some(([, join]) => !join));
  });

  it("reaches the receiver in one packet each [SendTo]", async () => {
    const { one, nodes, boxes } = await pair();
    nodes[0].members.sendBestEffort(nodes[1].seed, bytes("ping"));
    nodes[1].members.sendBestEffort({ host: "10.0.0.1", port: 7946, name: "node-0" }, bytes("pong"));
    await one.advance(1_000);
    expect(boxes.map(({ messages }) => messages)).toEqual([["pong"], ["ping"]]);
  });

  it("travels by packet or by stream [Transport_Send]", async () => {
    const { one, nodes, boxes } = await pair();
    const [a, b] = nodes;
    const to = b.members.members().find(({ name }) => name === a.name);
    if (to === undefined) throw new Error("no such member");
    b.members.sendBestEffort(a.address, bytes("to an address"));
    b.members.sendBestEffort({ host: to.addr, port: to.port, name: "" }, bytes("to an address in parts"));
    expect(b.members.sendBestEffort(to, bytes("best effort"))).toBe(true);
    await one.settle(b.members.sendReliable(to, bytes("reliable")));
    await one.settle(b.members.sendReliable(a.address, bytes("reliable, to an address")));
    await one.settle(b.members.sendReliable(to, new Uint8Array()));
    await one.advance(100);
    expect(boxes[0].messages).toEqual([
      "to an address",
      "to an address in parts",
      "best effort",
      "reliable",
      "reliable, to an address",
      "",
    ]);
  });

  it("causes an error if its receiver is unknown", async () => {
    const { nodes } = await pair();
    const { members } = nodes[0];
    const nobody = members.members().find(({ name }) => name === "no such member") as never;
    expect(thrown(() => members.sendBestEffort(nobody, bytes("x")))).toBe("invalid_argument");
    expect(thrown(() => members.sendBestEffort(null as never, bytes("x")))).toBe("invalid_argument");
    expect(await outcome(members.sendReliable(nobody, bytes("x")))).toBe("invalid_argument");
    expect(await outcome(members.ping(nobody))).toBe("invalid_argument");
  });

  it("allows any bytes and any length that fits", async () => {
    const one = cluster();
    const received: Uint8Array[] = [];
    const [a, b] = (await one.joined(2, { delegate: { notifyMsg: (message) => void received.push(message) } })) as [
      TestNode,
      TestNode,
    ];
    const message = Uint8Array.from({ length: 60_000 }, (_, i) => (i * 31 + (i >>> 8)) & 0xff);
    const to = b.members.localNode();
    a.members.sendBestEffort(to, message);
    await one.settle(a.members.sendReliable(to, message));
    await one.advance(10);
    expect(received).toEqual([message, message]);
  });

  it("keeps its order when it is sent reliably, one after the other", async () => {
    const { one, nodes, boxes } = await pair();
    const to = nodes[1].members.localNode();
    const sent = Array.from({ length: 20 }, (_, i) => `message ${i}`);
    for (const message of sent) await one.settle(nodes[0].members.sendReliable(to, bytes(message)));
    await one.advance(10);
    expect(boxes[1].messages).toEqual(sent);
  });

  itOnEventLoop("causes an error and no packet if it is too large", async () => {
    const one = cluster(1, { latency: 1 });
    const [a, b] = (await one.joined(2, { enableCompression: false, label: "l" })) as [TestNode, TestNode];
    const to = b.members.localNode();
    const { packetsSent, dials } = one.network.stats;
    expect(thrown(() => a.members.sendBestEffort(to, new Uint8Array(65_507 - 8)))).toBe("message_too_large");
    expect(thrown(() => a.members.sendBestEffort(b.address, new Uint8Array(70_000)))).toBe("message_too_large");
    expect(await outcome(a.members.sendReliable(to, new Uint8Array(20 * 1024 * 1024 + 1)))).toBe("message_too_large");
    expect(one.network.stats).toMatchObject({ packetsSent, dials });
    // A label of 1 costs 3, a checksum 5, the type byte 1.
    expect(thrown(() => a.members.sendBestEffort(to, new Uint8Array(65_507 - 9)))).toBe("ok");
    expect(one.network.stats.packetsSent).toBe(packetsSent + 1);
  });

  it("goes to literal IPs only, after any number of other addresses", async () => {
    const [a] = (await cluster().joined(2)) as [TestNode, TestNode];
    const send = (host: string): string => thrown(() => a.members.sendBestEffort({ host, port: 1, name: "" }, bytes("x")));
    const hosts = Array.from({ length: 5_000 }, (_, i) => `10.1.${i >> 8}.${i & 255}`);
    for (const host of [...hosts, "2001:db8::1", "2001:db8::1", "10.1.0.0"]) expect(send(host)).toBe("ok");
    for (const host of ["example.com", "example.com", "2001:db8::1::2", ""]) expect(send(host)).toBe("invalid_address");
  });

  it("fails with the stream's error: refused, timed out, aborted, badly addressed", async () => {
    const one = cluster();
    const [a, b] = (await one.joined(2, { tcpTimeout: 700 })) as [TestNode, TestNode];
    expect(await outcome(one.settle(a.members.sendReliable("10.0.0.77:1", bytes("x"))))).toBe("dial_failed");
    expect(await outcome(a.members.sendReliable("no:such:thing", bytes("x")))).toBe("invalid_address");
    expect(thrown(() => a.members.sendBestEffort("", bytes("x")))).toBe("invalid_address");
    one.network.partition([a.transport], [b.transport]);
    const before = one.clock.now();
    expect(await outcome(one.settle(a.members.sendReliable(b.seed, bytes("x"))))).toBe("timeout");
    expect(one.clock.now() - before).toBe(700);
    expect(await outcome(one.settle(a.members.sendReliable(b.seed, bytes("x"), { timeout: 30 })))).toBe("timeout");
    expect(one.clock.now() - before).toBe(730);
    const abort = new AbortController();
    const sending = a.members.sendReliable(b.seed, bytes("x"), { signal: abort.signal });
    abort.abort("enough");
    await expect(one.settle(sending)).rejects.toMatchObject({ code: "aborted", cause: "enough" });
    // Without a timeout, the limit for the connection still applies.
    expect(await outcome(one.settle(a.members.sendReliable(b.seed, bytes("x"), { timeout: 0 })))).toBe("timeout");
    one.network.heal();
    expect(await outcome(one.settle(a.members.sendReliable(b.seed, bytes("x"), { timeout: 0 })))).toBe("ok");
  });
});

describe("the list from getBroadcasts", () => {
  it("gets the room that membership messages leave, and ends beyond it", async () => {
    const one = cluster();
    const asked: [number, number][] = [];
    const received: number[] = [];
    const greedy: Delegate = {
      getBroadcasts: (overhead, limit) => {
        asked.push([overhead, limit]);
        return [new Uint8Array(600), new Uint8Array(600), new Uint8Array(600)];
      },
    };
    const [a] = (await one.joined(2, (i) => ({
      enableCompression: false,
      delegate: i === 0 ? greedy : { notifyMsg: (message: Uint8Array) => void received.push(message.length) },
    }))) as [TestNode];
    await one.advance(1_000);
    // A compound's header 2, a checksum 5; each message 2 and its type byte.
    expect(Math.max(...asked.map(([, limit]) => limit))).toBe(1_400 - 7);
    expect(new Set(asked.map(([overhead]) => overhead))).toEqual(new Set([3]));
    expect(new Set(received)).toEqual(new Set([600]));
    expect(a.members.counters()["dropped.broadcast_over_limit"]).toBeGreaterThan(0);
    expect(a.members.counters()).not.toHaveProperty("delegate_failed");
  });

  itOnEventLoop("travels on acks, too", async () => {
    const one = cluster();
    const boxes = [new Mailbox(), new Mailbox()];
    const [a, b] = (await one.joined(2, (i) => ({ gossipInterval: 0, probeInterval: 0, delegate: boxes[i] }))) as [
      TestNode,
      TestNode,
    ];
    (boxes[1] as Mailbox).broadcasts = [bytes("with the ack")];
    await one.settle(a.members.ping(b.seed));
    await one.advance(1);
    expect(boxes[0]?.messages).toEqual(["with the ack"]);
  });
});

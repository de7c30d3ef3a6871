import { describe, expect, it } from "vitest";
import { messageType } from "../../src/wire/constants.ts";
import { EngineHarness, stranger, type HarnessOptions } from "./engine-harness.ts";
import { ack, alive, dead, encodeMessage, ping, suspect, type MessageOf } from "./messages.ts";

/** The headers before the messages of a packet: hasCrc, and the count of a compound. */
const packetHeaders = 5 + 2;

function started({ config, ...options }: HarnessOptions = {}): EngineHarness {
  const node = new EngineHarness({ ...options, config: { probeInterval: 0, ...config } }).start();
  node.takeBroadcasts();
  node.takeEvents();
  node.metrics.clear();
  return node;
}

/** An alive message of so many bytes. */
function sized(name: string, size: number): MessageOf<"alive"> {
  const empty = encodeMessage(alive(name, { meta: new Uint8Array(100) })).length - 100;
  return alive(name, { meta: new Uint8Array(size - empty) });
}

/** A delegate whose user broadcasts fill the given limit to the last byte. */
function filling(): { limits: number[]; delegates: HarnessOptions["delegates"] } {
  const limits: number[] = [];
  const getBroadcasts = (overhead: number, limit: number): Uint8Array[] => {
    limits.push(limit);
    return [new Uint8Array(limit - overhead)];
  };
  return { limits, delegates: { hasBroadcasts: true, getBroadcasts } };
}

describe("a message", () => {
  it("goes out alone, not as a compound, if no broadcast is queued", () => {
    const node = started();
    node.deliver(ping({ seqNo: 7 }));
    expect(node.sent.map(({ bytes }) => bytes[0])).toEqual([messageType.ackResp]);
  });

  it("carries broadcasts up to udpBufferSize less the headers, and not a byte more", () => {
    for (const layerOverhead of [0, 29]) {
      const { delegates } = filling();
      const node = started({ delegates, layerOverhead, config: { udpBufferSize: 500 } });
      node.deliver(ping({ seqNo: 7 }));
      expect(node.sent.at(-1)?.bytes.length).toBe(500 - packetHeaders + 2 - layerOverhead);
    }
  });

  it("carries no broadcast if it leaves no room for one", () => {
    const { limits, delegates } = filling();
    const payload = new Uint8Array(470);
    const size = encodeMessage(ack(7, payload)).length;
    // Room for the lengths of two messages, and for nothing in the second.
    const udpBufferSize = packetHeaders + 2 + size + 2;
    const node = new EngineHarness({ delegates: { ...delegates, ackPayload: () => payload }, config: { udpBufferSize } });
    node.deliver(ping({ seqNo: 7 }));
    expect(node.sent.at(-1)?.messages).toEqual([ack(7, payload)]);
    expect(limits).toEqual([]);
  });

  it("carries no checksum to an address without a name, even if a member has no name", () => {
    const node = started();
    node.deliver(alive("", { addr: "127.0.0.99" }));
    node.takeSent();
    node.deliver(ping({ seqNo: 7 }));
    expect(node.sent.map(({ crc, to }) => [crc, to.host])).toEqual([[false, stranger.host]]);
  });
});

describe("the queue of user broadcasts", () => {
  /** No user broadcast was requested yet: their share is saved. */
  function saving(userBroadcastShare: number): { limits: number[]; node: EngineHarness } {
    const limits: number[] = [];
    const getBroadcasts = (_overhead: number, limit: number): Uint8Array[] => {
      limits.push(limit);
      return [];
    };
    const node = started({
      delegates: { hasBroadcasts: true, getBroadcasts },
      config: { udpBufferSize: 500, userBroadcastShare },
    });
    for (let i = 0; i < 20; i++) node.deliver(ping({ seqNo: 7 }));
    limits.length = 0;
    return { limits, node };
  }

  const ackSize = encodeMessage(ack(7)).length;
  const limit = 500 - packetHeaders - 2 - ackSize;

  it("gets its saved share if membership messages want more than theirs, and the free space otherwise", () => {
    const { limits, node } = saving(0.25);
    node.deliverAll(sized("n2", 215), sized("n3", 215));
    node.deliver(ping({ seqNo: 7 }));
    expect(limits.at(-1)).toBe(limit);
    const few = saving(0.25);
    few.node.deliver(sized("n2", 215));
    few.node.deliver(ping({ seqNo: 7 }));
    expect(few.limits.at(-1)).toBe(limit - 217);
  });

  it("gets no request without room for a single byte", () => {
    for (const left of [3, 4]) {
      const { limits, node } = saving(0);
      node.deliver(sized("n2", limit - 2 - left));
      node.deliver(ping({ seqNo: 7 }));
      expect(node.sent.at(-1)?.messages).toHaveLength(2);
      expect(limits).toEqual(left === 4 ? [4] : []);
    }
  });

  it("gets the space that membership messages leave if its share is 0", () => {
    const { limits, node } = saving(0);
    node.deliverAll(sized("n2", 200), sized("n3", 200), sized("n4", 200));
    node.deliver(ping({ seqNo: 7 }));
    expect(node.sent.at(-1)?.messages).toHaveLength(3);
    expect(limits.at(-1)).toBe(limit - 2 * 202);
  });
});

it("sends an address without a name no broadcasts for a member without a name at that address", () => {
  const node = started();
  node.deliver(alive("", { addr: "127.0.0.99" }));
  node.takeSent();
  node.deliver(ping({ seqNo: 7, sourceAddr: "127.0.0.99", sourcePort: 7946 }));
  expect(node.sent.map(({ messages }) => messages.map(({ kind }) => kind))).toEqual([["ack"]]);
});

describe("a membership update", () => {
  const limits = { maxMembershipBroadcastBytes: 300 };
  it("goes out at exactly maxMembershipBroadcastBytes, and not with one byte more", () => {
    const node = started({ config: { limits } });
    expect(encodeMessage(sized("n2", 300))).toHaveLength(300);
    node.deliver(sized("n2", 300));
    expect(node.engine.numQueuedBroadcasts).toBe(1);
    expect(node.count("limit.maxMembershipBroadcastBytes")).toBe(0);
    node.deliver(sized("n3", 301));
    expect(node.engine.numQueuedBroadcasts).toBe(1);
    expect(node.count("limit.maxMembershipBroadcastBytes")).toBe(1);
    expect(node.logged("membership_queue_full")).toMatchObject([{ level: "warn" }]);
  });

  it("counts towards the byte limit if it is too long by itself, even if the queue is full by count", () => {
    const node = started({ config: { limits: { ...limits, maxMembershipBroadcasts: 1 } } });
    node.deliverAll(alive("n2"), sized("n3", 301));
    expect([node.count("limit.maxMembershipBroadcasts"), node.count("limit.maxMembershipBroadcastBytes")]).toEqual([0, 1]);
    node.deliver(sized("n4", 300));
    expect([node.count("limit.maxMembershipBroadcasts"), node.count("limit.maxMembershipBroadcastBytes")]).toEqual([1, 1]);
    node.deliver(alive("n5"));
    expect([node.count("limit.maxMembershipBroadcasts"), node.count("limit.maxMembershipBroadcastBytes")]).toEqual([2, 1]);
  });

  it("leaves the queue, counted and logged, once packets have become too small for it", () => {
    let overhead = 0;
    const node = started({ layerOverhead: () => overhead, config: { udpBufferSize: 300 } });
    const room = 300 - packetHeaders - 2;
    node.deliver(sized("n2", room));
    expect(node.engine.numQueuedBroadcasts).toBe(1);
    node.deliver(sized("n3", room + 1));
    expect(node.count("dropped.broadcast_too_large")).toBe(1);
    expect(node.engine.numQueuedBroadcasts).toBe(1);
    overhead = 1;
    node.deliver(ping());
    expect(node.sent.at(-1)?.messages.map(({ kind }) => kind)).toEqual(["ack"]);
    expect(node.engine.numQueuedBroadcasts).toBe(0);
    expect(node.count("dropped.broadcast_too_large")).toBe(2);
    expect(node.logged("broadcast_too_large")).toHaveLength(2);
    expect(node.count("limit.maxMembershipBroadcastBytes") + node.count("limit.maxMembershipBroadcasts")).toBe(0);
  });
});

describe("the longest user broadcast", () => {
  it("equals udpBufferSize less all headers, and never falls below 0", () => {
    expect(started({ config: { udpBufferSize: 1400 } }).engine.maxPayload).toBe(1400 - packetHeaders - 3);
    expect(started({ config: { udpBufferSize: 1400 }, layerOverhead: 45 }).engine.maxPayload).toBe(1400 - 45 - packetHeaders - 3);
    expect(started({ config: { udpBufferSize: 500 } }).engine.gossip.packetRoom).toBe(500 - packetHeaders);
    const crowded = new EngineHarness({ config: { udpBufferSize: 128 }, layerOverhead: 120 });
    expect(crowded.engine.maxPayload).toBe(0);
  });
});

describe("a round of gossip", () => {
  it("reaches the dead up to gossipToTheDeadTime after their death, and no later", () => {
    for (const [after, count] of [
      [1000, 1],
      [1001, 0],
    ] as const) {
      const node = started({ config: { gossipInterval: 100, gossipToTheDeadTime: 1000 }, fixedRandom: 0 });
      node.deliverAll(alive("n2"), dead("n2"));
      node.takeBroadcasts();
      const died = node.now;
      node.jump(after - 1);
      node.deliver(alive("n3"));
      node.deliver(dead("n3", 1, "n3"));
      node.takeSent();
      node.now = died + after;
      node.advance(0);
      node.advance(after === 1000 ? 0 : 200);
      expect(node.sent.filter(({ to }) => to.name === "n2").length).toBe(count);
    }
  });

  it("asks selectNodes under its own purpose, and so does a push/pull", () => {
    const purposes: string[] = [];
    const selectNodes = (purpose: string): string[] => {
      purposes.push(purpose);
      return ["n2"];
    };
    const config = { gossipInterval: 100, pushPullInterval: 500 };
    const node = started({ config, delegates: { hasSelectNodes: true, selectNodes } });
    node.deliver(alive("n2"));
    node.advance(2000);
    expect(new Set(purposes)).toEqual(new Set(["gossip", "pushPull"]));
  });

  it("ends once its messages are dropped", () => {
    const node = started({ config: { gossipInterval: 100 } });
    node.deliver(alive("n2"));
    expect(node.engine.numQueuedBroadcasts).toBe(1);
    node.engine.gossip.forget();
    expect(node.engine.numQueuedBroadcasts).toBe(0);
    node.advance(1_000);
    expect(node.sent).toEqual([]);
  });

  it("lets selectNodes choose among the members in the states of its purpose", () => {
    const candidates = new Map<string, Set<string>>();
    const selectNodes = (purpose: string, nodes: readonly { readonly name: string }[]): string[] => {
      const known = candidates.get(purpose) ?? new Set();
      for (const { name } of nodes) known.add(name);
      candidates.set(purpose, known);
      return nodes.map(({ name }) => name);
    };
    const config = { gossipInterval: 100, pushPullInterval: 500, suspicionMult: 100, disableTcpPings: true };
    const node = started({ config, delegates: { hasSelectNodes: true, selectNodes } });
    for (const name of ["n2", "n3", "n4", "n5"]) node.deliver(alive(name));
    node.deliverAll(suspect("n3", 1, "n9"), dead("n4", 1, "n9"), dead("n5", 1, "n5"));
    node.advance(3_000);
    expect([...(candidates.get("gossip") ?? [])].toSorted()).toEqual(["n2", "n3", "n4"]);
    expect([...(candidates.get("pushPull") ?? [])]).toEqual(["n2"]);
  });

  it("sets no timer with a gossipInterval or gossipNodes of 0", () => {
    for (const config of [
      { gossipInterval: 0, gossipNodes: 3 },
      { gossipInterval: 100, gossipNodes: 0 },
    ]) {
      const node = started({ config: { ...config, queueCheckInterval: 30_000 } });
      expect((node.engine.nextTimerAt() ?? 0) - node.now).toBe(30_000);
    }
  });

  it("does not trigger the first push/pull, which comes after one to two intervals", () => {
    const node = started({ config: { pushPullInterval: 1000 }, fixedRandom: 0.5 });
    node.deliver(alive("n2"));
    node.advance(1499);
    expect(node.pushPulls).toEqual([]);
    node.advance(1);
    expect(node.pushPulls).toHaveLength(1);
  });
});

describe("a ping outside the schedule", () => {
  const to = { host: "127.0.0.2", port: 7946, name: "n2" };

  it("carries broadcasts, unless it must be sent alone", () => {
    for (const [options, count] of [
      [undefined, 2],
      [{}, 2],
      [{ bare: true }, 1],
    ] as const) {
      const node = started();
      node.deliver(alive("n3"));
      node.takeSent();
      node.run(() => node.engine.ping(to, () => undefined, options));
      expect(node.sent.map(({ messages }) => messages.length)).toEqual([count]);
    }
  });

  it("returns one result, however many answers arrive later", () => {
    const node = started({ config: { probeTimeout: 100 } });
    const results: (number | undefined)[] = [];
    node.run(() => node.engine.ping(to, (rtt) => results.push(rtt)));
    node.advance(10);
    node.deliver(ack(node.sentOf("ping")[0]?.seqNo ?? -1));
    node.sent[0]?.fail();
    node.advance(200);
    expect(results).toEqual([10]);
  });
});

import { describe, expect, it } from "vitest";
import type { MemberlistError } from "../../src/api/errors.ts";
import { EngineHarness, stranger, type HarnessOptions } from "./engine-harness.ts";
import { ack, alive, dead, encodeMessage, hostOf, suspect } from "./messages.ts";

const foo: Uint8Array = Uint8Array.of(102, 111, 111);

function started(options: HarnessOptions = {}): EngineHarness {
  const node = new EngineHarness(options).start();
  node.takeBroadcasts();
  node.takeEvents();
  return node;
}

function errorOf(action: () => void): Partial<MemberlistError> {
  try {
    action();
  } catch (error) {
    return error as MemberlistError;
  }
  return {};
}

describe("the list of members", () => {
  it("selects members by state, and gives the age, cause and start of that state", () => {
    const config = { probeInterval: 10_000, probeTimeout: 100 };
    const node = started({ fixedRandom: 0, config });
    node.deliver(alive("n2"));
    node.advance(20);
    node.deliver(ack(node.sentOf("ping")[0]?.seqNo ?? -1));
    node.deliverAll(alive("n3"), suspect("n3", 1, "n9"), alive("n4"), dead("n4", 1, "n4"));
    node.jump(500);
    const infos = node.engine.memberInfos(["alive", "suspect"], node.now, 1_700_000_000_000);
    expect(infos.map(({ name }) => name).toSorted()).toEqual(["n1", "n2", "n3"]);
    const info = (name: string): unknown => infos.find((one) => one.name === name);
    const alsoAlive = { state: "alive", cause: undefined, accusers: [] };
    expect(info("n2")).toMatchObject({ ...alsoAlive, age: 520, since: 1_700_000_000_000 - 520, rtt: 20, port: 7946 });
    // New metadata of a live member does not change its state.
    node.deliver(alive("n2", { incarnation: 2, meta: foo }));
    expect(node.engine.memberInfos(["alive"], node.now, 0).find(({ name }) => name === "n2")).toMatchObject({
      age: 520,
      meta: foo,
    });
    const cause = { code: "accused", from: "n9" };
    expect(info("n3")).toMatchObject({ state: "suspect", age: 500, rtt: undefined, accusers: ["n9"], cause });
    expect(Object.isFrozen(info("n3"))).toBe(true);
    expect(node.engine.memberInfos(["left"], node.now, 0)).toMatchObject([{ name: "n4", cause: { code: "left" }, accusers: [] }]);
    expect(node.engine.states().toSorted()).toEqual(["alive", "alive", "left", "suspect"]);
  });

  it("adds the names of changed members to a set", () => {
    const node = started();
    const changed = new Set<string>();
    node.engine.trackChanges(changed);
    expect([...changed]).toEqual(["n1"]);
    node.deliver(alive("n2"));
    expect([...changed]).toEqual(["n1", "n2"]);
  });

  it("finds a member by its name, in any state", () => {
    const node = started();
    node.deliverAll(alive("n2"), dead("n2", 1, "n2"));
    node.jump(500);
    expect(node.engine.member("n2")).toMatchObject({ name: "n2", state: "left" });
    expect(node.engine.memberInfo("n2", node.now, 0)).toMatchObject({ name: "n2", state: "left", age: 500 });
    expect(node.engine.member("nobody")).toBeUndefined();
    expect(node.engine.memberInfo("nobody", node.now, 0)).toBeUndefined();
  });

  it("reads records one by one, each in its current state", () => {
    const node = started();
    node.deliver(alive("n2"));
    const nodes = node.engine.pushPull.localNodes();
    expect(nodes.length).toBe(2);
    node.deliverAll(alive("n3"), suspect("n2"));
    expect(nodes.length).toBe(2);
    const byName = [nodes.at(0), nodes.at(1)].toSorted((a, b) => ((a?.name ?? "") < (b?.name ?? "") ? -1 : 1));
    expect(byName).toMatchObject([
      { name: "n1", state: 0 },
      { name: "n2", state: 1, addr: hostOf("n2") },
    ]);
    expect(nodes.at(2)).toBeUndefined();
    expect(node.engine.pushPull.dropsDuplicates).toBe(true);
    expect(started({ delegates: { hasAliveDelegate: true } }).engine.pushPull.dropsDuplicates).toBe(false);
  });

  it("lists the addresses of live peers, without this node, up to the requested count", () => {
    const node = started();
    expect(node.engine.someAlive(10)).toEqual([]);
    node.deliverAll(alive("n2"), alive("n3"), alive("n4"), alive("n5"), suspect("n4"), dead("n5"));
    expect(new Set(node.engine.someAlive(10).map(({ name }) => name))).toEqual(new Set(["n2", "n3"]));
    expect(node.engine.someAlive(2)).toHaveLength(2);
    expect(node.engine.someAlive(1)).toHaveLength(1);
    expect(node.engine.someAlive(0)).toEqual([]);
    expect(node.engine.numKnown).toBe(5);
    expect(node.engine.numMembers).toBe(4);
    const at = (name: string): { host: string; port: number; name: string } => ({ host: hostOf(name), port: 7946, name: "" });
    expect(["n1", "n3", "n4", "n5", "n6"].map((name) => node.engine.isOccupied(at(name)))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  it("counts another member that is alive or suspect as a live peer, whether or not this node is a member", () => {
    const node = started();
    expect(node.engine.hasLivePeer).toBe(false);
    node.deliverAll(alive("n2"), suspect("n2"));
    expect(node.engine.hasLivePeer).toBe(true);
    node.run(() => node.engine.leave(() => undefined));
    expect(node.engine.hasLivePeer).toBe(true);
    node.deliver(dead("n2"));
    expect(node.engine.hasLivePeer).toBe(false);
  });

  it("contains this node even if its own rules refused it: as dead, or as left", () => {
    const refusesAlive = (): string => "nobody at all";
    const node = started({ delegates: { hasAliveDelegate: true, refusesAlive } });
    expect(node.known()).toEqual([]);
    expect(node.engine.localNode).toMatchObject({
      name: "n1",
      addr: "127.0.0.1",
      port: 7946,
      state: "dead",
      incarnation: 1,
      pMax: 5,
    });
    expect(node.engine.hasLivePeer).toBe(false);
    let finished = 0;
    node.run(() => node.engine.leave(() => finished++));
    expect(finished).toBe(1);
    expect(node.engine.localNode).toMatchObject({ name: "n1", state: "left" });
    expect(node.takeEvents()).toEqual([]);
  });

  it("leaves at once if its own rules refused its return", () => {
    let isStrict = false;
    const node = started({ delegates: { hasAliveDelegate: true, refusesAlive: () => (isStrict ? "no returns" : undefined) } });
    node.deliver(alive("n2"));
    node.run(() => node.engine.leave(() => undefined));
    node.takeBroadcasts();
    isStrict = true;
    node.run(() => node.engine.rejoin(foo));
    expect(node.engine.localNode.state).toBe("left");
    let finished = 0;
    node.run(() => node.engine.leave(() => finished++));
    expect(finished).toBe(1);
  });
});

describe("a rejoin", () => {
  it("makes us a member again, under a higher incarnation and with new metadata", () => {
    const node = started();
    node.deliver(alive("n2"));
    node.run(() => node.engine.leave(() => undefined));
    node.takeBroadcasts();
    node.takeEvents();
    const { incarnation } = node.engine;
    node.run(() => node.engine.rejoin(foo));
    expect(node.engine.hasLeft).toBe(false);
    expect(node.engine.localNode).toMatchObject({ state: "alive", incarnation: incarnation + 1, meta: foo });
    expect(node.eventTypes()).toEqual(["join n1"]);
    expect(node.takeBroadcasts()).toMatchObject([{ kind: "alive", node: "n1", incarnation: incarnation + 1, meta: foo }]);
    // And we contradict again.
    node.deliver(suspect("n1", incarnation + 1));
    expect(node.eventTypes()).toEqual(["refute n1"]);
  });
});

describe("a ping's source address", () => {
  it("stays out while this node's address is lost, until it has another", () => {
    const node = started();
    const ping = (): unknown => {
      node.run(() => node.engine.ping({ host: hostOf("n2"), port: 7946, name: "n2" }, () => undefined));
      return node.sentOf("ping").at(-1);
    };
    expect(ping()).toMatchObject({ sourceAddr: "127.0.0.1", sourcePort: 7946 });
    node.engine.isAddressLost = true;
    expect(ping()).toMatchObject({ sourceAddr: "", sourcePort: 0, sourceNode: "n1" });
    node.run(() => node.engine.moveTo({ addr: "127.0.5.5", port: 8000 }));
    expect(ping()).toMatchObject({ sourceAddr: "127.0.5.5", sourcePort: 8000 });
  });
});

it("reports that no message of a packet was dropped", () => {
  const node = started();
  const receive = (bytes: Uint8Array): boolean => node.run(() => node.engine.packets.receive(bytes, stranger, node.now));
  expect(receive(encodeMessage(alive("n2")))).toBe(true);
  expect(receive(Uint8Array.of(99))).toBe(false);
});

describe("this node's alive message", () => {
  it("carries name, metadata and versions from the config", () => {
    const config = { protocolVersion: 3, delegateProtocolMin: 1, delegateProtocolMax: 4, delegateProtocolVersion: 2 };
    const node = new EngineHarness({ config }).start(foo);
    expect(node.takeBroadcasts()).toEqual([alive("n1", { meta: foo, vsn: [1, 5, 3, 1, 4, 2] })]);
  });

  it("rejects metadata that fits into no packet, and changes nothing", () => {
    const node = started({ config: { udpBufferSize: 300 } });
    const meta = new Uint8Array(280);
    const error = errorOf(() => node.run(() => node.engine.update(meta, () => undefined)));
    expect(error).toMatchObject({ code: "meta_too_large", details: { size: 280, udpBufferSize: 300 } });
    expect(node.engine.localNode).toMatchObject({ incarnation: 1, meta: new Uint8Array(0) });
    expect(node.engine.numQueuedBroadcasts).toBe(0);
    const late = new EngineHarness({ config: { udpBufferSize: 300 } });
    expect(errorOf(() => late.start(meta))).toMatchObject({ code: "meta_too_large" });
    expect(late.known()).toEqual([]);
    expect(late.engine.nextTimerAt()).toBeUndefined();
  });
});

it("restarts push/pulls within one interval of the new cluster size", () => {
  for (const [interval, chance, expected] of [
    [1000, 0, [10, 3000]],
    [1000, 0.25, [750, 3750]],
    [0, 0.5, []],
  ] as const) {
    const harness = started({ config: { pushPullInterval: interval, probeInterval: 0, suspicionMult: 1_000 } });
    for (let i = 0; i < 64; i++) harness.deliver(alive(`n${i + 2}`));
    harness.random.fixed = chance;
    const begin = harness.now;
    const times: number[] = [];
    harness.run(() => harness.engine.pushPull.restart());
    for (let ms = 0; ms < 4000; ms += 10) {
      harness.advance(10);
      if (harness.pushPulls.length > times.length) times.push(harness.now - begin);
    }
    expect(times).toEqual(expected);
  }
});

it("clears all timers and pending messages at the stop", () => {
  const node = started({ config: { pushPullInterval: 1000, gossipInterval: 100 } });
  node.deliver(alive("n2"), undefined, false);
  expect([node.engine.packets.waiting > 0, node.engine.nextTimerAt() !== undefined]).toEqual([true, true]);
  node.engine.stop();
  expect([node.engine.packets.waiting > 0, node.engine.nextTimerAt()]).toEqual([false, undefined]);
  expect(node.node("n2")).toBeUndefined();
});

it("samples the queues every queueCheckInterval", () => {
  const node = new EngineHarness({ config: { queueCheckInterval: 500, probeInterval: 0 } }).start();
  node.advance(499);
  expect(node.metrics.has("memberlist.queue.broadcasts")).toBe(false);
  node.advance(1);
  node.deliver(alive("n2"));
  node.engine.broadcast(foo, undefined);
  node.engine.broadcast(foo, undefined);
  node.advance(500);
  expect(node.metrics.get("memberlist.queue.broadcasts")).toEqual([1, 2]);
  expect(node.metrics.get("memberlist.queue.user_broadcasts")).toEqual([0, 2]);
  expect(node.metrics.get("memberlist.queue.handoff")).toEqual([0, 1]);
});

it("notes the names of all members, and then of those that change", () => {
  const node = started();
  node.deliverAll(...["n2", "n3", "n4", "n5", "n6"].map((name) => alive(name)));
  const changed = new Set<string>();
  node.engine.trackChanges(changed);
  expect([...changed].toSorted()).toEqual(["n1", "n2", "n3", "n4", "n5", "n6"]);
  changed.clear();
  node.deliverAll(alive("n7"), suspect("n2"));
  expect([...changed].toSorted()).toEqual(["n2", "n7"]);
  changed.clear();
  // The state stays the same, but it has another accuser.
  node.deliver(suspect("n2", 1, "n3"));
  expect([...changed]).toEqual(["n2"]);
});

it("reports how many members each state has, but only after a change", () => {
  const node = started();
  node.deliverAll(alive("n2"), alive("n3"), suspect("n3"));
  const gauges = (): unknown =>
    ["alive", "suspect", "dead", "left"].map((state) => node.metrics.get(`memberlist.node.instances ${state}`));
  node.engine.reportStates();
  node.engine.reportStates();
  expect(gauges()).toEqual([[2], [1], [0], [0]]);
  node.deliver(dead("n2"));
  node.engine.reportStates();
  expect(gauges()).toEqual([
    [2, 1],
    [1, 1],
    [0, 1],
    [0, 0],
  ]);
});

describe("a user broadcast", () => {
  it("stays queued until it is sent, replaced or cancelled", () => {
    const node = started({ config: { gossipInterval: 100 } });
    const { userBroadcasts } = node.engine.gossip;
    expect(node.engine.broadcast(foo, "a")).toBe(true);
    expect(userBroadcasts.hasAny).toBe(true);
    expect(node.engine.queues).toEqual({ membership: 0, user: 1, userBytes: 3, received: 0 });
    node.engine.cancelBroadcast("b");
    expect(userBroadcasts.hasAny).toBe(true);
    node.engine.cancelBroadcast("a");
    expect(userBroadcasts.hasAny).toBe(false);
  });
});

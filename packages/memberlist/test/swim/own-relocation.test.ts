import { describe, expect, it } from "vitest";
import { EngineHarness, mergeAll, type HarnessOptions } from "./engine-harness.ts";
import { alive, dead, goodVersions, hostOf, suspect, type Message } from "./messages.ts";

const there = { addr: "127.0.5.5", port: 8000 };
const config = { probeInterval: 0, gossipInterval: 100 };

/** n1 with three others: gossip reaches all in log2(4) + 2 rounds of 100 ms. */
const step = 400;

function started(names: readonly string[] = ["n2", "n3", "n4"], options: HarnessOptions = {}): EngineHarness {
  const node = new EngineHarness({ ...options, config: { ...config, ...options.config } }).start();
  for (const name of names) node.deliver(alive(name));
  node.takeBroadcasts();
  node.takeEvents();
  return node;
}

function move(node: EngineHarness, to: { readonly addr: string; readonly port: number } = there): void {
  node.run(() => node.engine.moveTo(to));
}

/** The queued messages about this node: none, an alive message or a dead one. */
function said(node: EngineHarness): Message[] {
  return node.takeBroadcasts().filter((message) => "node" in message && message.node === "n1");
}

/** Old messages about this node are dropped silently. */
function expectQuiet(node: EngineHarness): void {
  expect(node.takeEvents()).toEqual([]);
  expect(node.engine.numQueuedBroadcasts).toBe(0);
}

describe("a move to another address", () => {
  it("broadcasts alive, leave, and alive at the new address, each after gossip has spread", () => {
    const node = started();
    move(node);
    expect(said(node)).toEqual([alive("n1", { incarnation: 2 })]);
    node.advance(step - 1);
    expect(said(node)).toEqual([]);
    node.advance(1);
    expect(said(node)).toEqual([dead("n1", 2, "n1")]);
    node.advance(step - 1);
    expect(said(node)).toEqual([]);
    expect(node.engine.localNode).toMatchObject({ addr: "127.0.0.1", port: 7946 });
    node.advance(1);
    expect(said(node)).toEqual([alive("n1", { incarnation: 3, ...there })]);
    expect(node.engine.localNode).toMatchObject({ ...there, state: "alive", incarnation: 3 });
    const fields = { node: "n1", before: "127.0.0.1:7946", now: "127.0.5.5:8000" };
    expect(node.logged("address_changed")).toMatchObject([{ level: "info", fields }]);
    expect(node.takeEvents()).toEqual([]);
    node.advance(10 * step);
    expect(said(node)).toEqual([]);
  });

  it("sends the leave, and that it is alive at the new address, to each live member directly, too", () => {
    const node = started();
    move(node);
    for (const expected of [dead("n1", 2, "n1"), alive("n1", { incarnation: 3, ...there })]) {
      node.advance(step - 1);
      node.takeBroadcasts();
      node.takeSent();
      node.advance(1);
      const direct = node.takeSent().filter(({ messages }) => messages.length === 1 && messages[0]?.kind === expected.kind);
      expect(direct.map(({ to }) => to.name).toSorted()).toEqual(["n2", "n3", "n4"]);
      expect(direct[0]?.messages).toEqual([expected]);
    }
  });

  it("takes longer with more members, and about a second a round without gossip", () => {
    for (const [count, gossipInterval, ms] of [
      [1, 100, 300],
      [8, 100, 600],
      [1, 0, 3000],
    ] as const) {
      const node = started(
        Array.from({ length: count }, (_, i) => `n${i + 2}`),
        { config: { gossipInterval } },
      );
      move(node);
      said(node);
      node.advance(ms - 1);
      expect(said(node)).toEqual([]);
      node.advance(1);
      expect(said(node)).toMatchObject([{ kind: "dead" }]);
    }
  });

  it("takes no time if no other member is alive", () => {
    const node = started([]);
    move(node);
    expect(said(node)).toEqual([alive("n1", { incarnation: 2, ...there })]);
    expect(node.engine.localNode).toMatchObject(there);
  });

  it("does nothing if the address is the current one", () => {
    const node = started([]);
    move(node, { addr: "127.0.0.1", port: 7946 });
    expectQuiet(node);
    for (const to of [
      { addr: "127.0.0.1", port: 7947 },
      { addr: "127.0.5.5", port: 7947 },
    ]) {
      move(node, to);
      expect(said(node)).toMatchObject([to]);
    }
  });

  it("ends at the last address if it changes on the way", () => {
    const node = started();
    move(node);
    node.advance(step + 10);
    move(node, { addr: "127.0.6.6", port: 9000 });
    said(node);
    node.advance(step);
    expect(said(node)).toMatchObject([{ kind: "alive", addr: "127.0.6.6", port: 9000 }]);
    node.advance(10 * step);
    expect(said(node)).toEqual([]);
  });

  it("stays in force after messages about this node, which are refuted afterwards", () => {
    const node = started();
    move(node);
    said(node);
    const health = node.engine.healthScore;
    const foreign = alive("n1", { incarnation: 9, meta: Uint8Array.of(1) });
    for (const message of [suspect("n1", 5), dead("n1", 5), foreign]) node.deliver(message);
    expectQuiet(node);
    expect(node.engine.healthScore).toBe(health);
    node.advance(2 * step);
    said(node);
    node.deliver(suspect("n1", node.engine.incarnation));
    expect(node.eventTypes()).toEqual(["refute n1"]);
  });

  it("causes no conflict with old messages about earlier addresses", () => {
    const node = started([]);
    move(node);
    said(node);
    const old = alive("n1", { incarnation: 1 });
    node.deliver(old);
    const pushed = {
      name: "n1",
      addr: hostOf("n1"),
      port: 7946,
      meta: new Uint8Array(0),
      incarnation: 1,
      state: 0,
      vsn: goodVersions,
    };
    node.run(() => mergeAll(node.engine, [pushed], false));
    expectQuiet(node);
    // A message with an address that was never ours, or newer than our last message, is from another node of our name.
    for (const other of [{ addr: "127.0.7.7" }, { port: 7947 }, { incarnation: node.engine.incarnation }]) {
      node.deliver({ ...old, ...other });
      expect(node.eventTypes()).toEqual(["conflict n1"]);
    }
  });

  it("remembers eight earlier addresses", () => {
    const node = started([]);
    for (let port = 8001; port <= 8009; port++) move(node, { addr: "127.0.5.5", port });
    said(node);
    for (const [port, events] of [
      [7946, ["conflict n1"]],
      [8001, []],
      [8008, []],
    ] as const) {
      node.deliver(alive("n1", { incarnation: 1, addr: port === 7946 ? "127.0.0.1" : "127.0.5.5", port }));
      expect(node.eventTypes()).toEqual(events);
    }
  });

  it("delays new metadata until it has ended", () => {
    const node = started();
    move(node);
    node.run(() => node.engine.update(Uint8Array.of(7), () => undefined));
    expect(said(node)).toMatchObject([{ kind: "alive", meta: new Uint8Array(0) }]);
    node.advance(step);
    expect(said(node)).toMatchObject([{ kind: "dead" }]);
    node.advance(step);
    expect(said(node)).toEqual([alive("n1", { incarnation: 4, ...there, meta: Uint8Array.of(7) })]);
    expect(node.eventTypes()).toEqual(["update n1"]);
  });

  it("ends on leave, and a later move broadcasts nothing", () => {
    const node = started();
    move(node);
    said(node);
    node.run(() => node.engine.leave(() => undefined));
    expect(said(node)).toEqual([dead("n1", 3, "n1")]);
    node.advance(10 * step);
    expect(said(node)).toEqual([]);
    expect(node.engine.localNode).toMatchObject({ state: "left", incarnation: 3 });
    node.run(() => node.engine.moveTo({ addr: "127.0.6.6", port: 9000 }));
    expect(said(node)).toEqual([]);
  });

  it("applies pending metadata on leave, and reports no conflict with ourselves", () => {
    const node = started();
    move(node);
    node.advance(step);
    let isOut = false;
    node.run(() => node.engine.update(Uint8Array.of(1, 2), () => (isOut = true)));
    expect(isOut).toBe(false);
    node.run(() => node.engine.leave(() => undefined));
    const { incarnation } = node.engine.localNode;
    // The leave takes the place of what was not sent yet.
    expect(said(node)).toEqual([dead("n1", incarnation, "n1")]);
    expect(isOut).toBe(true);
    expect(node.engine.localNode).toMatchObject({ ...there, state: "left", meta: Uint8Array.of(1, 2) });
    expect(node.eventTypes()).toEqual(["update n1", "leave n1"]);
    expect(node.count("dropped.name_conflict")).toBe(0);
    node.run(() => node.engine.rejoin(Uint8Array.of(1, 2)));
    expect(node.engine.localNode).toMatchObject({ ...there, state: "alive" });
    node.advance(10 * step);
    expect(node.engine.localNode).toMatchObject({ ...there, state: "alive" });
  });

  it("records only the address if the node was never a member", () => {
    const node = new EngineHarness({ delegates: { hasAliveDelegate: true, refusesAlive: () => "nobody" } }).start();
    move(node);
    node.advance(10_000);
    expect([node.sent, node.takeEvents()]).toEqual([[], []]);
  });
});

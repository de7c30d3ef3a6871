import { describe, expect, it } from "vitest";
import type { Node } from "../../src/api/node.ts";
import { EngineHarness, mergeAll, stranger, type HarnessOptions } from "./engine-harness.ts";
import { ack, alive, dead, goodVersions, hostOf, suspect } from "./messages.ts";

const foo: Uint8Array = Uint8Array.of(102, 111, 111);

function started(options: HarnessOptions = {}): EngineHarness {
  const node = new EngineHarness(options).start();
  node.takeBroadcasts();
  node.takeEvents();
  return node;
}

function pushed(name: string, state: number, incarnation: number = 1) {
  return { name, addr: hostOf(name), port: 7946, meta: new Uint8Array(0), incarnation, state, vsn: goodVersions };
}

describe("a message about a member", () => {
  it("counts by kind if it changes something", () => {
    const node = started();
    node.metrics.clear();
    node.deliverAll(alive("n2"), alive("n2"), suspect("n2"), suspect("n2"), dead("n2"), dead("n2"));
    expect(Object.fromEntries(node.metrics)).toMatchObject({
      "memberlist.msg.alive": [1],
      "memberlist.msg.suspect": [1],
      "memberlist.msg.dead": [1],
    });
  });

  it("changes nothing at a known incarnation, for any content of its other fields", () => {
    const node = started();
    node.deliver(alive("n2", { incarnation: 5 }));
    node.takeBroadcasts();
    node.takeEvents();
    node.deliverAll(alive("n2", { incarnation: 5, meta: foo }), alive("n2", { incarnation: 4, meta: foo }));
    expect(node.node("n2")).toMatchObject({ incarnation: 5, meta: new Uint8Array(0) });
    expect(node.takeEvents()).toEqual([]);
    expect(node.engine.numQueuedBroadcasts).toBe(0);
    node.deliverAll(suspect("n2", 5), alive("n2", { incarnation: 5, meta: foo }));
    expect(node.state("n2")).toBe("suspect");
  });

  it("causes a conflict if it has another port of the same host", () => {
    const node = started();
    node.deliverAll(alive("n2"), alive("n2", { incarnation: 2, port: 7947 }));
    expect(node.node("n2")).toMatchObject({ port: 7946, incarnation: 1 });
    expect(node.takeEvents().at(-1)).toMatchObject({ type: "conflict", other: { port: 7947, state: "alive" } });
    expect(node.count("dropped.name_conflict")).toBe(1);
    expect(node.logged("name_conflict")).toMatchObject([{ level: "warn" }]);
  });

  it("changes nothing without an address or with too much metadata, and counts by cause", () => {
    const node = started();
    node.deliver(alive("n2", { addr: "" }));
    expect(node.count("dropped.bad_address")).toBe(1);
    node.deliverAll(alive("n2", { meta: new Uint8Array(513) }));
    expect(node.count("dropped.meta_too_large")).toBe(1);
    expect(node.logged("alive_dropped").map(({ level }) => level)).toEqual(["warn", "warn"]);
    expect(node.node("n2")).toBeUndefined();
    node.deliver(alive("n2", { meta: new Uint8Array(512) }));
    expect(node.node("n2")?.meta).toHaveLength(512);
  });

  it("works with a minimum version equal to its maximum", () => {
    const node = started();
    node.deliver(alive("n2", { vsn: [2, 2, 2, 0, 0, 0] }));
    expect(node.state("n2")).toBe("alive");
    node.deliver(alive("n3", { vsn: [3, 2, 2, 0, 0, 0] }));
    expect(node.logged("versions_rejected")).toMatchObject([{ level: "warn" }]);
  });

  it("counts and appears in the log if its sender or its address is outside cidrsAllowed", () => {
    const node = started({ config: { cidrsAllowed: ["127.0.0.0/16"] } });
    const inside = { ...stranger, host: "127.0.0.50" };
    node.deliver(alive("n3", { addr: "10.0.0.3" }), inside);
    expect(node.count("dropped.address_not_allowed")).toBe(1);
    expect(node.logged("address_not_allowed")).toMatchObject([{ level: "debug" }]);
    node.run(() => mergeAll(node.engine, [{ ...pushed("n3", 0), addr: "10.0.0.3" }], false));
    expect(node.count("dropped.address_not_allowed")).toBe(2);
    expect(node.logged("address_not_allowed").at(-1)).toMatchObject({ level: "warn" });
    // Without any address it is not outside, but bad.
    node.deliver(alive("n4", { addr: "" }), inside);
    expect([node.count("dropped.address_not_allowed"), node.count("dropped.bad_address")]).toEqual([2, 1]);
    // A repeat is counted again: a message that cidrsAllowed rejects never counts as a duplicate.
    node.deliver(alive("n2"), inside);
    node.deliver(alive("n2"), stranger);
    expect(node.count("dropped.address_not_allowed")).toBe(3);
  });

  it("names no accuser when a refuted message about this node is an alive message", () => {
    const node = started();
    node.deliver(alive("n1", { incarnation: 4, meta: foo }));
    expect(node.takeEvents()).toMatchObject([{ type: "refute", from: "", node: { incarnation: 5 } }]);
  });
});

describe("a duplicate alive message", () => {
  /** Whether it waits to be handled, or was dropped as it came in. */
  function waits(options: HarnessOptions, message = alive("n2", { meta: foo }), known = message): boolean {
    const node = started(options);
    node.deliver(known);
    expect(node.engine.packets.waiting).toBe(0);
    node.deliver(message, { ...stranger, host: "127.0.0.50" }, false);
    return node.engine.packets.waiting > 0;
  }

  it("stops on arrival, while one that changes something is queued", () => {
    expect(waits({})).toBe(false);
    expect(waits({}, alive("n2"), alive("n2", { incarnation: 2 }))).toBe(false);
    expect(waits({ config: { protocolVersion: 3 } })).toBe(false);
    expect(waits({}, alive("n2", { incarnation: 2 }), alive("n2"))).toBe(true);
    expect(waits({}, alive("n2", { meta: foo }), alive("n2"))).toBe(true);
    expect(waits({}, alive("n3"), alive("n2"))).toBe(true);
  });

  it("enters the queue if its name exceeds 256 bytes", () => {
    expect(waits({}, alive("n".repeat(256)))).toBe(false);
    expect(waits({}, alive("n".repeat(257)))).toBe(true);
    expect(waits({ delegates: { hasAliveDelegate: true } }, alive("n".repeat(257)))).toBe(true);
  });

  it("enters the queue with an alive delegate, in protocol version 1, or if it is about this node", () => {
    expect(waits({ delegates: { hasAliveDelegate: true } })).toBe(true);
    expect(waits({ config: { cidrsAllowed: ["127.0.0.0/8"] } })).toBe(true);
    expect(waits({ delegates: { hasAliveDelegate: true }, config: { cidrsAllowed: ["127.0.0.0/8"] } })).toBe(true);
    expect(waits({ config: { protocolVersion: 1 } })).toBe(true);
    expect(waits({}, alive("n1", { vsn: [1, 5, 2, 0, 0, 0] }))).toBe(true);
  });
});

describe("the alive delegate", () => {
  it("sees each alive message, duplicates included, with the node as alive", () => {
    const seen: Node[] = [];
    const refusesAlive = (node: Node): string | undefined => {
      seen.push(node);
      return undefined;
    };
    const node = started({ delegates: { hasAliveDelegate: true, refusesAlive } });
    seen.length = 0;
    node.deliverAll(alive("n2"), alive("n2"), alive("n2"));
    expect(seen.map(({ name, state }) => `${name} ${state}`)).toEqual(["n2 alive", "n2 alive", "n2 alive"]);
  });

  it("sees no node without versions, which is logged", () => {
    const node = started({ delegates: { hasAliveDelegate: true, refusesAlive: () => "never asked" } });
    node.logs.length = 0;
    node.deliver(alive("n2", { vsn: [1, 5, 2, 0, 0] }));
    expect(node.logged("alive_refused")).toMatchObject([{ level: "warn", message: expect.stringMatching(/n2: .*versions/) }]);
    expect(node.logged("alive_refused")[0]?.message).not.toContain("never asked");
  });
});

describe("the cause of a state", () => {
  it("names the accuser of a suspect member, or the push/pull that reported it", () => {
    const node = started();
    node.deliverAll(alive("n2"), alive("n3"), alive("n4"));
    node.takeEvents();
    node.deliver(suspect("n2", 1, "n9"));
    node.run(() => mergeAll(node.engine, [pushed("n3", 1), pushed("n4", 2)], false));
    expect(node.takeEvents()).toMatchObject([
      { type: "suspect", node: { name: "n2" }, from: "n9", cause: { code: "accused", from: "n9" } },
      { type: "suspect", node: { name: "n3" }, from: "n1", cause: { code: "push_pull", state: "suspect" } },
      { type: "suspect", node: { name: "n4" }, from: "n1", cause: { code: "push_pull", state: "dead" } },
    ]);
  });

  it("names the node that declared a member dead, with any suspicion before it", () => {
    const node = started();
    node.deliverAll(alive("n2"), alive("n3"), alive("n4"), suspect("n3", 1, "n8"));
    node.takeEvents();
    node.deliverAll(dead("n2", 1, "n9"), dead("n3", 1, "n9"), dead("n4", 1, "n4"));
    expect(node.takeEvents().map((event) => (event.type === "leave" ? event.cause : event.type))).toEqual([
      { code: "declared_dead", from: "n9", suspicion: undefined },
      { code: "declared_dead", from: "n9", suspicion: { code: "accused", from: "n8" } },
      { code: "left" },
    ]);
  });

  it("contains accusers, confirmations and times for a death by this node's timer", () => {
    const node = new EngineHarness();
    for (const name of ["n2", "n3", "n4", "n5", "n6"]) node.deliver(alive(name));
    node.deliverAll(suspect("n2", 1, "a"), suspect("n2", 1, "b"));
    const begin = node.now;
    node.takeEvents();
    node.advance(60_000);
    const [event] = node.takeEvents();
    expect(event).toMatchObject({ type: "leave", node: { name: "n2", state: "dead" } });
    expect(event).toMatchObject({
      cause: {
        code: "suspicion_timeout",
        suspicion: { code: "accused", from: "a" },
        accusers: ["a", "b"],
        confirmationsWanted: 2,
        suspectFor: expect.closeTo(11_381, -1),
      },
    });
    expect(node.takeBroadcasts()).toContainEqual(dead("n2", 1, "n1"));
    expect(node.now - begin).toBe(60_000);
  });

  it("disappears once the node has refuted", () => {
    const node = started();
    node.deliverAll(alive("n2"), suspect("n2", 1, "n9"), alive("n2", { incarnation: 2 }));
    node.takeEvents();
    node.deliver(dead("n2", 2, "n8"));
    expect(node.takeEvents()).toMatchObject([
      { type: "leave", cause: { code: "declared_dead", from: "n8", suspicion: undefined } },
    ]);
  });
});

describe("the round trip of a member", () => {
  /** Its ping is answered after 8 ms; then it dies, rejoins, and answers no further probe. */
  function rttAfter(back: { readonly addr?: string; readonly port?: number }): unknown {
    const config = { probeInterval: 1000, probeTimeout: 100, disableTcpPings: true, suspicionMult: 1000 };
    const node = new EngineHarness({ fixedRandom: 0, config }).start();
    node.deliver(alive("n2"));
    node.advance(8);
    node.deliver(ack(node.sentOf("ping")[0]?.seqNo ?? -1));
    node.deliverAll(dead("n2", 1, "n2"), alive("n2", { incarnation: 2, ...back }));
    node.takeEvents();
    node.advance(5000);
    const verdict = node.takeEvents().find(({ type }) => type === "suspect");
    return verdict?.type === "suspect" && verdict.cause.code === "probe_failed" ? verdict.cause.rtt : "no verdict";
  }

  it("disappears when the member returns at another host or port, and stays otherwise", () => {
    expect(rttAfter({})).toBe(8);
    expect(rttAfter({ port: 7947 })).toBeUndefined();
    expect(rttAfter({ addr: "127.0.0.22" })).toBeUndefined();
    expect(rttAfter({ addr: "127.0.0.22", port: 7947 })).toBeUndefined();
  });
});

it("shows the merge delegate a node in an undefined state as dead", () => {
  const asked: string[] = [];
  const delegates = {
    hasMergeDelegate: true,
    refusesMerge: (peers: readonly Node[]): unknown => {
      asked.push(...peers.map(({ name, state }) => `${name} ${state}`));
      return undefined;
    },
  };
  const node = started({ delegates });
  node.run(() => mergeAll(node.engine, [pushed("n2", 1), pushed("n3", 7)], true));
  expect(asked).toEqual(["n2 suspect", "n3 dead"]);
});

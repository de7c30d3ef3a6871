import { describe, expect, it } from "vitest";
import {
  createMemberlist,
  lanConfig,
  type Config,
  type JoinError,
  type Memberlist,
  type MemberlistError,
} from "../../src/index.ts";
import type { Transport } from "../../src/ports/transport.ts";
import { bytes, clusters, names, outcome, thrown, type Cluster, type TestNode } from "./cluster.ts";
import { RawPeer } from "./raw-peer.ts";

const cluster = clusters();

function config(one: Cluster, fields: Partial<Config>): Config {
  return { ...lanConfig(), name: "node", clock: one.clock, random: one.random, ...fields };
}

/** A transport that counts its shutdowns, with some of it replaced. */
function watched(one: Cluster, changes: Partial<Transport> = {}): { transport: Transport; shutdowns: () => number } {
  const transport = one.network.transport();
  let shutdowns = 0;
  const shutdown = transport.shutdown.bind(transport);
  transport.shutdown = () => {
    shutdowns++;
    return shutdown();
  };
  return { transport: Object.assign(transport, changes), shutdowns: () => shutdowns };
}

describe("a failed create", () => {
  const failing: readonly (readonly [string, string, Partial<Config>, Partial<Transport>])[] = [
    ["a wrong config", "invalid_config", { probeInterval: -1 }, {}],
    [
      "an advertised address that is none",
      "advertise_address_failed",
      {},
      { finalAdvertiseAddr: () => ({ addr: "web-1", port: 1 }) },
    ],
    [
      "an advertised address with a zone",
      "advertise_address_failed",
      {},
      { finalAdvertiseAddr: () => ({ addr: "fe80::1%lo", port: 1 }) },
    ],
    ["an advertised port of 0", "advertise_address_failed", {}, { finalAdvertiseAddr: () => ({ addr: "10.0.0.1", port: 0 }) }],
    ["metadata that is too large", "meta_too_large", { delegate: { nodeMeta: () => new Uint8Array(513) } }, {}],
    [
      "a transport that cannot say",
      "Error: no interface",
      {},
      { finalAdvertiseAddr: () => Promise.reject(new Error("no interface")) },
    ],
    [
      "a transport that cannot listen",
      "Error: no socket",
      {},
      {
        listen: () => {
          throw new Error("no socket");
        },
      },
    ],
  ];

  it("names the fields to set if the address has a zone, which the wire cannot carry", async () => {
    const one = cluster();
    const { transport } = watched(one, { finalAdvertiseAddr: () => ({ addr: "fe80::1%lo", port: 7946 }) });
    await expect(createMemberlist(config(one, { transport }))).rejects.toMatchObject({
      code: "advertise_address_failed",
      message: expect.stringMatching(/fe80::1%lo, has a zone.*bindAddr.*advertiseAddr/),
    });
  });

  it.each(failing)("shuts the transport down and leaves nothing behind: %s", async (_, code, fields, changes) => {
    const one = cluster();
    const { transport, shutdowns } = watched(one, changes);
    expect(await outcome(createMemberlist(config(one, { transport, ...fields })))).toBe(code);
    expect(shutdowns()).toBe(1);
    expect(one.clock.pending).toBe(0);
  });

  it("reports its cause even if the transport's shutdown fails, too", async () => {
    const one = cluster();
    const transport = one.network.transport();
    transport.shutdown = () => Promise.reject(new Error("stuck"));
    expect(await outcome(createMemberlist(config(one, { transport, probeInterval: -1 })))).toBe("invalid_config");
  });

  it("names a missing transport or config", async () => {
    const one = cluster();
    expect(await outcome(createMemberlist(config(one, {})))).toBe("invalid_config");
    expect(await outcome(createMemberlist(undefined as unknown as Config))).toBe("invalid_config");
    expect(await outcome(createMemberlist({ name: "x", transport: 7 } as unknown as Config))).toBe("invalid_config");
  });
});

describe("shutdown()", () => {
  it("works twice, also at once, and by await using", async () => {
    const one = cluster();
    const { transport, shutdowns } = watched(one);
    const members = await createMemberlist(config(one, { transport }));
    expect(members.shutdown()).toBe(members.shutdown());
    await members.shutdown();
    await members[Symbol.asyncDispose]();
    expect(shutdowns()).toBe(1);
    const other = watched(one);
    const disposed = await createMemberlist(config(one, { transport: other.transport }));
    await disposed[Symbol.asyncDispose]();
    expect(other.shutdowns()).toBe(1);
    expect(one.clock.pending).toBe(0);
  });

  it("leaves no timer behind, even amid pending operations", async () => {
    const one = cluster();
    const nodes = await one.joined(5, { probeInterval: 100, probeTimeout: 50, pushPullInterval: 300 });
    await (nodes[1] as TestNode).members.shutdown();
    await one.until(() => nodes[0]?.members.members().some(({ state }) => state === "suspect") === true);
    await Promise.all(nodes.map(({ members }) => members.shutdown()));
    await one.advance(100);
    expect(one.clock.pending).toBe(0);
  });

  it("ends all delivery of packets and streams", async () => {
    const one = cluster();
    const messages: unknown[] = [];
    const [a, b] = (await one.joined(2, (i) => ({
      delegate: i === 0 ? { notifyMsg: (message) => void messages.push(message) } : undefined,
    }))) as [TestNode, TestNode];
    b.members.sendBestEffort(a.address, bytes("under way"));
    const sending = b.members.sendReliable(a.address, bytes("by stream"));
    await a.members.shutdown();
    expect(await outcome(one.settle(sending))).toBe("dial_failed");
    await one.advance(5_000);
    expect(messages).toEqual([]);
  });

  it("frees its name and address for the next node", async () => {
    const one = cluster();
    const [a, b] = (await one.joined(2)) as [TestNode, TestNode];
    for (let i = 0; i < 3; i++) {
      await one.settle((one.nodes.at(-1) as TestNode).members.leave());
      await (one.nodes.at(-1) as TestNode).members.shutdown();
      const again = await one.start({ name: b.name, host: b.transport.host });
      await one.settle(again.members.join([a.seed]));
      await one.until(() => a.members.numMembers() === 2);
    }
    expect(names(a)).toEqual(["node-0", "node-1"]);
  });
});

describe("await using", () => {
  it("leaves before it shuts down, so that the others do not see a crash", async () => {
    const one = cluster();
    const [a, b] = (await one.joined(2)) as [TestNode, TestNode];
    await one.settle(b.members[Symbol.asyncDispose]());
    await one.advance(10_000);
    expect(a.members.numMembers()).toBe(1);
    const left = a.members.recentEvents().filter(({ type }) => type === "leave" || type === "suspect");
    expect(left).toMatchObject([{ type: "leave", cause: { code: "left" }, node: { name: b.name } }]);
    expect(await outcome(b.members.leave())).toBe("shutdown");
  });

  it("gives up a leave that takes more than 5 s, and shuts down", async () => {
    const one = cluster();
    const { transport, shutdowns } = watched(one);
    const a = await one.start({ gossipInterval: 0, probeInterval: 0 });
    const b = await createMemberlist(config(one, { transport, gossipInterval: 0, probeInterval: 0 }));
    await one.settle(b.join([a.address]));
    const before = one.clock.now();
    await one.settle(b[Symbol.asyncDispose]());
    expect([one.clock.now() - before, shutdowns()]).toEqual([5_000, 1]);
  });
});

describe("a member after the shutdown", () => {
  const methods: Readonly<Record<string, (members: Memberlist) => Promise<unknown>>> = {
    join: (members) => members.join(["10.0.0.9"]),
    leave: (members) => members.leave(),
    updateNode: (members) => members.updateNode(),
    ping: (members) => members.ping("x/10.0.0.9"),
    sendReliable: (members) => members.sendReliable("10.0.0.9", bytes("x")),
  };

  it.each(Object.entries(methods))("rejects %s() with shutdown", async (_, call) => {
    const { members } = await cluster().start();
    await members.shutdown();
    expect(await outcome(call(members))).toBe("shutdown");
  });

  it("throws when it sends packets, while the getters go on working", async () => {
    const one = cluster();
    const [a] = (await one.joined(2)) as [TestNode];
    const self = a.members.localNode();
    await a.members.shutdown();
    expect(thrown(() => a.members.sendBestEffort(self, bytes("x")))).toBe("shutdown");
    expect(thrown(() => a.members.sendBestEffort("10.0.0.9", bytes("x")))).toBe("shutdown");
    expect(a.members.members()).toHaveLength(2);
    expect(a.members.numMembers()).toBe(2);
    expect(a.members.localNode()).toEqual(self);
    expect([a.members.healthScore(), a.members.protocolVersion(), a.members.config.name]).toEqual([0, 2, "node-0"]);
    expect(a.members.counters()).toEqual({});
  });
});

describe("an operation that is pending at the shutdown", () => {
  it.each<[string, (members: Memberlist, silent: string) => Promise<unknown>]>([
    ["join()", (members, silent) => members.join([silent])],
    ["join() that dials", (members) => members.join(["10.0.0.2"])],
    ["join() that resolves", (members) => members.join(["slow.example.com"])],
    ["ping()", (members, silent) => members.ping(`x/${silent}`)],
    ["sendReliable()", (members) => members.sendReliable("10.0.0.2", bytes("x"))],
    ["leave()", (members) => members.leave()],
    ["updateNode()", (members) => members.updateNode({ meta: bytes("x") })],
  ])("rejects with shutdown at once: %s", async (what, start) => {
    const one = cluster();
    const [a, b] = (await one.joined(2)) as [TestNode, TestNode];
    const silent = new RawPeer(one);
    one.network.partition([a.transport], [b.transport]);
    a.transport.resolve = () => new Promise(() => undefined);
    const before = one.clock.now();
    const waiting = start(a.members, silent.transport.host).catch((error: unknown) => error);
    await one.advance(100);
    await a.members.shutdown();
    // The leave and the update have taken effect, and the message may have been sent.
    const stateChanged = /leave|updateNode|dials|sendReliable|join\(\)$/.test(what);
    expect(await waiting).toMatchObject({ code: "shutdown", stateChanged });
    expect(one.clock.now() - before).toBe(100);
  });
});

describe("a signal", () => {
  const waits: Readonly<Record<string, (node: TestNode, signal: AbortSignal) => Promise<unknown>>> = {
    join: ({ members }, signal) => members.join(["10.0.0.2"], { signal }),
    "join that resolves": ({ members }, signal) => members.join(["slow.example.com"], { signal }),
    ping: ({ members }, signal) => members.ping("x/10.0.0.2", { signal }),
    sendReliable: ({ members }, signal) => members.sendReliable("10.0.0.2", bytes("x"), { signal }),
    leave: ({ members }, signal) => members.leave({ signal }),
    updateNode: ({ members }, signal) => members.updateNode({ meta: bytes("x"), signal }),
  };

  it.each(Object.entries(waits))("ends %s before it starts and while it is pending", async (what, start) => {
    const one = cluster();
    const [a, b] = (await one.joined(2, { gossipInterval: 0, probeInterval: 3_000 })) as [TestNode, TestNode];
    a.transport.resolve = () => new Promise(() => undefined);
    one.network.partition([a.transport], [b.transport]);
    const reason = new Error("I changed my mind");
    const early = await start(a, AbortSignal.abort(reason)).catch((error: unknown) => error);
    expect(early).toMatchObject({ code: "aborted", cause: reason, stateChanged: false });
    expect(a.members.localNode()).toMatchObject({ state: "alive" });

    const abort = new AbortController();
    const waiting = start(a, abort.signal).catch((error: unknown) => error);
    await one.advance(100);
    abort.abort(reason);
    const error = (await one.settle(waiting)) as MemberlistError;
    expect(error).toMatchObject({ code: "aborted", cause: reason });
    expect(error.stateChanged).toBe(["leave", "updateNode", "join", "sendReliable"].includes(what));
    expect(one.clock.now()).toBeLessThan(3_000);
  });
});

describe("a leave at the same moment as others", () => {
  it("does not wait for them", async () => {
    const one = cluster();
    const nodes = await one.joined(2);
    const start = one.clock.now();
    await one.settle(Promise.all(nodes.map(({ members }) => members.leave({ timeout: 60_000 }))));
    expect(one.clock.now() - start).toBeLessThan(2_000);
  });
});

describe("a timeout", () => {
  it("ends leave() and updateNode(), whose changes remain", async () => {
    const one = cluster();
    const [a, b] = (await one.joined(2, { gossipInterval: 0, probeInterval: 0 })) as [TestNode, TestNode];
    const before = one.clock.now();
    const updating = await one.settle(a.members.updateNode({ meta: bytes("x"), timeout: 200 }).catch((error: unknown) => error));
    expect(updating).toMatchObject({ code: "timeout", stateChanged: true, details: { timeout: 200 } });
    expect(one.clock.now() - before).toBe(200);
    expect(await outcome(one.settle(a.members.leave()))).toBe("timeout");
    expect(one.clock.now() - before).toBe(10_200);
    expect(names(a)).toEqual(["node-1"]);
    // The broadcast is still queued: a second call waits for the same one, and resolves once it is sent.
    expect(await outcome(one.settle(a.members.leave({ timeout: 100 })))).toBe("timeout");
    const leaving = a.members.leave({ timeout: 0 });
    for (let i = 0; i < 8; i++) await one.settle(b.members.ping(a.seed));
    await one.settle(leaving);
    await one.advance(10);
    expect(names(b)).toEqual(["node-1"]);
    expect(await outcome(one.settle(a.members.leave()))).toBe("ok");
  });

  it("bounds a whole join, and tcpTimeout bounds each address", async () => {
    const one = cluster();
    const node = await one.start({ tcpTimeout: 400 });
    const silent = ["10.9.0.1", "10.9.0.2", "10.9.0.3"].map((host) => new RawPeer(one, host).transport.host);
    const before = one.clock.now();
    const error = (await one.settle(
      node.members.join(silent, { timeout: 1_000 }).catch((reason: unknown) => reason),
    )) as JoinError;
    expect(error.code).toBe("join_failed");
    expect(one.clock.now() - before).toBe(1_000);
    expect(error.attempts.map(({ error: reason, elapsed }) => [reason?.code, elapsed])).toEqual([
      ["timeout", 400],
      ["timeout", 400],
      ["timeout", 200],
    ]);
  });

  it("resolves a join that reached a peer with the failed attempts", async () => {
    const one = cluster();
    const a = await one.start();
    const b = await one.start();
    const silent = new RawPeer(one, "10.9.0.1").transport.host;
    const { reached, attempts } = await one.settle(b.members.join([a.seed, silent, "10.9.0.2"], { timeout: 300 }));
    expect(reached).toBe(1);
    expect(attempts.map(({ error }) => error?.code)).toEqual([undefined, "timeout", "timeout"]);
  });
});

describe("ping()", () => {
  it("returns the round trip to a member or an address", async () => {
    const one = cluster(1, { latency: 40 });
    const [a, b] = (await one.joined(2)) as [TestNode, TestNode];
    expect(await one.settle(a.members.ping(b.members.localNode()))).toBe(80);
    expect(await one.settle(a.members.ping(b.seed))).toBe(80);
    expect(await one.settle(a.members.ping({ host: "10.0.0.2", port: 7946, name: "" }))).toBe(80);
  });

  it("fails after probeTimeout if no node answers or the address has another node", async () => {
    const one = cluster();
    const [a, b] = (await one.joined(2, { probeTimeout: 300 })) as [TestNode, TestNode];
    const before = one.clock.now();
    const error = await one.settle(a.members.ping("ghost/10.0.0.9").catch((reason: unknown) => reason));
    expect(error).toMatchObject({
      code: "no_ping_response",
      details: { address: { name: "ghost", host: "10.0.0.9", port: 7946 } },
    });
    expect(one.clock.now() - before).toBe(300);
    expect(await outcome(one.settle(a.members.ping(`not-${b.seed}`)))).toBe("no_ping_response");
    expect(b.members.counters()).toEqual({ "dropped.ping_for_other_node": 1 });
    expect(await outcome(a.members.ping("no:such:thing"))).toBe("invalid_address");
    expect(await outcome(a.members.ping("host.example.com:7946"))).toBe("invalid_address");
  });
});

describe("a timeout", () => {
  it("means no timeout at 0, or above the longest timer", async () => {
    for (const timeout of [0, 2 ** 31, 2 ** 40, Number.POSITIVE_INFINITY]) {
      const one = cluster();
      const [a] = (await one.joined(2)) as [TestNode];
      expect(await one.settle(outcome(a.members.updateNode({ meta: bytes("x"), timeout })))).toBe("ok");
    }
  });

  it("causes an error before anything happens if it is not a duration", async () => {
    const one = cluster();
    const [a] = (await one.joined(2)) as [TestNode];
    for (const timeout of [-1, Number.NaN]) {
      expect(await one.settle(outcome(a.members.updateNode({ meta: bytes("x"), timeout })))).toBe("invalid_argument");
    }
    expect(a.members.localNode().meta).toEqual(bytes(""));
  });
});

import { describe, expect, it } from "vitest";
import { createMemberlist, lanConfig, type Config, type Node } from "../../src/index.ts";
import { bytes, clusters, codes, names, outcome, text, type Cluster, type TestNode } from "./cluster.ts";
import { aliveMessage, RawPeer } from "./raw-peer.ts";

const cluster = clusters();

/** The methods of all six delegates, by the config field that they belong to. */
const methods = {
  delegate: ["nodeMeta", "notifyMsg", "getBroadcasts", "localState", "mergeRemoteState"],
  events: ["notifyJoin", "notifyLeave", "notifyUpdate"],
  conflict: ["notifyConflict"],
  merge: ["notifyMerge"],
  ping: ["ackPayload", "notifyPingComplete"],
  alive: ["notifyAlive"],
} as const;
const allMethods = Object.entries(methods).flatMap(([field, list]) => list.map((method) => [field, method] as const));

/** A valid return value for each method. */
const results: Readonly<Record<string, unknown>> = {
  nodeMeta: bytes("meta"),
  getBroadcasts: [bytes("broadcast")],
  localState: bytes("state"),
  ackPayload: bytes("payload"),
};

/** All six delegates. Each method calls `act`. */
function delegates(act: (method: string, args: readonly unknown[]) => unknown): Partial<Config> {
  const of = (field: keyof typeof methods): Record<string, (...args: unknown[]) => unknown> =>
    Object.fromEntries(methods[field].map((method) => [method, (...args: unknown[]) => act(method, args)]));
  return Object.fromEntries(Object.keys(methods).map((field) => [field, of(field as keyof typeof methods)]));
}

/** Causes every call of every delegate of `node`. */
async function everything(one: Cluster, node: TestNode): Promise<void> {
  const other = await one.start({ name: "other", meta: bytes("1"), delegate: { localState: () => bytes("other's state") } });
  await one.settle(other.members.join([node.seed]));
  await one.settle(node.members.updateNode());
  await one.settle(other.members.updateNode({ meta: bytes("2") }));
  other.members.sendBestEffort(node.address, bytes("message"));
  new RawPeer(one).send(aliveMessage("other", "10.9.9.9", { incarnation: 50 }), node);
  await one.advance(5_000);
  await one.settle(other.members.leave());
  await other.members.shutdown();
  await one.advance(1_000);
}

describe("each method of each delegate", () => {
  it("receives the documented arguments", async () => {
    const one = cluster();
    const calls = new Map<string, readonly unknown[]>();
    const node = await one.start({
      name: "node",
      ...delegates((method, args) => {
        if (!calls.has(method)) calls.set(method, args);
        return results[method];
      }),
    });
    await everything(one, node);
    const self = expect.objectContaining({ name: "node" });
    const other = expect.objectContaining({ name: "other" });
    expect(Object.fromEntries(calls)).toEqual({
      nodeMeta: [512],
      notifyMsg: [bytes("message"), { host: "10.0.0.2", port: 7946, name: "" }],
      getBroadcasts: [3, expect.any(Number)],
      localState: [true],
      mergeRemoteState: [bytes("other's state"), true],
      notifyJoin: [self],
      notifyLeave: [other],
      notifyUpdate: [other],
      notifyConflict: [other, expect.objectContaining({ name: "other", addr: "10.9.9.9" })],
      notifyMerge: [[other]],
      ackPayload: [],
      notifyPingComplete: [other, 2, new Uint8Array()],
      notifyAlive: [self],
    });
    expect([...calls.keys()].toSorted()).toEqual(allMethods.map(([, method]) => method).toSorted());
    expect(node.members.counters()).not.toHaveProperty("delegate_failed");
  });

  it.each(allMethods)(
    "breaks nothing when %s.%s throws: the error is counted and logged, or refuses the node",
    async (_, broken) => {
      const one = cluster();
      let isBroken = false;
      let broke = 0;
      const fields = delegates((method) => {
        if (method === broken && isBroken) {
          broke++;
          throw new Error("no good");
        }
        return results[method];
      });
      const node = await one.start({ name: "node", ...fields });
      isBroken = true;
      await everything(one, node);
      expect(broke).toBeGreaterThan(0);
      const isObjection = broken === "notifyMerge" || broken === "notifyAlive";
      expect(node.members.counters()["delegate_failed"] ?? 0).toBe(isObjection ? 0 : broke);
      const line = node.log.find(({ fields: { code } }) => code === "delegate_failed");
      expect([line?.level, line?.fields["method"]]).toEqual(isObjection ? [undefined, undefined] : ["error", broken]);
      // The node still works.
      isBroken = false;
      const friend = await one.start({ name: "friend" });
      await one.settle(friend.members.join([node.seed]));
      await one.until(() => names(node).join() === "friend,node");
    },
  );

  it.each(allMethods)(
    "breaks nothing when %s.%s is an async function that rejects: the rejection is counted, and nothing waits for the function",
    async (_, broken) => {
      const one = cluster();
      let broke = 0;
      const node = await one.start({
        name: "node",
        ...delegates((method) => {
          if (method !== broken) return results[method];
          broke++;
          return Promise.reject(new Error("too late"));
        }),
      });
      await everything(one, node);
      expect(broke).toBeGreaterThan(0);
      // A promise in place of bytes is one error, and its rejection is another. Only localState may return one.
      const mustBeBytes = broken in results && broken !== "localState";
      expect(node.members.counters()["delegate_failed"]).toBe(mustBeBytes ? 2 * broke : broke);
      const friend = await one.start({ name: "friend" });
      await one.settle(friend.members.join([node.seed]));
      await one.until(() => names(node).join() === "friend,node");
    },
  );

  it.each(Object.keys(results))(
    "breaks nothing when %s returns an invalid value, which is ignored and counted as an error",
    async (broken) => {
      for (const nonsense of ["text", 7, [1], { length: 3 }]) {
        const one = cluster();
        const node = await one.start({
          name: "node",
          meta: bytes("from the config"),
          ...delegates((method) => (method === broken ? nonsense : results[method])),
        });
        await everything(one, node);
        expect(node.members.counters()["delegate_failed"]).toBeGreaterThan(0);
        expect(node.members.localNode().state).toBe("alive");
        expect(text(node.members.localNode().meta)).toBe(broken === "nodeMeta" ? "from the config" : "meta");
      }
    },
  );
});

describe("a delegate's metadata", () => {
  it("fails the create or the update if it is too large", async () => {
    const one = cluster();
    const transport = one.network.transport();
    const delegate = { size: 513, nodeMeta: (): Uint8Array => new Uint8Array(delegate.size) };
    const config = { ...lanConfig(), name: "big", clock: one.clock, random: one.random, delegate };
    expect(await outcome(createMemberlist({ ...config, transport }))).toBe("meta_too_large");
    delegate.size = 512;
    const node = await one.start({ delegate });
    delegate.size = 513;
    expect(await outcome(node.members.updateNode())).toBe("meta_too_large");
    expect(node.members.localNode().meta).toHaveLength(512);
  });

  it("stays unchanged when the delegate throws", async () => {
    const one = cluster();
    let meta: Uint8Array | undefined = bytes("good");
    const node = await one.start({
      delegate: {
        nodeMeta: () => {
          if (meta === undefined) throw new Error("none");
          return meta;
        },
      },
    });
    meta = undefined;
    await one.settle(node.members.updateNode());
    expect(text(node.members.localNode().meta)).toBe("good");
    expect(node.members.counters()).toEqual({ delegate_failed: 1 });
  });

  it("reaches the peers in a push/pull that leaves out a localState over the limit", async () => {
    const one = cluster();
    const merged: number[] = [];
    const a = await one.start({ enableCompression: false, delegate: { localState: () => new Uint8Array(20 * 1024 * 1024 + 1) } });
    const b = await one.start({
      enableCompression: false,
      delegate: { mergeRemoteState: (state) => void merged.push(state.length) },
    });
    expect((await one.settle(b.members.join([a.seed]))).reached).toBe(1);
    expect(merged).toEqual([]);
    expect(a.members.counters()).toEqual({ delegate_failed: 1 });
  });
});

describe("a node view", () => {
  it("stays frozen, and a change makes a new view", async () => {
    const one = cluster();
    const notified: Node[] = [];
    const [a, b] = (await one.joined(2, (i) => ({
      events:
        i === 0
          ? { notifyJoin: (node) => void notified.push(node), notifyUpdate: (node) => void notified.push(node) }
          : undefined,
    }))) as [TestNode, TestNode];
    const before = a.members.members();
    await one.settle(b.members.updateNode({ meta: bytes("changed") }));
    await one.settle(b.members.leave());
    await one.until(() => a.members.numMembers() === 1);
    expect(before.map(({ name, state, meta }) => `${name} ${state} ${text(meta)}`).toSorted()).toEqual([
      "node-0 alive ",
      "node-1 alive ",
    ]);
    for (const node of [...before, ...notified, a.members.localNode()]) {
      expect(Object.isFrozen(node)).toBe(true);
      expect(() => Object.assign(node, { state: "dead" })).toThrow(TypeError);
    }
    expect(notified.map(({ name, meta }) => [name, text(meta)])).toEqual([
      ["node-0", ""],
      ["node-1", ""],
      ["node-1", "changed"],
    ]);
    const list = a.members.members();
    list.length = 0;
    expect(a.members.numMembers()).toBe(1);
    expect(a.members.members()).toHaveLength(1);
    expect(codes(a)).not.toContain("delegate_failed");
  });
});

describe("an error of the application", () => {
  it("leads to a count, a log line and a stream ping in disableTcpPingsForNode", async () => {
    const one = cluster();
    const disableTcpPingsForNode = (): boolean => {
      throw new Error("wrong");
    };
    const [a, b] = (await one.joined(2, (i) => (i === 0 ? { disableTcpPingsForNode } : {}))) as [TestNode, TestNode];
    one.network.block(a.transport.address, b.transport.address, { packets: true, streams: false });
    await one.advance(5000);
    expect(a.members.counters()["delegate_failed"]).toBeGreaterThan(0);
    expect(a.members.counters()["probe.stream_only"]).toBeGreaterThan(0);
    expect(a.members.numMembers()).toBe(2);
  });

  it("fails the create if no packet can hold the metadata", async () => {
    const one = cluster();
    const delegate = { nodeMeta: () => new Uint8Array(512) };
    expect(await outcome(one.start({ udpBufferSize: 300, delegate }))).toBe("meta_too_large");
  });

  it("leaves the metadata unchanged in updateNode()", async () => {
    const one = cluster();
    const [a] = (await one.joined(2, { udpBufferSize: 300, meta: bytes("before") })) as [TestNode];
    expect(await outcome(a.members.updateNode({ meta: new Uint8Array(512) }))).toBe("meta_too_large");
    await one.settle(a.members.updateNode());
    expect(a.members.localNode().meta).toEqual(bytes("before"));
  });
});

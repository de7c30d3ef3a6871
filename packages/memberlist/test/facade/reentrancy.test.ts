import { describe, expect, it } from "vitest";
import type { Config, Memberlist } from "../../src/index.ts";
import { bytes, clusters, names, text, type Cluster, type TestNode, inThread } from "./cluster.ts";

const cluster = clusters();

type Callback =
  | "notifyMsg"
  | "getBroadcasts"
  | "localState"
  | "mergeRemoteState"
  | "notifyJoin"
  | "notifyLeave"
  | "notifyUpdate"
  | "notifyConflict"
  | "notifyMerge"
  | "ackPayload"
  | "notifyPingComplete"
  | "notifyAlive"
  | "nodeMeta";
const callbacks: readonly Callback[] = [
  "notifyMsg",
  "getBroadcasts",
  "localState",
  "mergeRemoteState",
  "notifyJoin",
  "notifyLeave",
  "notifyUpdate",
  "notifyConflict",
  "notifyMerge",
  "ackPayload",
  "notifyPingComplete",
  "notifyAlive",
  "nodeMeta",
];

/** All delegates; `from` calls `act` first. */
function calling(from: Callback, act: () => void): Partial<Config> {
  const at = <T>(callback: Callback, result: T) => {
    return (): T => {
      if (callback === from) act();
      return result;
    };
  };
  return {
    delegate: {
      nodeMeta: at("nodeMeta", bytes("m")),
      notifyMsg: at("notifyMsg", undefined),
      getBroadcasts: at("getBroadcasts", []),
      localState: at("localState", bytes("s")),
      mergeRemoteState: at("mergeRemoteState", undefined),
    },
    events: {
      notifyJoin: at("notifyJoin", undefined),
      notifyLeave: at("notifyLeave", undefined),
      notifyUpdate: at("notifyUpdate", undefined),
    },
    conflict: { notifyConflict: at("notifyConflict", undefined) },
    merge: { notifyMerge: at("notifyMerge", undefined) },
    ping: { ackPayload: at("ackPayload", bytes("p")), notifyPingComplete: at("notifyPingComplete", undefined) },
    alive: { notifyAlive: at("notifyAlive", undefined) },
  };
}

interface Scene {
  readonly one: Cluster;
  readonly node: TestNode;
  readonly calls: number;
  /** The results of the calls into the library. */
  readonly results: Promise<unknown>[];
}

/** A node whose callback calls `act` (the first 20 times, once the node has started). Every callback gets called. */
async function play(from: Callback, act: (members: Memberlist) => unknown): Promise<Scene> {
  const one = cluster();
  let members: Memberlist | undefined;
  let calls = 0;
  const results: Promise<unknown>[] = [];
  const fields = calling(from, () => {
    if (members === undefined || calls >= 20) return;
    calls++;
    try {
      results.push(Promise.resolve(act(members)).catch((error: unknown) => error));
    } catch (error) {
      results.push(Promise.resolve(error));
    }
  });
  const node = await one.start({ name: "node", tcpTimeout: 1_000, ...fields });
  members = node.members;
  const other = await one.start({ name: "other", tcpTimeout: 1_000, delegate: { localState: () => bytes("s") } });
  const twin = await one.start({ name: "other", tcpTimeout: 1_000 });
  const quiet = async (promise: Promise<unknown>): Promise<void> => {
    await one.settle(promise.catch(() => undefined));
  };
  await quiet(other.members.join([node.seed]));
  await quiet(node.members.updateNode());
  await quiet(other.members.updateNode({ meta: bytes("changed") }));
  other.members.sendBestEffort(node.address, bytes("message"));
  await quiet(twin.members.join([node.seed]));
  await one.advance(3_000);
  await twin.members.shutdown();
  await quiet(other.members.leave());
  await other.members.shutdown();
  await one.advance(12_000);
  return { one, node, calls, results };
}

/** The results other than values. */
async function failures({ results }: Scene): Promise<string[]> {
  const settled = await Promise.all(results);
  return [
    ...new Set(
      settled.filter((result) => result instanceof Error).map((error) => (error as { code?: string }).code ?? String(error)),
    ),
  ];
}

describe.each(callbacks)("a call of the library from %s", (from) => {
  it("reads the members", async () => {
    const seen: number[] = [];
    const scene = await play(from, (members) => {
      seen.push(members.members().length, members.numMembers());
      return members.localNode();
    });
    expect(scene.calls).toBeGreaterThan(0);
    expect(await failures(scene)).toEqual([]);
    for (let i = 0; i < seen.length; i += 2) expect(seen[i]).toBe(seen[i + 1]);
  });

  it("updates the node", async () => {
    let version = 0;
    const metas: string[] = [];
    const scene = await play(from, async (members) => {
      const meta = `v${++version}`;
      const updating = members.updateNode({ meta: bytes(meta), timeout: 3_000 });
      metas.push(text(members.localNode().meta));
      await updating;
    });
    expect(scene.calls).toBeGreaterThan(0);
    expect(metas).toHaveLength(version);
    // In a thread of its own the member shows the change once the call has resolved.
    expect(inThread || metas.every((meta) => meta.startsWith("v"))).toBe(true);
    // The other members may have left meanwhile.
    expect(["", "timeout"]).toContain((await failures(scene)).join());
    expect(scene.node.members.localNode().state).toBe("alive");
  });

  it("sends by packet and by stream, to itself, too, and pings", async () => {
    const scene = await play(from, (members) => {
      members.sendBestEffort(members.localNode(), bytes("note to self"));
      members.sendBestEffort("other/10.0.0.2", bytes("note"));
      return Promise.all([members.sendReliable(members.localNode(), bytes("by stream")), members.ping("node/10.0.0.1:7946")]);
    });
    expect(scene.calls).toBeGreaterThan(0);
    expect(await failures(scene)).toEqual([]);
  });

  it("leaves the cluster", async () => {
    const scene = await play(from, (members) => members.leave({ timeout: 5_000 }));
    expect(scene.calls).toBeGreaterThan(0);
    expect(await failures(scene)).toEqual([]);
    expect(scene.node.members.localNode().state).toBe("left");
    expect(names(scene.node)).not.toContain("node");
  });

  it("shuts the node down", async () => {
    const scene = await play(from, (members) => members.shutdown());
    expect(await failures(scene)).toEqual([]);
    // A callback that is called again finds the node shut down already.
    expect(scene.calls).toBeGreaterThan(0);
    expect(scene.calls).toBeLessThanOrEqual(3);
    expect(scene.node.transport.listening).toBe(false);
    expect(scene.node.members.counters()).not.toHaveProperty("delegate_failed");
  });

  it("joins, even during a join", async () => {
    const scene = await play(from, (members) => members.join(["other/10.0.0.2"], { timeout: 500 }).catch(() => undefined));
    expect(scene.calls).toBeGreaterThan(0);
    expect(await failures(scene)).toEqual([]);
  });
});

describe("a change made by a callback", () => {
  it("appears after the current event, so that events keep their order", async () => {
    const one = cluster();
    const notified: string[] = [];
    let members: Memberlist | undefined;
    const node = await one.start({
      events: {
        notifyJoin: ({ name }) => {
          notified.push(`join ${name}`);
          if (name !== "b") return;
          members?.updateNode({ meta: bytes("seen b") }).catch(() => undefined);
          notified.push("end of join b");
        },
        notifyUpdate: ({ name, meta }) => void notified.push(`update ${name} ${text(meta)}`),
      },
    });
    members = node.members;
    const b = await one.start({ name: "b" });
    await one.start({ name: "c" });
    await one.settle((one.nodes[2] as TestNode).members.join([b.seed]));
    notified.length = 0;
    await one.settle(b.members.join([node.seed]));
    await one.advance(2_000);
    expect(notified.filter((line) => line !== "join c")).toEqual(["join b", "end of join b", "update node-0 seen b"]);
    expect(notified.indexOf("update node-0 seen b")).toBe(notified.length - 1);
  });

  it("does not appear after a callback has shut the node down", async () => {
    const one = cluster();
    const notified: string[] = [];
    let members: Memberlist | undefined;
    const node = await one.start({
      delegate: {
        notifyMsg: (message) => {
          notified.push(text(message));
          members?.shutdown().catch(() => undefined);
        },
      },
    });
    members = node.members;
    const events = node.members.events();
    const other = await one.start();
    for (const message of ["first", "second", "third"]) other.members.sendBestEffort(node.address, bytes(message));
    await one.advance(100);
    expect(notified).toEqual(["first"]);
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });
});

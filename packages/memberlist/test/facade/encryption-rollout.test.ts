import { describe, expect, it } from "vitest";
import { Keyring, type GossipVerify } from "../../src/index.ts";
import { patterned } from "../wire/aes.ts";
import { clusters, outcome, thrown, type Cluster, type NodeConfig, type TestNode } from "./cluster.ts";
import { Accusations, allSee, rejection, sentPackets, shows } from "./encryption-support.ts";

const cluster = clusters();
const [oldKey, newKey] = [patterned(16, 1), patterned(32, 2)];
/** How long an operator takes between two members, in ms. */
const pause = 1_700;

/** Runs a step on one member after the other while the cluster runs. */
async function everywhere(one: Cluster, nodes: readonly TestNode[], act: (node: TestNode) => void): Promise<void> {
  for (const node of nodes) {
    act(node);
    await one.advance(pause);
  }
}

function keysOf(node: TestNode): Uint8Array[] | undefined {
  return node.members.keyring?.getKeys();
}

async function six(
  fields: NodeConfig | ((i: number) => NodeConfig),
): Promise<{ one: Cluster; nodes: TestNode[]; accusations: Accusations }> {
  const one = cluster();
  const accusations = new Accusations();
  const of = (i: number): NodeConfig => (typeof fields === "function" ? fields(i) : fields);
  const nodes = await one.joined(6, (i) => ({ metrics: accusations.metrics, enableCompression: false, ...of(i) }));
  return { one, nodes, accusations };
}

/** No member was suspected, and nothing was dropped. */
function expectCalm(nodes: readonly TestNode[], accusations: Accusations): void {
  expect([allSee(nodes), accusations.count]).toEqual([true, 0]);
  for (const node of nodes) expect([node.members.counters(), node.members.healthScore()]).toEqual([{}, 0]);
}

describe("rotating the key of a running cluster", () => {
  it("loses nothing with addKey, useKey and removeKey, each on all nodes before the next", async () => {
    const { one, nodes, accusations } = await six({ secretKey: oldKey, pushPullInterval: 2_000 });
    await everywhere(one, nodes, ({ members }) => members.keyring?.addKey(newKey));
    await everywhere(one, nodes.toReversed(), ({ members }) => members.keyring?.useKey(newKey));
    await everywhere(one, nodes, ({ members }) => members.keyring?.removeKey(oldKey));
    await one.advance(30_000);
    expectCalm(nodes, accusations);
    for (const node of nodes) expect(keysOf(node)).toEqual([newKey]);

    const [first] = nodes as [TestNode];
    const late = await one.start({ secretKey: oldKey });
    expect(await rejection(one.settle(late.members.join([first.seed])))).toMatchObject({ cause: { code: "decrypt_failed" } });
    const informed = await one.start({ secretKey: newKey });
    expect((await one.settle(informed.members.join([first.seed]))).reached).toBe(1);
  });

  it("loses packets in another order, and the metrics show it", async () => {
    const { one, nodes, accusations } = await six({ secretKey: oldKey });
    const [hasty] = nodes as [TestNode];
    hasty.members.keyring?.addKey(newKey);
    hasty.members.keyring?.useKey(newKey);
    await one.advance(20_000);
    expect(nodes.some(({ members }) => (members.counters()["dropped.decrypt_failed"] ?? 0) > 0)).toBe(true);
    expect(accusations.count).toBeGreaterThan(0);
    // The missing step repairs it.
    for (const { members } of nodes) members.keyring?.addKey(newKey);
    await one.until(() => allSee(nodes), 120_000);
  });

  it("works in one step where members of one process share a keyring", async () => {
    const shared = new Keyring([], oldKey);
    const { one, nodes, accusations } = await six({ keyring: shared });
    shared.addKey(newKey);
    shared.useKey(newKey);
    await one.advance(10);
    shared.removeKey(oldKey);
    await one.advance(20_000);
    expectCalm(nodes, accusations);
    for (const node of nodes) expect(keysOf(node)).toEqual([newKey]);
  });
});

describe("switching encryption on in a running cluster", () => {
  const verify =
    (change: GossipVerify) =>
    ({ members }: TestNode): void =>
      members.setGossipVerify(change);

  it("loses nothing with keys, then outgoing, then incoming, each on all nodes before the next", async () => {
    const { one, nodes, accusations } = await six(() => ({
      keyring: new Keyring(),
      gossipVerifyIncoming: false,
      gossipVerifyOutgoing: false,
      pushPullInterval: 2_000,
    }));
    const packets = sentPackets(one);
    await everywhere(one, nodes, ({ members }) => members.keyring?.addKey(newKey));
    expect(shows(packets.splice(0), "node-")).toBe(true);
    await everywhere(one, nodes, verify({ outgoing: true }));
    packets.length = 0;
    await everywhere(one, nodes.toReversed(), verify({ incoming: true }));
    await one.advance(30_000);
    expect(packets.length).toBeGreaterThan(100);
    expect(shows(packets, "node-")).toBe(false);
    expectCalm(nodes, accusations);

    const [first] = nodes as [TestNode];
    const plain = await one.start();
    expect(await outcome(one.settle(plain.members.join([first.seed])))).toBe("join_failed");
    const keyed = await one.start({ secretKey: newKey });
    expect((await one.settle(keyed.members.join([first.seed]))).reached).toBe(1);
  });

  it("works in reverse order, too", async () => {
    const { one, nodes, accusations } = await six({ secretKey: newKey });
    await everywhere(one, nodes, verify({ incoming: false }));
    await everywhere(one, nodes, verify({ outgoing: false }));
    const packets = sentPackets(one);
    await one.advance(10_000);
    expect(shows(packets, "node-")).toBe(true);
    expectCalm(nodes, accusations);
    const plain = await one.start();
    const [first] = nodes as [TestNode];
    expect((await one.settle(plain.members.join([first.seed]))).reached).toBe(1);
  });

  it("works by restarting one node after the other with new flags [EncryptedGossipTransition]", async () => {
    const one = cluster();
    const stages: readonly NodeConfig[] = [
      {},
      { secretKey: oldKey, gossipVerifyIncoming: false, gossipVerifyOutgoing: false },
      { secretKey: oldKey, gossipVerifyIncoming: false },
      { secretKey: oldKey },
    ];
    const start = (name: string, host: string, stage: NodeConfig): Promise<TestNode> =>
      one.start({ name, host, gossipInterval: 100, enableCompression: false, ...stage });
    const join = async (from: TestNode, to: TestNode): Promise<void> => {
      expect((await one.settle(from.members.join([to.seed]))).reached).toBe(1);
      await one.until(() => allSee([from, to]));
    };
    let m0 = await start("member-0", "10.0.1.1", {});
    let m1 = await start("member-1", "10.0.1.2", {});
    await join(m1, m0);
    const restart = async (node: TestNode, other: TestNode, stage: NodeConfig): Promise<TestNode> => {
      await one.settle(node.members.leave({ timeout: 1_000 }));
      await one.until(() => other.members.numMembers() === 1);
      await node.members.shutdown();
      const again = await start(node.name, node.transport.host, stage);
      await join(again, other);
      return again;
    };
    for (const stage of stages.slice(1)) {
      m0 = await restart(m0, m1, stage);
      m1 = await restart(m1, m0, stage);
      await one.advance(5_000);
      for (const { members } of [m0, m1]) expect([members.numMembers(), members.counters()]).toEqual([2, {}]);
    }
    const packets = sentPackets(one);
    await one.advance(5_000);
    expect(packets.length).toBeGreaterThan(10);
    expect(shows(packets, "member-")).toBe(false);
  });

  it("shows in the config, refuses values that are not booleans, and needs a keyring", async () => {
    const one = cluster();
    const { members } = await one.start({ secretKey: newKey, gossipVerifyIncoming: false });
    const flags = (): [boolean, boolean] => [members.config.gossipVerifyIncoming, members.config.gossipVerifyOutgoing];
    members.setGossipVerify({});
    expect(flags()).toEqual([false, true]);
    members.setGossipVerify({ incoming: true });
    expect(flags()).toEqual([true, true]);
    members.setGossipVerify({ incoming: false, outgoing: false });
    expect(flags()).toEqual([false, false]);
    for (const wrong of [{ incoming: "yes" }, { outgoing: 1 }, { incoming: true, outgoing: null }]) {
      expect(thrown(() => members.setGossipVerify(wrong as unknown as GossipVerify))).toBe("invalid_argument");
      expect(flags()).toEqual([false, false]);
    }
    expect(Object.isFrozen(members.config)).toBe(true);
    const keyless = await one.start();
    expect(thrown(() => keyless.members.setGossipVerify({ incoming: true }))).toBe("unsupported");
  });
});

import { afterEach, beforeEach, expect, it } from "vitest";
import { buildGoPeer } from "../src/go-toolchain.ts";
import { buildNodePeer } from "../src/node-toolchain.ts";
import { Peer } from "../src/peer.ts";
import { until } from "../src/until.ts";
import { LinkedNamespaces, whyNoNamespaces } from "./linked-namespaces.ts";
import { describeWithGo, ours, useCluster } from "./support.ts";

const why = whyNoNamespaces();
if (why !== undefined) process.stdout.write(`${why}: no machine changes its address\n`);

describeWithGo("a machine whose address changes, beside two Go members:", () => {
  const cluster = useCluster();
  let network: LinkedNamespaces;
  beforeEach(async () => {
    network = await LinkedNamespaces.open();
  });
  // The processes in it end first: hooks run in the reverse of their order.
  afterEach(async () => {
    await cluster.stop();
    await network[Symbol.asyncDispose]();
  });

  async function form(followsAddress: boolean): Promise<{ goes: readonly Peer[]; moving: Peer }> {
    const { left, right } = network;
    const go = await buildGoPeer();
    const program = await buildNodePeer();
    const goes: Peer[] = [];
    for (const n of [2, 3]) {
      const bindAddr = await network.host(left, n);
      const config = { preset: "local", name: `go-${n}`, bindAddr, bindPort: 7946 } as const;
      const peer = await Peer.start("go", config, { command: [...left.enter, go] });
      cluster.peers.push(peer);
      goes.push(peer);
    }
    const config = { preset: "local", name: "moving", bindAddr: "0.0.0.0", bindPort: 7946, followsAddress } as const;
    const moving = await Peer.start(ours, config, { command: [...right.enter, process.execPath, program] });
    cluster.peers.push(moving);
    const [first, second] = goes as [Peer, Peer];
    await second.join(first);
    await moving.join(first);
    await Promise.all([...goes, moving].map((peer) => peer.waitForAlive(["go-2", "go-3", "moving"], 30_000)));
    return { goes, moving };
  }

  it.skipIf(why !== undefined)(
    "Go has the new address soon, and never takes the node for dead",
    { timeout: 120_000 },
    async () => {
      const { goes, moving } = await form(true);
      expect((await goes[0]?.member("moving"))?.addr).toBe(network.right.host);
      const host = await network.change(network.right, 9);
      const isAt = async (peer: Peer): Promise<boolean> => (await peer.member("moving"))?.addr === host;
      const what = "both Go members have the new address";
      await until(async () => (await Promise.all(goes.map(isAt))).every(Boolean), { what, timeout: 20_000 });
      await Promise.all([...goes, moving].map((peer) => peer.waitForAlive(["go-2", "go-3", "moving"], 20_000)));
      expect(moving.events.filter(({ event }) => event === "refute")).toEqual([]);
    },
  );

  it.skipIf(why !== undefined)("reports that its address is lost where it cannot follow", { timeout: 120_000 }, async () => {
    const { moving } = await form(false);
    await network.change(network.right, 9);
    const line = await moving.waitFor((event) => JSON.stringify(event).includes("has lost the address"), {
      what: "the node's line that its address is lost",
      timeout: 20_000,
    });
    expect(JSON.stringify(line)).toContain("make advertiseAddr a function");
  });
});

import { expect, it } from "vitest";
import type { Peer } from "../src/peer.ts";
import { until } from "../src/until.ts";
import { canUseNamespaces, useNamespaces, type LinkedNamespaces } from "./linked-namespaces.ts";
import { describeWithGo, ours, useCluster } from "./support.ts";

const isPossible = canUseNamespaces("a machine whose address changes");

describeWithGo("a machine whose address changes, beside two Go members:", () => {
  const cluster = useCluster();
  let network: LinkedNamespaces;
  useNamespaces(cluster, (opened) => void (network = opened));

  async function form(followsAddress: boolean): Promise<{ goes: readonly Peer[]; moving: Peer }> {
    const { left, right } = network;
    const goes: Peer[] = [];
    for (const n of [2, 3]) {
      const bindAddr = await network.host(left, n);
      const config = { preset: "local", name: `go-${n}`, bindAddr, bindPort: 7946 } as const;
      goes.push(await cluster.startIn(left, "go", config));
    }
    const config = { preset: "local", name: "moving", bindAddr: "0.0.0.0", bindPort: 7946, followsAddress } as const;
    const moving = await cluster.startIn(right, ours, config);
    const [first, second] = goes as [Peer, Peer];
    await second.join(first);
    await moving.join(first);
    await Promise.all([...goes, moving].map((peer) => peer.waitForAlive(["go-2", "go-3", "moving"], 30_000)));
    return { goes, moving };
  }

  it.runIf(isPossible)("announces its new address to Go, which never takes the node for dead", { timeout: 120_000 }, async () => {
    const { goes, moving } = await form(true);
    expect((await goes[0]?.member("moving"))?.addr).toBe(network.right.host);
    const host = await network.change(network.right, 9);
    const isAt = async (peer: Peer): Promise<boolean> => (await peer.member("moving"))?.addr === host;
    const what = "both Go members have the new address";
    await until(async () => (await Promise.all(goes.map(isAt))).every(Boolean), { what, timeout: 20_000 });
    await Promise.all([...goes, moving].map((peer) => peer.waitForAlive(["go-2", "go-3", "moving"], 20_000)));
    expect(moving.events.filter(({ event }) => event === "refute")).toEqual([]);
  });

  it.runIf(isPossible)("reports that its address is lost where it cannot follow", { timeout: 120_000 }, async () => {
    const { moving } = await form(false);
    await network.change(network.right, 9);
    const line = await moving.waitFor((event) => JSON.stringify(event).includes("has lost the address"), {
      what: "the node's line that its address is lost",
      timeout: 20_000,
    });
    expect(JSON.stringify(line)).toContain("make advertiseAddr a function");
  });
});

import { localConfig } from "@memberlist/core";
import { expect, it } from "vitest";
import type { Peer, PeerKind } from "../src/peer.ts";
import { until } from "../src/until.ts";
import { canUseNamespaces, useNamespaces, type LinkedNamespaces } from "./linked-namespaces.ts";
import { describeWithGo, ours, useCluster } from "./support.ts";

const { healingInterval } = localConfig();

/** The halves of one cluster. */
type Halves = readonly [readonly Peer[], readonly Peer[]];

const isPossible = canUseNamespaces("a partition of two networks");

describeWithGo("a partition of two networks, by the defaults of the local preset,", () => {
  const cluster = useCluster();
  let network: LinkedNamespaces;
  useNamespaces(cluster, (opened) => void (network = opened));

  async function form(name: string, kinds: readonly PeerKind[], firstHost: number): Promise<Halves> {
    const [left, right] = await Promise.all(
      [network.left, network.right].map(async (side) => {
        const half: Peer[] = [];
        for (const [i, kind] of kinds.entries()) {
          const bindAddr = await network.host(side, firstHost + i);
          const config = { preset: "local", name: `${name}-${bindAddr}`, bindAddr } as const;
          half.push(await cluster.startIn(side, kind, config));
        }
        return half;
      }),
    );
    const all = [...(left as Peer[]), ...(right as Peer[])];
    const [seed, ...others] = all as [Peer, ...Peer[]];
    for (const peer of others) await peer.join(seed);
    const names = all.map((peer) => peer.name);
    await Promise.all(all.map((peer) => peer.waitForAlive(names, 60_000)));
    return [left as Peer[], right as Peer[]];
  }

  /** Whether each knows just its half, and has forgotten that there was another. (Our peer goes on listing all who are gone.) */
  async function areApart(halves: Halves): Promise<boolean> {
    const checks = halves.map(async (half) => {
      const known = await Promise.all(half.map((peer) => peer.members()));
      return known.every((nodes, i) => {
        const listed = half[i]?.kind === "go" ? nodes : nodes.filter(({ state }) => state === "alive");
        return listed.length === half.length;
      });
    });
    return (await Promise.all(checks)).every(Boolean);
  }

  it.runIf(isPossible)(
    "heals within 2 intervals with eight Go members on each side, 10 | 10, and does not with Go alone, 3 | 3",
    { timeout: 400_000 },
    async () => {
      const mixed = await form("mixed", [...Array.from({ length: 8 }, () => "go" as const), ours, ours], 2);
      const goOnly = await form("go", ["go", "go", "go"], 50);
      await network.drop();
      const apart = async (): Promise<boolean> => (await areApart(mixed)) && (await areApart(goOnly));
      await until(apart, { what: "the halves have forgotten each other", timeout: 250_000 });
      await network.pass();
      const since = performance.now();
      const all = mixed.flat();
      await Promise.all(
        all.map((peer) =>
          peer.waitForAlive(
            all.map(({ name }) => name),
            2 * healingInterval,
          ),
        ),
      );
      const took = performance.now() - since;
      expect(took).toBeLessThan(2 * healingInterval);
      await until(() => performance.now() - since > 2 * healingInterval, { what: "2 intervals", timeout: 60_000 });
      expect(await areApart(goOnly)).toBe(true);
    },
  );
});

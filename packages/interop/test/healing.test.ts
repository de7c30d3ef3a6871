import { expect, it } from "vitest";
import { localConfig } from "@memberlist/core";
import type { Peer, PeerKind } from "../src/peer.ts";
import { until } from "../src/until.ts";
import { converged, describeWithGo, fast, ours, useCluster, type ProxiedPeer } from "./support.ts";

/** The dead are forgotten soon, so that a split of seconds is what one of minutes is by default. */
const config = { ...fast, probeInterval: 300, probeTimeout: 100, gossipToTheDeadTime: 500, pushPullInterval: 1_000 };
const { healingInterval } = localConfig();

describeWithGo("a partition, long enough that both halves have forgotten each other,", () => {
  const cluster = useCluster();

  async function start(kinds: readonly PeerKind[], side: string): Promise<ProxiedPeer[]> {
    return Promise.all(kinds.map((kind, i) => cluster.startProxied(kind, `${side}-${kind}-${i}`, config)));
  }

  /** Packets do not get from one half to the other, and streams nowhere: a stream does not show which half it comes from. */
  async function split(a: readonly ProxiedPeer[], b: readonly ProxiedPeer[]): Promise<void> {
    for (const [half, others] of [
      [a, b],
      [b, a],
    ] as const) {
      const dropFrom = others.map(({ peer }) => peer.node.bindAddr);
      for (const { proxy } of half) proxy.rules = { dropFrom, dropStreams: true };
    }
    for (const half of [a, b]) await forgotten(half.map(({ peer }) => peer));
  }

  /** Only each other is known, and somebody has gone around the probe list since, at whose end the dead are forgotten. */
  async function forgotten(half: readonly Peer[]): Promise<void> {
    await until(async () => (await Promise.all(half.map(alone(half)))).every(Boolean), { what: "the split", timeout: 30_000 });
    const from = half.map((peer) => peer.events.length);
    for (const [i, peer] of half.entries()) {
      const probes = (): number => peer.events.slice(from[i]).filter(({ event }) => event === "pingComplete").length;
      await until(() => probes() >= 12, { what: `${peer.name} goes on probing`, timeout: 20_000 });
    }
  }

  /** Whether a peer sees just its half. */
  function alone(half: readonly Peer[]): (peer: Peer) => Promise<boolean> {
    const expected = half.map(({ name }) => name).toSorted();
    return async (peer) => {
      const alive = (await peer.members()).filter(({ state }) => state === "alive").map(({ name }) => name);
      return alive.toSorted().join() === expected.join();
    };
  }

  it.each([
    ["with one of ours on each side", ["go", "go", ours], ["go", "go", ours]],
    ["with one of ours on one side only", ["go", ours], ["go", "go"]],
  ] as const)("heals %s", { timeout: 150_000 }, async (_, kindsA, kindsB) => {
    const [a, b] = [await start(kindsA, "a"), await start(kindsB, "b")];
    const all = [...a, ...b].map(({ peer }) => peer);
    await cluster.form(...all);
    await split(a, b);
    for (const { proxy } of [...a, ...b]) proxy.rules = {};
    // Most often within 2 intervals; but who was tried in vain while the split lasted is out of turn for up to 3.5, and a try may take its turn 1.25 after that.
    const names = all.map(({ name }) => name);
    await Promise.all(all.map((peer) => peer.waitForAlive(names, 5 * healingInterval)));
    await converged(...all);
    expect(await Promise.all(all.map(alone(all)))).toEqual(all.map(() => true));
  });

  it("does not heal among Go nodes alone", { timeout: 120_000 }, async () => {
    const [a, b] = [await start(["go", "go"], "a"), await start(["go", "go"], "b")];
    await cluster.form(...[...a, ...b].map(({ peer }) => peer));
    await split(a, b);
    for (const { proxy } of [...a, ...b]) proxy.rules = {};
    const since = performance.now();
    await until(() => performance.now() - since > 2 * healingInterval, { what: "2 intervals", timeout: 60_000 });
    for (const half of [a, b]) {
      const peers = half.map(({ peer }) => peer);
      expect(await Promise.all(peers.map(alone(peers)))).toEqual(peers.map(() => true));
    }
  });
});

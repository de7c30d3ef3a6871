import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { toBase64, type PeerConfig } from "../src/peer-protocol.ts";
import type { Peer } from "../src/peer.ts";
import { until } from "../src/until.ts";
import { converged, describeWithGo, isMessage, stateEvents, useCluster } from "./support.ts";

let folder = "";
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "memberlist-lifecycle-"))));
afterAll(() => rm(folder, { recursive: true }));

function refutations(peer: Peer): number {
  return peer.events.filter(({ event }) => event === "refute").length;
}

describeWithGo("one of ours, in a cluster of Go nodes,", () => {
  const cluster = useCluster();

  it("leaves, joins again, and becomes a full member without a refutation", { timeout: 60_000 }, async () => {
    const go = [await cluster.start("go", "go-1"), await cluster.start("go", "go-2")] as const;
    const ours = await cluster.start("node", "ours", { meta: toBase64("role=web") });
    await cluster.form(...go, ours);
    for (let round = 1; round <= 3; round++) {
      await ours.leave();
      await Promise.all(go.map((peer) => peer.waitForState("ours", "left")));
      const before = await go[0].member("ours");
      const refuted = refutations(ours);
      await ours.join(go[0]);
      await converged(...go, ours);
      const after = await go[1].member("ours");
      expect(after).toMatchObject({ state: "alive", meta: toBase64("role=web") });
      expect(after?.incarnation).toBeGreaterThan(before?.incarnation ?? Infinity);
      expect(refutations(ours)).toBe(refuted);
      const text = new TextEncoder().encode(`round ${round}`);
      await go[0].broadcast(text);
      await ours.waitFor(isMessage(text), { what: "a broadcast of Go's" });
      // Others can list it again, and probe it. Go takes the time once the ping has been sent: on loopback the ack may be there before.
      await ours.updateMeta("role=web");
      expect(await go[1].ping(ours)).toBeLessThan(1_000);
    }
    for (const peer of go) expect(stateEvents(peer, "ours").map(({ state }) => state)).not.toContain("dead");
    await ours.killAndWait();
    await Promise.all(go.map((peer) => peer.waitForState("ours", "dead", 20_000)));
  });

  /** Two Go nodes, and one of ours that has been accused in an earlier life, so that its incarnation is not that of a first start. */
  async function started(
    config: Partial<PeerConfig>,
  ): Promise<{ go: readonly [Peer, Peer]; ours: Peer; again: () => Promise<Peer> }> {
    const go = [await cluster.start("go", "go-1"), await cluster.start("go", "go-2")] as const;
    const ours = await cluster.start("node", "ours", config);
    await cluster.form(...go, ours);
    for (const meta of ["one", "two", "three"]) await ours.updateMeta(meta);
    await until(async () => (await go[0].member("ours"))?.meta === toBase64("three"), { what: "the latest metadata" });
    const { bindAddr, bindPort } = ours.node;
    return { go, ours, again: () => cluster.start("node", "ours", { ...config, bindAddr, bindPort, meta: toBase64("three") }) };
  }

  async function savedMembers(path: string, names: readonly string[]): Promise<boolean> {
    const text = await readFile(path, "utf8").catch(() => "");
    return names.every((name) => text.includes(name));
  }

  it.each([
    ["stopped, and back at once", false, false],
    ["killed, and back at once", true, false],
    ["killed, and back when all hold it for dead", true, true],
  ] as const)("rejoins by itself with a store, without a refutation: %s", { timeout: 60_000 }, async (what, kill, buried) => {
    const storePath = join(folder, `${what}.json`);
    const { go, ours, again } = await started({ storePath });
    const names = go.map(({ name }) => name);
    await until(() => savedMembers(storePath, names), { what: "a saved state with both", timeout: 15_000 });
    await (kill ? ours.killAndWait() : ours.stop());
    if (buried) await Promise.all(go.map((peer) => peer.waitForState("ours", "dead", 20_000)));
    const old = await go[0].member("ours");
    const back = await again();
    // No seed was given.
    await Promise.all([back, ...go].map((peer) => peer.waitForAlive(["go-1", "go-2", "ours"])));
    await until(async () => ((await go[0].member("ours"))?.incarnation ?? 0) > (old?.incarnation ?? 0), { what: "the new life" });
    await back.updateMeta("four");
    for (const peer of go) {
      await until(async () => (await peer.member("ours"))?.meta === toBase64("four"), { what: `${peer.name} has the update` });
    }
    expect(refutations(back)).toBe(0);
    for (const peer of go) {
      const states = stateEvents(peer, "ours");
      // The others may notice its short absence; none may suspect its new incarnation.
      const doubted = states.filter(({ state, incarnation }) => state !== "alive" && incarnation > (old?.incarnation ?? 0));
      expect(doubted).toEqual([]);
      expect(states.some(({ state }) => state === "dead")).toBe(buried);
    }
  });

  it("stays alone after a restart without a store, and refutes once it joins", { timeout: 60_000 }, async () => {
    const { go, ours, again } = await started({});
    await ours.killAndWait();
    await Promise.all(go.map((peer) => peer.waitForState("ours", "dead", 20_000)));
    const back = await again();
    expect((await back.members()).map(({ name }) => name)).toEqual(["ours"]);
    await back.join(go[0]);
    await converged(...go, back);
    expect(refutations(back)).toBeGreaterThan(0);
  });
});

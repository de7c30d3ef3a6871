import { expect, it } from "vitest";
import { toBase64 } from "../src/peer-protocol.ts";
import type { Peer } from "../src/peer.ts";
import { until } from "../src/until.ts";
import { describeWithGo, isMessage, isState, useCluster } from "./support.ts";

const probes = 120;

/** Whom a node has probed, by name. */
function probed(peer: Peer, from: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (const event of peer.events.slice(from)) {
    if (event.event === "pingComplete") counts.set(event.node, (counts.get(event.node) ?? 0) + 1);
  }
  return counts;
}

function sum(counts: Map<string, number>): number {
  return [...counts.values()].reduce((all, count) => all + count, 0);
}

describeWithGo("selectNodes, with zones on real sockets,", () => {
  const cluster = useCluster();

  it("keeps most probes within the zone, while updates and deaths get across", { timeout: 120_000 }, async () => {
    const here = { rebroadcast: true, meta: toBase64("zone a"), probeInterval: 100, probeTimeout: 60 };
    const there = { rebroadcast: true, meta: toBase64("zone b") };
    const a = await cluster.start("node", "a", { ...here, zones: true });
    const neighbour = await cluster.start("node", "neighbour", { ...here, zones: true });
    // The control: in the same place, without the hook.
    const control = await cluster.start("node", "control", here);
    const far = [await cluster.start("go", "far-1", there), await cluster.start("go", "far-2", there)] as const;
    const victim = await cluster.start("go", "far-3", there);
    const all = [a, neighbour, control, ...far, victim];
    await cluster.form(...all);
    const from = all.map(({ events }) => events.length);
    const counts = (peer: Peer): Map<string, number> => probed(peer, from[all.indexOf(peer)] ?? 0);
    for (const peer of [a, control]) {
      await until(() => sum(counts(peer)) >= probes, { what: `${probes} probes of ${peer.name}`, timeout: 60_000 });
    }
    const near = (peer: Peer): number => {
      const those = counts(peer);
      const within = [a, neighbour, control].reduce((count, { name }) => count + (those.get(name) ?? 0), 0);
      return within / sum(those);
    };
    // Of five others two are near: 2/5 without the hook; with it 1/2 + 1/2 · 2/5.
    expect(near(control)).toBeLessThan(0.53);
    expect(near(a)).toBeGreaterThan(0.55);
    for (const { name } of [...far, victim]) expect(counts(a).get(name) ?? 0).toBeGreaterThan(0);
    const text = new TextEncoder().encode("across");
    await a.broadcast(text);
    for (const peer of far) await peer.waitFor(isMessage(text), { what: "a broadcast from the other zone", timeout: 20_000 });
    await victim.killAndWait();
    for (const peer of [a, neighbour]) await peer.waitFor(isState("far-3", "dead"), { what: "a death there", timeout: 30_000 });
  });
});

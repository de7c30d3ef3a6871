import { expect, it } from "vitest";
import type { Peer } from "../src/peer.ts";
import { rawMessage, rawType } from "../src/raw-codec.ts";
import { until } from "../src/until.ts";
import { converged, describeWithGo, fast, ours, stateEvents, useCluster } from "./support.ts";

/** A Go node compares the bytes of addresses: 4 and 16 bytes of one IPv4 address are two nodes of one name to it. */
const long = { ...fast, probeInterval: 300, probeTimeout: 100, pushPullInterval: 500, advertiseMapped: true };

function conflicts(...peers: readonly Peer[]): unknown[] {
  return peers.flatMap((peer) => peer.events.filter(({ event }) => event === "conflict"));
}

async function sees(observer: Peer, name: string, incarnation: number): Promise<void> {
  await until(async () => ((await observer.member(name))?.incarnation ?? 0) >= incarnation, {
    what: `${observer.name} sees ${name} with incarnation ${incarnation}`,
    details: () => observer.describe(),
  });
}

describeWithGo("a Go node that advertises its IPv4 address in 16 bytes", () => {
  const cluster = useCluster();

  it("appears at Go nodes through ours without a conflict, by push/pulls and by gossip", async () => {
    const relay = await cluster.start(ours, "relay");
    const mapped = await cluster.start("go", "mapped", long);
    const observer = await cluster.start("go", "observer");
    // The observer's first word about it comes from us: once in a push/pull, once as a broadcast.
    await mapped.join(relay);
    await observer.join(relay);
    await converged(relay, mapped, observer);
    const later = await cluster.start("go", "later", long);
    await later.join(relay);
    await converged(relay, mapped, observer, later);
    for (const [peer, incarnation] of [
      [mapped, (await mapped.member("mapped"))?.incarnation ?? 0],
      [later, (await later.member("later"))?.incarnation ?? 0],
    ] as const) {
      await peer.updateMeta("new");
      await sees(observer, peer.name, incarnation + 1);
      await sees(relay, peer.name, incarnation + 1);
    }
    expect(conflicts(relay, mapped, observer, later)).toEqual([]);
    expect(await relay.member("mapped")).toMatchObject({ addr: mapped.node.addr, state: "alive" });
  });

  it("clears itself of an accusation at a Go node that knows it through ours", async () => {
    const relay = await cluster.start(ours, "relay");
    const mapped = await cluster.start("go", "mapped", long);
    const observer = await cluster.start("go", "observer");
    await mapped.join(relay);
    await observer.join(relay);
    await converged(relay, mapped, observer);
    const liar = await cluster.fake("liar");
    const { incarnation = 0 } = (await mapped.member("mapped")) ?? {};
    liar.send(rawMessage(rawType.suspect, { Incarnation: incarnation, Node: "mapped", From: "liar" }), observer.node);
    await sees(observer, "mapped", incarnation + 1);
    await observer.waitForState("mapped", "alive");
    for (const peer of [relay, observer]) expect(stateEvents(peer, "mapped").map(({ state }) => state)).not.toContain("dead");
    expect(conflicts(relay, mapped, observer)).toEqual([]);
  });
});

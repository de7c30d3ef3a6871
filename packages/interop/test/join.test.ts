import { expect, it } from "vitest";
import { fromBase64, seededBytes, toBase64 } from "../src/peer-protocol.ts";
import { until } from "../src/until.ts";
import { converged, describeWithGo, ours, pairs, useCluster } from "./support.ts";

describeWithGo.each(pairs)("a %s node that joins a %s node", (joiner, seed) => {
  const cluster = useCluster();

  it("makes both see each other, address, versions and metadata included", async () => {
    const a = await cluster.start(joiner, "a", { meta: toBase64("role=a") });
    const b = await cluster.start(seed, "b", { meta: toBase64(seededBytes(512, 1)), protocolVersion: 3 });
    expect(await a.join(b)).toBe(1);
    await converged(a, b);
    const seen = await a.member("b");
    expect(seen).toMatchObject({ addr: b.node.addr, port: b.node.port, state: "alive", vsn: [1, 5, 3, 0, 0, 0] });
    expect(fromBase64(seen?.meta ?? "")).toEqual(seededBytes(512, 1));
    expect(await b.member("a")).toMatchObject({ addr: a.node.addr, port: a.node.port, meta: toBase64("role=a") });
    for (const [peer, other] of [
      [a, "b"],
      [b, "a"],
    ] as const) {
      await peer.waitFor((event) => event.event === "join" && event.node.name === other, { what: `${other} has joined` });
    }
  });

  it("succeeds when it names the node that it expects", async () => {
    const a = await cluster.start(joiner, "a", { requireNodeNames: true });
    const b = await cluster.start(seed, "b", { requireNodeNames: true });
    expect(await a.join(`b/${b.address}`)).toBe(1);
    await converged(a, b);
  });

  it("rejects when no node answers", async () => {
    const a = await cluster.start(joiner, "a");
    const b = await cluster.start(seed, "b");
    await b.stop();
    await expect(a.join(b.address)).rejects.toThrow("join");
  });

  it("sees metadata change, and its own change is seen", async () => {
    const a = await cluster.start(joiner, "a");
    const b = await cluster.start(seed, "b");
    await cluster.form(a, b);
    await a.updateMeta("version 2");
    await b.waitFor((event) => event.event === "update" && event.node.meta === toBase64("version 2"), { what: "a's update" });
    await b.updateMeta(seededBytes(512, 3));
    await a.waitFor((event) => event.event === "update" && event.node.meta === toBase64(seededBytes(512, 3)), {
      what: "b's update",
    });
    expect((await a.member("b"))?.incarnation).toBeGreaterThan(1);
  });

  it("works over IPv6", async () => {
    const a = await cluster.start(joiner, "a", { bindAddr: "::1" });
    const b = await cluster.start(seed, "b", { bindAddr: "::1" });
    await cluster.form(a, b);
    expect(await a.member("b")).toMatchObject({ addr: "::1", port: b.node.port });
    expect(await a.ping(b)).toBeLessThan(150);
    await a.command("send", { node: "b", mode: "bestEffort", payload: toBase64("over IPv6") });
    await b.waitFor((event) => event.event === "message" && event.payload === toBase64("over IPv6"), { what: "the message" });
  });
});

describeWithGo("a mixed cluster", () => {
  const cluster = useCluster();

  it("converges by gossip with three Go and three TypeScript nodes, and stays so", async () => {
    const names = ["go-1", "ts-1", "go-2", "ts-2", "go-3", "ts-3"];
    const peers = await Promise.all(names.map((name) => cluster.start(name.startsWith("go") ? "go" : ours, name)));
    // Each joins its neighbour only.
    for (const [i, peer] of peers.entries()) if (i > 0) await peer.join(peers[i - 1]?.address ?? "");
    await converged(...peers);
    const probed = peers.map((peer) => peer.events.length);
    await Promise.all(
      peers.map((peer, i) =>
        until(() => peer.events.slice(probed[i]).filter((event) => event.event === "pingComplete").length >= 5, {
          what: `${peer.name} has probed five times`,
        }),
      ),
    );
    await converged(...peers);
    for (const peer of peers) {
      expect(
        peer.events.filter((event) => event.event === "leave" || (event.event === "state" && event.state === "suspect")),
      ).toEqual([]);
    }
  });

  it("converges with protocol versions 1 to 5, and every node answers probes", async () => {
    // Version 1 knows no ports: a node of it takes its own for everybody's, so all have the same.
    const first = await cluster.start("go", "v1-go", { protocolVersion: 1 });
    const { bindPort } = first.node;
    const peers = [first];
    const others = ["v1-ts", "v2-ts", "v3-go", "v3-ts", "v4-ts", "v5-go", "v5-ts"];
    for (const name of others) {
      peers.push(await cluster.start(name.endsWith("go") ? "go" : ours, name, { protocolVersion: Number(name[1]), bindPort }));
    }
    await cluster.form(...peers);
    for (const peer of peers) {
      const version = Number(peer.name[1]);
      expect((await first.member(peer.name))?.vsn).toEqual([1, 5, version, 0, 0, 0]);
      await first.waitFor((event) => peer === first || (event.event === "pingComplete" && event.node === peer.name), {
        what: `an answer of ${peer.name}`,
        timeout: 15_000,
      });
    }
    await converged(...peers);
  });
});

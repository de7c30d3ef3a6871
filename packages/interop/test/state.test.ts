import { expect, it } from "vitest";
import { createHash } from "node:crypto";
import { seededBytes, toBase64 } from "../src/peer-protocol.ts";
import { converged, describeWithGo, fast, pairs, quiet, useCluster } from "./support.ts";

describeWithGo.each(pairs)("push/pull between a %s node and a %s node", (left, right) => {
  const cluster = useCluster();

  it("hands the user state over both ways on a join", async () => {
    const a = await cluster.start(left, "a", { ...quiet, userState: toBase64("state of a") });
    const b = await cluster.start(right, "b", { ...quiet, userState: toBase64(seededBytes(100_000, 4)) });
    await a.join(b);
    const sha256 = createHash("sha256").update(seededBytes(100_000, 4)).digest("hex");
    await a.waitFor((event) => event.event === "userStateMerged" && event.join && event.sha256 === sha256, { what: "b's state" });
    expect(a.events.filter((event) => event.event === "userStateMerged")).toHaveLength(1);
    await b.waitFor((event) => event.event === "userStateMerged" && event.join && event.payload === toBase64("state of a"), {
      what: "a's state",
    });
  });

  it("goes on by itself, with the state of the moment", async () => {
    const a = await cluster.start(left, "a", { ...fast, pushPullInterval: 300 });
    const b = await cluster.start(right, "b", { ...fast, pushPullInterval: 300 });
    await cluster.form(a, b);
    await a.setUserState("later state of a");
    await b.setUserState("later state of b");
    for (const [peer, text] of [
      [a, "later state of b"],
      [b, "later state of a"],
    ] as const) {
      await peer.waitFor((event) => event.event === "userStateMerged" && !event.join && event.payload === toBase64(text), {
        what: text,
      });
      const merged = peer.events.filter((event) => event.event === "userStateMerged");
      expect(merged.filter((event) => !event.join).length).toBeGreaterThan(0);
    }
  });

  it("brings nodes that no gossip has mentioned", async () => {
    const a = await cluster.start(left, "a", { ...quiet, gossipNodes: 0 });
    const b = await cluster.start(right, "b", { ...quiet, gossipNodes: 0 });
    const c = await cluster.start(left, "c", { ...quiet, gossipNodes: 0 });
    await a.join(b);
    await c.join(b);
    expect(await a.member("c")).toBeUndefined();
    await a.join(b);
    await converged(a, b, c);
  });

  it("fails if the merge delegate of the joining node refuses", async () => {
    const a = await cluster.start(left, "a", { ...quiet, refuseMerge: "not with those" });
    // It has merged the state of a, and must not gossip with it.
    const b = await cluster.start(right, "b", { ...quiet, gossipNodes: 0 });
    await expect(a.join(b)).rejects.toThrow("not with those");
    await a.waitFor((event) => event.event === "merge" && event.nodes.some((node) => node.name === "b"), { what: "the merge" });
    expect(await a.member("b")).toBeUndefined();
  });

  it("fails if the merge delegate of the joined node refuses", async () => {
    const a = await cluster.start(left, "a", { ...quiet, gossipNodes: 0 });
    const b = await cluster.start(right, "b", { ...quiet, refuseMerge: "not with those" });
    await a.join(b).catch(() => 0);
    await b.waitFor((event) => event.event === "merge" && event.nodes.some((node) => node.name === "a"), { what: "the merge" });
    expect(await b.member("a")).toBeUndefined();
  });

  it("leaves out nodes that the alive delegate refuses", async () => {
    const a = await cluster.start(left, "a", { ...quiet, refuseAlive: ["c"] });
    const b = await cluster.start(right, "b", quiet);
    const c = await cluster.start(right, "c", quiet);
    await c.join(b);
    await converged(b, c);
    await a.join(b);
    await a.waitForAlive(["a", "b"]);
    expect(await a.member("c")).toBeUndefined();
  });

  it("fails when delegate protocols do not overlap", async () => {
    const a = await cluster.start(left, "a", {
      ...quiet,
      delegateProtocolMin: 1,
      delegateProtocolVersion: 1,
      delegateProtocolMax: 1,
    });
    const b = await cluster.start(right, "b", {
      ...quiet,
      delegateProtocolMin: 2,
      delegateProtocolVersion: 2,
      delegateProtocolMax: 3,
    });
    await expect(a.join(b)).rejects.toThrow(/protocol/);
    expect(await a.member("b")).toBeUndefined();
  });
});

describeWithGo.each(pairs)("a ping from a %s node to a %s node", (left, right) => {
  const cluster = useCluster();

  it("returns within a time that fits a loopback", async () => {
    const a = await cluster.start(left, "a", quiet);
    const b = await cluster.start(right, "b", quiet);
    await cluster.form(a, b);
    const rtt = await a.ping(b);
    expect(rtt).toBeGreaterThan(0);
    expect(rtt).toBeLessThan(150);
  });

  it("fails when no node answers", async () => {
    const a = await cluster.start(left, "a", quiet);
    const b = await cluster.start(right, "b", quiet);
    await cluster.form(a, b);
    await b.killAndWait();
    await expect(a.ping(b)).rejects.toThrow(/[Nn]o response/);
  });

  it("gets no answer for another name", async () => {
    const a = await cluster.start(left, "a", quiet);
    const b = await cluster.start(right, "b", quiet);
    await expect(a.command("ping", { name: "somebody-else", addr: b.address })).rejects.toThrow(/[Nn]o response/);
  });

  it("carries the payload of the ping delegate, in probes", async () => {
    const a = await cluster.start(left, "a", { ...fast, ackPayload: toBase64("coordinates of a") });
    const b = await cluster.start(right, "b", { ...fast, ackPayload: toBase64(seededBytes(300, 8)) });
    await cluster.form(a, b);
    for (const [peer, other, payload] of [
      [a, "b", seededBytes(300, 8)],
      [b, "a", Buffer.from("coordinates of a")],
    ] as const) {
      const event = await peer.waitFor((e) => e.event === "pingComplete" && e.node === other && e.payload === toBase64(payload), {
        what: `an ack of ${other} with its payload`,
      });
      expect(event.event === "pingComplete" && event.rttMs > 0 && event.rttMs < 150).toBe(true);
    }
  });
});

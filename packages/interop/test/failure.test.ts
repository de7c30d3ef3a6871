import { expect, it } from "vitest";
import { rawMessage, rawType, unwrap } from "../src/raw-codec.ts";
import type { UdpProxy } from "../src/udp-proxy.ts";
import { until } from "../src/until.ts";
import type { PeerKind } from "../src/peer.ts";
import { toBase64 } from "../src/peer-protocol.ts";
import { converged, describeWithGo, fast, isState, ours, pairs, stateEvents, useCluster } from "./support.ts";

/** Dead within a second or so: one probe, then suspicionMult * probeInterval. */
const quick = { ...fast, probeInterval: 300, probeTimeout: 100, pushPullInterval: 10_000 };

describeWithGo.each(["go", ours] as const)("a %s node that is killed", (kind) => {
  const cluster = useCluster();

  it("becomes suspect, then dead, at about the same time for Go and TypeScript nodes", async () => {
    const victim = await cluster.start(kind, "victim", quick);
    const observers = [
      await cluster.start("go", "go-1", quick),
      await cluster.start(ours, "ts-1", quick),
      await cluster.start("go", "go-2", quick),
      await cluster.start(ours, "ts-2", quick),
    ];
    await cluster.form(victim, ...observers);
    const killedAt = await victim.killAndWait();
    const seen = await Promise.all(
      observers.map(async (observer) => {
        const suspect = await observer.waitFor(isState("victim", "suspect"), { what: "victim is suspect", timeout: 15_000 });
        const dead = await observer.waitFor(isState("victim", "dead"), { what: "victim is dead", timeout: 15_000 });
        await observer.waitFor((event) => event.event === "leave" && event.node.name === "victim", { what: "the event" });
        return { suspect: suspect.at - killedAt, dead: dead.at - killedAt };
      }),
    );
    const times = (of: "suspect" | "dead"): number[] => seen.map((one) => one[of]);
    expect(seen.every(({ suspect, dead }) => suspect < dead)).toBe(true);
    // The first to notice spreads it by gossip; that takes a few rounds at most.
    expect(Math.max(...times("suspect")) - Math.min(...times("suspect"))).toBeLessThan(1_000);
    expect(Math.max(...times("dead")) - Math.min(...times("dead"))).toBeLessThan(1_000);
    await converged(...observers);
  });
});

describeWithGo.each(["go", ours] as const)("a %s node that is falsely accused", (kind) => {
  const cluster = useCluster();

  it.each(["suspect", "dead"] as const)("refutes that it is %s, and the others believe it", async (accusation) => {
    const accused = await cluster.start(kind, "accused", quick);
    const observers = [await cluster.start("go", "go-1", quick), await cluster.start(ours, "ts-1", quick)];
    await cluster.form(accused, ...observers);
    const liar = await cluster.fake("liar");
    const lie = rawMessage(rawType[accusation], { Incarnation: 1, Node: "accused", From: "liar" });
    liar.send(lie, accused.node);
    await accused.waitFor((event) => event.event === "refute" && event.from === "liar", { what: "the refutation" });
    for (const observer of observers) {
      await until(async () => ((await observer.member("accused"))?.incarnation ?? 0) >= 2, { what: `${observer.name} hears it` });
      expect(await observer.member("accused")).toMatchObject({ state: "alive" });
    }
    expect(await accused.health()).toBeGreaterThanOrEqual(0);
  });

  it.each(["suspect", "dead"] as const)(
    "refutes that it is %s even if only the others have heard the accusation",
    async (accusation) => {
      const accused = await cluster.start(kind, "accused", quick);
      const observers = [await cluster.start("go", "go-1", quick), await cluster.start(ours, "ts-1", quick)];
      await cluster.form(accused, ...observers);
      const liar = await cluster.fake("liar");
      const lie = rawMessage(rawType[accusation], { Incarnation: 1, Node: "accused", From: "liar" });
      for (const observer of observers) liar.send(lie, observer.node);
      for (const observer of observers) {
        await observer.waitFor(isState("accused", accusation), { what: `accused is ${accusation}` });
      }
      await Promise.all(observers.map((observer) => observer.waitForState("accused", "alive")));
      for (const observer of observers) expect((await observer.member("accused"))?.incarnation).toBeGreaterThan(1);
    },
  );
});

describeWithGo.each(["go", ours] as const)("a %s node that leaves", (kind) => {
  const cluster = useCluster();

  it("counts as left, not dead, at every node, and does not become suspect when it then stops", async () => {
    const leaver = await cluster.start(kind, "leaver", quick);
    const observers = [await cluster.start("go", "go-1", quick), await cluster.start(ours, "ts-1", quick)];
    await cluster.form(leaver, ...observers);
    await leaver.leave();
    await Promise.all(observers.map((observer) => observer.waitForState("leaver", "left")));
    expect(await leaver.member("leaver")).toMatchObject({ state: "left" });
    await leaver.stop();
    for (const observer of observers) {
      await observer.waitFor((event) => event.event === "leave" && event.node.name === "leaver", { what: "the event" });
    }
    const probed = observers.map((observer) => observer.events.length);
    for (const [i, observer] of observers.entries()) {
      const count = (): number => observer.events.slice(probed[i]).filter((event) => event.event === "pingComplete").length;
      await until(() => count() >= 4, { what: `${observer.name} goes on probing` });
      expect(stateEvents(observer, "leaver").map(({ state }) => state)).toEqual(["alive", "left"]);
    }
  });
});

describeWithGo.each(pairs)("a %s node that rejoins under its name, seen by a %s node", (kind, seedKind) => {
  const cluster = useCluster();

  it("becomes alive at the same address right after a crash, with its new metadata", async () => {
    const first = await cluster.start(kind, "phoenix", { ...quick, meta: toBase64("first life") });
    const seed = await cluster.start(seedKind, "seed", quick);
    const third = await cluster.start(kind, "third", quick);
    await cluster.form(first, seed, third);
    await first.killAndWait();
    const { bindAddr, bindPort } = first.node;
    const second = await cluster.start(kind, "phoenix", { ...quick, bindAddr, bindPort, meta: toBase64("second life") });
    await second.join(seed);
    await converged(second, seed, third);
    // It starts with the incarnation that the others remember, and has to outbid its own past.
    for (const peer of [seed, third]) {
      await peer.waitFor((event) => event.event === "update" && event.node.meta === toBase64("second life"), {
        what: "its new word",
      });
      expect((await peer.member("phoenix"))?.incarnation).toBeGreaterThan(1);
    }
  });

  it("becomes alive at the same address when it was dead already", async () => {
    const first = await cluster.start(kind, "phoenix", quick);
    const seed = await cluster.start(seedKind, "seed", quick);
    await cluster.form(first, seed);
    await first.killAndWait();
    await seed.waitForState("phoenix", "dead", 15_000);
    const { bindAddr, bindPort } = first.node;
    const second = await cluster.start(kind, "phoenix", { ...quick, bindAddr, bindPort });
    await second.join(seed);
    await converged(second, seed);
    expect((await seed.member("phoenix"))?.incarnation).toBeGreaterThan(1);
  });

  it("becomes alive at another port after it had left", async () => {
    const first = await cluster.start(kind, "phoenix", quick);
    const seed = await cluster.start(seedKind, "seed", quick);
    await cluster.form(first, seed);
    await first.leave();
    await first.stop();
    await seed.waitForState("phoenix", "left");
    const second = await cluster.start(kind, "phoenix", quick);
    await second.join(seed);
    await converged(second, seed);
    expect(await seed.member("phoenix")).toMatchObject({ addr: second.node.addr, port: second.node.port });
  });

  it("becomes alive at another port once it was dead for long enough", async () => {
    const reclaim = { ...quick, deadNodeReclaimTime: 200 };
    const first = await cluster.start(kind, "phoenix", reclaim);
    const seed = await cluster.start(seedKind, "seed", reclaim);
    await cluster.form(first, seed);
    await first.killAndWait();
    const dead = await seed.waitFor(isState("phoenix", "dead"), { what: "phoenix is dead", timeout: 15_000 });
    await until(() => performance.timeOrigin + performance.now() > dead.at + 400, { what: "the reclaim time" });
    const second = await cluster.start(kind, "phoenix", reclaim);
    await second.join(seed);
    await converged(second, seed);
    expect(await seed.member("phoenix")).toMatchObject({ addr: second.node.addr, port: second.node.port });
  });
});

describeWithGo.each(pairs)("a second %s node of the same name, seen by a %s node,", (kind, observerKind) => {
  const cluster = useCluster();

  it("causes a call of the conflict delegate, and the first keeps the name", async () => {
    const observer = await cluster.start(observerKind, "observer", quick);
    const first = await cluster.start(kind, "twin", quick);
    await cluster.form(observer, first);
    const second = await cluster.start(kind, "twin", quick);
    await second.join(observer);
    const conflict = await observer.waitFor((event) => event.event === "conflict", { what: "the conflict" });
    expect(conflict).toMatchObject({
      existing: { name: "twin", addr: first.node.addr, port: first.node.port },
      other: { name: "twin", addr: second.node.addr, port: second.node.port },
    });
    expect(await observer.member("twin")).toMatchObject({ addr: first.node.addr, port: first.node.port, state: "alive" });
  });
});

/** UDP from the prober to the target is lost; everything else gets through. */
describeWithGo("a node whose UDP is blocked one way", () => {
  const cluster = useCluster();
  const constellations: [PeerKind, PeerKind, PeerKind][] = [
    ["go", ours, "go"],
    [ours, "go", "go"],
    ["go", "go", ours],
    [ours, ours, "go"],
    ["go", ours, ours],
  ];

  it.each(constellations)("survives by indirect probes (prober %s, helper %s, target %s)", async (prober, helper, target) => {
    const config = { ...quick, disableTcpPings: true, indirectChecks: 3 };
    const { peer: x, proxy } = await cluster.startProxied(target, "target", config);
    const y = await cluster.start(prober, "prober", config);
    const z = await cluster.start(helper, "helper", config);
    await cluster.form(x, y, z);
    const lost = lostPings(proxy);
    proxy.rules = { dropFrom: [y.node.bindAddr] };
    await until(() => lost() >= 4, { what: "lost pings", timeout: 20_000 });
    await converged(x, y, z);
    for (const peer of [x, y, z]) expect(suspicions(peer)).toEqual([]);
  });

  it.each(pairs)("survives by a ping over a stream (prober %s, target %s)", async (prober, target) => {
    const { peer: x, proxy } = await cluster.startProxied(target, "target", quick);
    const y = await cluster.start(prober, "prober", quick);
    await cluster.form(x, y);
    const lost = lostPings(proxy);
    const { streams } = proxy.counts;
    proxy.rules = { dropPackets: true };
    await until(() => lost() >= 4 && proxy.counts.streams >= streams + 3, { what: "lost pings", timeout: 20_000 });
    await converged(x, y);
    for (const peer of [x, y]) expect(suspicions(peer)).toEqual([]);
    // The prober reports it; both libraries warn.
    await y.waitFor((event) => event.event === "log" && event.level === "warn" && /UDP/.test(event.line), {
      what: "the warning",
    });
  });

  it.each(pairs)("becomes suspect and dies where nothing gets through (prober %s, target %s)", async (prober, target) => {
    const { peer: x, proxy } = await cluster.startProxied(target, "target", quick);
    const y = await cluster.start(prober, "prober", quick);
    await cluster.form(x, y);
    proxy.rules = { dropPackets: true, dropStreams: true };
    await y.waitFor(isState("target", "dead"), { what: "target is dead", timeout: 15_000 });
    expect(stateEvents(y, "target").map(({ state }) => state)).toEqual(["alive", "suspect", "dead"]);
  });

  it.each(pairs)("stands a loss of one packet in five (prober %s, target %s)", async (prober, target) => {
    const { peer: x, proxy } = await cluster.startProxied(target, "target", quick);
    const y = await cluster.start(prober, "prober", quick);
    await cluster.form(x, y);
    const from = y.events.length;
    proxy.rules = { loss: 0.2, delay: 5 };
    await until(() => y.events.slice(from).filter((event) => event.event === "pingComplete").length >= 10, {
      what: "ten answers",
      timeout: 20_000,
    });
    await converged(x, y);
    expect(stateEvents(y, "target").some(({ state }) => state === "dead")).toBe(false);
  });

  /** Counts the pings that get lost from now on. */
  function lostPings(proxy: UdpProxy): () => number {
    let lost = 0;
    proxy.onDrop = (packet): void => {
      if (unwrap(packet).some((message) => message[0] === rawType.ping)) lost++;
    };
    return () => lost;
  }

  function suspicions(peer: { readonly events: readonly { event: string }[] }): unknown[] {
    return peer.events.filter(
      (event) => event.event === "refute" || (event.event === "state" && (event as { state?: string }).state === "suspect"),
    );
  }
});

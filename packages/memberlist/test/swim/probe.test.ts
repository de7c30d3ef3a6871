import { describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import type { EngineHarness } from "./engine-harness.ts";
import { alive, suspect, type Message } from "./messages.ts";
import { VirtualCluster } from "./virtual-cluster.ts";

const latency = 2;

interface Arrangement {
  /** The running nodes beside n1. */
  readonly up: readonly string[];
  /** The nodes that n1 knows, with their versions; n1 probes the last one first. */
  readonly knows: readonly Message[];
  readonly config?: Partial<Config>;
  readonly score?: number;
}

/** n1, which is about to probe; the others only answer. */
function arrange({ up, knows, config, score = 0 }: Arrangement): { members: VirtualCluster; n1: EngineHarness } {
  const members = new VirtualCluster({ latency });
  const n1 = members.add("n1", { fixedRandom: 0, config: { probeInterval: 200, probeTimeout: 10, ...config } });
  for (const name of up) members.add(name, { config: { probeInterval: 0, probeTimeout: 10 } });
  n1.deliverAll(...knows);
  for (let i = 0; i < score; i++) n1.deliver(suspect("n1", n1.engine.localNode.incarnation));
  n1.takeBroadcasts();
  n1.takeEvents();
  expect(n1.engine.healthScore).toBe(score);
  return { members, n1 };
}

const oldVersions: readonly number[] = [1, 2, 2, 0, 0, 0];

describe("a probe that is answered", () => {
  it("works with the sequence number 0 after u32 wraps", () => {
    const members = new VirtualCluster({ latency });
    const n1 = members.add("n1", { fixedRandom: 0, seqNo: 0xffff_fffe, config: { probeInterval: 200, probeTimeout: 10 } });
    members.add("n2", { config: { probeInterval: 0 } });
    n1.deliver(alive("n2"));
    n1.takeBroadcasts();
    members.advance(500);
    expect(n1.sentOf("ping").map(({ seqNo }) => seqNo)).toEqual([0xffff_ffff, 0, 1]);
    expect(n1.sentOf("indirectPing")).toEqual([]);
    expect(n1.state("n2")).toBe("alive");
  });

  it("sends one ping, and changes nothing [Probe]", () => {
    const { members, n1 } = arrange({ up: ["n2"], knows: [alive("n2")] });
    members.advance(100);
    expect(n1.state("n2")).toBe("alive");
    expect(n1.sentOf("ping")).toMatchObject([
      { seqNo: 1, node: "n2", sourceAddr: "127.0.0.1", sourcePort: 7946, sourceNode: "n1" },
    ]);
    expect(n1.sent).toHaveLength(1);
    expect(n1.sent[0]?.to).toEqual({ host: "127.0.0.2", port: 7946, name: "n2" });
    expect(n1.eventTypes()).toEqual(["pingComplete n2"]);
  });

  it("reaches a node without versions, without a checksum [ProbeNode]", () => {
    const { members, n1 } = arrange({ up: ["n2"], knows: [alive("n2", { vsn: [] })] });
    members.advance(100);
    expect(n1.state("n2")).toBe("alive");
    expect(n1.sentOf("ping")).toMatchObject([{ seqNo: 1 }]);
    expect(n1.sent[0]?.crc).toBe(false);
    const modern = arrange({ up: ["n2"], knows: [alive("n2")] });
    modern.members.advance(100);
    expect(modern.n1.sent[0]?.crc).toBe(true);
  });

  it("improves the health score [ProbeNode_Awareness_Improved]", () => {
    const { members, n1 } = arrange({ up: ["n2"], knows: [alive("n2")], score: 1 });
    members.advance(100);
    expect(n1.state("n2")).toBe("alive");
    expect(n1.engine.healthScore).toBe(0);
    expect(n1.metrics.get("memberlist.degraded.probe")).toEqual([1]);
  });

  it("counts as degraded only while poor health stretches its interval", () => {
    const well = arrange({ up: ["n2"], knows: [alive("n2")] });
    well.members.advance(1000);
    expect(well.n1.sentOf("ping").length).toBeGreaterThan(1);
    expect(well.n1.metrics.has("memberlist.degraded.probe")).toBe(false);
    const unwell = arrange({ up: ["n2"], knows: [alive("n2")], score: 2 });
    unwell.members.advance(1000);
    expect(unwell.n1.sentOf("ping").length).toBeGreaterThan(2);
    expect(unwell.n1.metrics.get("memberlist.degraded.probe")).toEqual([1, 1]);
  });

  it("reports the round trip and the payload of a direct ack", () => {
    const members = new VirtualCluster({ latency: 7 });
    const n1 = members.add("n1", { fixedRandom: 0 });
    members.add("n2", { config: { probeInterval: 0 }, delegates: { ackPayload: () => Uint8Array.of(9) } });
    n1.deliver(alive("n2"));
    n1.takeEvents();
    members.advance(100);
    expect(n1.takeEvents()).toMatchObject([{ type: "pingComplete", rtt: 14, payload: Uint8Array.of(9), node: { name: "n2" } }]);
  });

  it("notifies a suspect of the suspicion in the same packet, so that it refutes [ProbeNode_Buddy]", () => {
    const { members, n1 } = arrange({ up: ["n2"], knows: [alive("n2"), suspect("n2", 1, "n9")] });
    const n2 = members.node("n2");
    n2.takeBroadcasts();
    members.advance(latency);
    expect(n1.sent.map(({ messages }) => messages.map(({ kind }) => kind))).toEqual([["ping", "suspect"]]);
    expect(n1.sentOf("suspect")).toEqual([suspect("n2", 1, "n1")]);
    expect(n2.engine.numQueuedBroadcasts).toBe(1);
    expect(n2.takeBroadcasts()).toMatchObject([{ kind: "alive", node: "n2", incarnation: 2 }]);
    members.advance(latency);
    // The ack alone does not end a suspicion: the refutation does.
    expect(n1.eventTypes()).toEqual(["pingComplete n2"]);
    expect(n1.state("n2")).toBe("suspect");
  });
});

describe("a probe that is not answered", () => {
  it("pings through helpers, and then makes the node suspect [ProbeNode_Suspect]", () => {
    const { members, n1 } = arrange({ up: ["n2", "n3"], knows: [alive("n2"), alive("n3"), alive("n4")] });
    members.advance(10);
    expect(n1.sentOf("indirectPing")).toHaveLength(2);
    for (const request of n1.sentOf("indirectPing")) {
      expect(request).toMatchObject({ seqNo: 1, target: "127.0.0.4", port: 7946, node: "n4", nack: true, sourceNode: "n1" });
    }
    members.advance(189);
    expect(n1.state("n4")).toBe("alive");
    members.advance(1);
    expect(n1.state("n4")).toBe("suspect");
    for (const helper of ["n2", "n3"]) {
      expect(members.node(helper).sentOf("ping")).toMatchObject([{ node: "n4", seqNo: 1, sourceNode: helper }]);
      expect(members.node(helper).sentOf("nack")).toEqual([{ kind: "nack", seqNo: 1 }]);
    }
    expect(n1.eventTypes()).toEqual(["suspect n4"]);
  });

  it("asks indirectChecks nodes at most, and only those that are alive", () => {
    const names = ["n2", "n3", "n4", "n5", "n6", "n7"];
    const knows = [...names.map((name) => alive(name)), suspect("n2"), suspect("n3"), alive("n8")];
    const { members, n1 } = arrange({ up: names, knows });
    members.advance(0);
    n1.random.fixed = undefined;
    members.advance(20);
    const asked = n1.sent.filter(({ messages }) => messages[0]?.kind === "indirectPing").map(({ to }) => to.name);
    expect(asked).toHaveLength(3);
    expect(new Set(asked).size).toBe(3);
    for (const name of asked) expect(["n4", "n5", "n6", "n7"]).toContain(name);
  });

  it("succeeds by a helper's ack, which improves the health score but reports no round trip", () => {
    const { members, n1 } = arrange({ up: ["n2", "n3"], knows: [alive("n3"), alive("n2")], score: 1 });
    members.losesPacket = (from, to) => from === "n1" && to === "n2";
    members.advance(100);
    expect(n1.state("n2")).toBe("alive");
    expect(n1.engine.healthScore).toBe(0);
    expect(n1.takeEvents()).toEqual([]);
    expect(members.node("n3").sentOf("ack")).toMatchObject([{ seqNo: 1, payload: new Uint8Array(0) }]);
  });

  it("does not wait for probeTimeout if sending failed for a remote reason [FailedRemote]", () => {
    const { members, n1 } = arrange({ up: ["n3"], knows: [alive("n3"), alive("n2")], score: 2 });
    members.advance(0);
    expect(n1.sentOf("indirectPing")).toEqual([]);
    n1.sent[0]?.fail();
    expect(n1.sentOf("indirectPing")).toHaveLength(1);
    n1.sent[0]?.fail();
    members.advance(20);
    expect(n1.sentOf("indirectPing")).toHaveLength(1);
    members.advance(579);
    expect(n1.state("n2")).toBe("alive");
    members.advance(1);
    expect(n1.state("n2")).toBe("suspect");
  });

  it("leaves the health score alone if sending failed and a helper reached the node", () => {
    const { members, n1 } = arrange({ up: ["n2", "n3"], knows: [alive("n3"), alive("n2")], score: 2 });
    members.losesPacket = (from, to) => from === "n1" && to === "n2";
    members.advance(0);
    n1.sent[0]?.fail();
    members.advance(50);
    expect(n1.state("n2")).toBe("alive");
    expect(n1.engine.healthScore).toBe(2);
  });

  it("ignores an ack after its end: the suspicion stays until it is refuted", () => {
    const { members, n1 } = arrange({ up: [], knows: [alive("n3"), alive("n2")] });
    members.advance(200);
    expect(n1.state("n2")).toBe("suspect");
    n1.takeEvents();
    const score = n1.engine.healthScore;
    n1.deliver({ kind: "ack", seqNo: 1, payload: new Uint8Array(0) });
    n1.deliver({ kind: "nack", seqNo: 1 });
    expect(n1.takeEvents()).toEqual([]);
    expect(n1.state("n2")).toBe("suspect");
    expect(n1.engine.healthScore).toBe(score);
  });

  it("accepts an ack at the last moment, despite earlier nacks", () => {
    const { members, n1 } = arrange({ up: [], knows: [alive("n3"), alive("n2")] });
    members.advance(199);
    n1.deliver({ kind: "nack", seqNo: 1 });
    n1.deliver({ kind: "ack", seqNo: 1, payload: new Uint8Array(0) });
    members.advance(1);
    expect(n1.state("n2")).toBe("alive");
    expect(n1.eventTypes().filter((event) => event.startsWith("suspect"))).toEqual([]);
  });

  it("suspects the node at the probed incarnation, so that one that refuted meanwhile stays alive", () => {
    const { members, n1 } = arrange({ up: [], knows: [alive("n3"), alive("n2")] });
    members.advance(150);
    n1.deliver(alive("n2", { incarnation: 2 }));
    members.advance(51);
    expect(n1.state("n2")).toBe("alive");
  });
});

describe("the stream ping beside the indirect ones", () => {
  const up = ["n2", "n3", "n4"];
  const knows = [alive("n2"), alive("n3"), alive("n4")];
  const cutOff = (members: VirtualCluster): void => {
    members.losesPacket = (_, to) => to === "n4";
  };

  it("keeps a node alive whose UDP fails, with a warning [ProbeNode_FallbackTCP]", () => {
    const { members, n1 } = arrange({ up, knows, score: 1 });
    cutOff(members);
    members.advance(10);
    expect(n1.streamPings).toMatchObject([{ ping: { seqNo: 1, node: "n4" }, to: { name: "n4" }, deadline: n1.now + 390 }]);
    members.advance(389);
    expect(n1.logged("udp_unreachable")).toEqual([]);
    members.advance(1);
    expect(n1.state("n4")).toBe("alive");
    expect(n1.logged("udp_unreachable")).toMatchObject([{ level: "warn" }]);
    expect(n1.count("probe.stream_only")).toBe(1);
    expect(n1.engine.healthScore).toBe(0);
    expect(n1.sentOf("indirectPing")).toHaveLength(2);
    expect(members.node("n2").sentOf("ping")).toHaveLength(1);
  });

  it("does not save a node that answers neither [ProbeNode_FallbackTCP]", () => {
    const { members, n1 } = arrange({ up, knows });
    cutOff(members);
    members.refusesStream = () => true;
    members.advance(200);
    expect(n1.streamPings).toHaveLength(1);
    expect(n1.state("n4")).toBe("suspect");
  });

  it("logs no UDP warning if an ack came as well", () => {
    const { members, n1 } = arrange({ up, knows });
    members.losesPacket = (from, to) => from === "n1" && to === "n4";
    members.advance(200);
    expect(n1.streamPings).toHaveLength(1);
    expect(n1.state("n4")).toBe("alive");
    expect(n1.logged("udp_unreachable")).toEqual([]);
  });

  it("does not happen if it is disabled, for all nodes or for this one [ProbeNode_FallbackTCP_Disabled]", () => {
    for (const config of [{ disableTcpPings: true }, { disableTcpPingsForNode: (name: string) => name === "n4" }]) {
      const { members, n1 } = arrange({ up, knows, config });
      cutOff(members);
      members.advance(200);
      expect(n1.streamPings).toEqual([]);
      expect(n1.state("n4")).toBe("suspect");
      expect(members.node("n3").sentOf("ping")).toHaveLength(1);
    }
    const other = arrange({ up, knows, config: { disableTcpPingsForNode: (name) => name === "n2" } });
    cutOff(other.members);
    other.members.advance(200);
    expect(other.n1.state("n4")).toBe("alive");
  });

  it("does not happen for a node before protocol version 3 [ProbeNode_FallbackTCP_OldProtocol]", () => {
    const { members, n1 } = arrange({ up, knows: [...knows.slice(0, 2), alive("n4", { vsn: oldVersions })] });
    cutOff(members);
    members.advance(200);
    expect(n1.streamPings).toEqual([]);
    expect(n1.state("n4")).toBe("suspect");
    expect(n1.sentOf("indirectPing")).toHaveLength(2);
  });

  it("counts a little after the deadline, too, and delays the verdict", () => {
    for (const contacted of [true, false]) {
      const { members, n1 } = arrange({ up: ["n2"], knows: [alive("n2"), alive("n4")] });
      members.streamPing = () => undefined;
      members.advance(205);
      expect(n1.state("n4")).toBe("alive");
      n1.streamPings[0]?.done(contacted);
      expect(n1.state("n4")).toBe(contacted ? "alive" : "suspect");
    }
  });
});

describe("the health score after a failed probe", () => {
  it("stays unchanged if every nack came, and a worse score doubles the time [ProbeNode_Awareness_Degraded]", () => {
    const { members, n1 } = arrange({ up: ["n2", "n3"], knows: [alive("n2"), alive("n3"), alive("n4")], score: 1 });
    members.advance(399);
    expect(n1.state("n4")).toBe("alive");
    members.advance(1);
    expect(n1.state("n4")).toBe("suspect");
    expect(n1.engine.healthScore).toBe(1);
    expect(members.node("n2").sentOf("ping")).toHaveLength(1);
  });

  it("worsens by one for each missing nack [ProbeNode_Awareness_MissedNack]", () => {
    const { members, n1 } = arrange({ up: ["n2"], knows: [alive("n2"), alive("n3"), alive("n4")] });
    members.advance(200);
    expect(n1.state("n4")).toBe("suspect");
    expect(n1.engine.healthScore).toBe(1);
    const cut = arrange({ up: [], knows: [alive("n2"), alive("n3"), alive("n5"), alive("n4")] });
    cut.members.advance(200);
    expect(cut.n1.engine.healthScore).toBe(3);
  });

  it("worsens by one if no helper could have sent a nack [ProbeNode_Awareness_OldProtocol]", () => {
    const vsn: readonly number[] = [];
    const knows = [alive("n2", { vsn }), alive("n3", { vsn: [1, 3, 2, 0, 0, 0] }), alive("n4", { vsn })];
    const { members, n1 } = arrange({ up: ["n2", "n3"], knows });
    members.advance(200);
    expect(n1.state("n4")).toBe("suspect");
    expect(n1.sentOf("indirectPing").map(({ nack }) => nack)).toEqual([false, false]);
    expect(members.node("n2").sentOf("nack")).toEqual([]);
    expect(n1.engine.healthScore).toBe(1);
  });

  it("counts nacks of helpers from protocol version 4 on, and asks no older ones for one", () => {
    for (const [pMax, nack] of [
      [3, false],
      [4, true],
      [5, true],
    ] as const) {
      const { members, n1 } = arrange({ up: [], knows: [alive("n2", { vsn: [1, pMax, 2, 0, 0, 0] }), alive("n4")], score: 1 });
      members.advance(15);
      expect(n1.sentOf("indirectPing").map((request) => request.nack)).toEqual([nack]);
      // The nack says that the helper is well: our own health is then not in question.
      n1.deliver({ kind: "nack", seqNo: n1.sentOf("ping")[0]?.seqNo ?? -1 });
      members.advance(385);
      expect(n1.state("n4")).toBe("suspect");
      expect(n1.engine.healthScore).toBe(nack ? 1 : 2);
    }
  });

  it("counts only nacks that were asked for, and gains nothing from more", () => {
    const { members, n1 } = arrange({ up: [], knows: [alive("n2", { vsn: oldVersions }), alive("n3"), alive("n4")], score: 2 });
    members.advance(15);
    expect(
      n1
        .sentOf("indirectPing")
        .map(({ nack }) => nack)
        .filter(Boolean),
    ).toHaveLength(1);
    for (let i = 0; i < 5; i++) n1.deliver({ kind: "nack", seqNo: 1 });
    members.advance(600);
    expect(n1.state("n4")).toBe("suspect");
    expect(n1.engine.healthScore).toBe(2);
  });
});

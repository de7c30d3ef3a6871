import { describe, expect, it, vi } from "vitest";
import type { DiagnosticsChannels } from "../../src/ports/diagnostics.ts";
import { EngineHarness, type HarnessNetwork, type HarnessOptions } from "./engine-harness.ts";
import { ack, alive, hostOf, suspect, type Message } from "./messages.ts";

const config = { probeInterval: 200, probeTimeout: 50, disableTcpPings: true };
const silence: HarnessNetwork = { packet: () => undefined, streamPing: () => undefined, pushPull: () => undefined };

/** A node that has just sent its first ping, to the node that it learned of last. */
function probing(known: readonly Message[], options: HarnessOptions = {}): EngineHarness {
  const node = new EngineHarness({ fixedRandom: 0, ...options, config: { ...config, ...options.config } }).start();
  node.deliverAll(...known);
  node.takeBroadcasts();
  node.advance(0);
  node.takeEvents();
  return node;
}

function kinds(node: EngineHarness): string[][] {
  return node.sent.map(({ messages }) => messages.map(({ kind }) => kind));
}

function seqNoOf(node: EngineHarness): number {
  return node.sentOf("ping")[0]?.seqNo ?? -1;
}

it("looks through the dead once in a round, not at each probe", () => {
  const node = probing(Array.from({ length: 5 }, (_, i) => alive(`n${i + 2}`)));
  const { table } = node.engine.context;
  const reap = vi.spyOn(table, "reap");
  for (let tick = 0; tick < 60; tick++) {
    node.advance(200);
    for (const { seqNo } of node.sentOf("ping")) node.deliver(ack(seqNo));
  }
  expect(reap).toHaveBeenCalledTimes(60);
  // Five others: a round is five probes.
  const begun = reap.mock.calls.filter(([, , begin]) => begin).length;
  expect(begun).toBeGreaterThanOrEqual(12);
  expect(begun).toBeLessThanOrEqual(13);
});

describe("the first packet of a probe", () => {
  it("carries a suspicion to a suspect only, and not without the Buddy System", () => {
    expect(kinds(probing([alive("n2")]))).toEqual([["ping"]]);
    expect(kinds(probing([alive("n2"), suspect("n2")]))).toEqual([["ping", "suspect"]]);
    expect(kinds(probing([alive("n2"), suspect("n2")], { hooks: { buddySystem: false } }))).toEqual([["ping"]]);
    expect(kinds(probing([alive("n2")], { hooks: { buddySystem: false } }))).toEqual([["ping"]]);
  });

  it("asks no helper if it fails to be sent after its probe was answered", () => {
    const node = probing([alive("n3"), alive("n2")]);
    node.deliver(ack(seqNoOf(node)));
    node.sent[0]?.fail();
    node.advance(190);
    expect(node.sentOf("indirectPing")).toEqual([]);
    expect(node.state("n2")).toBe("alive");
  });
});

describe("a probe with helpers", () => {
  it("asks helpers that are alive, and never this node or the target", () => {
    const node = probing([alive("n3"), alive("n4"), suspect("n3"), alive("n2")], { config: { indirectChecks: 100 } });
    node.advance(50);
    const asked = node.sent.filter(({ messages }) => messages[0]?.kind === "indirectPing").map(({ to }) => to.name);
    expect(asked).toEqual(["n4"]);
    expect(node.logged("ping_timeout")).toMatchObject([{ level: "debug" }]);
  });

  it("asks for no nacks without LHA-Probe, and the health score then stays 0", () => {
    const node = probing([alive("n3"), alive("n2")], { hooks: { nacks: false }, config: { awarenessMaxMultiplier: 1 } });
    node.advance(200);
    expect(node.sentOf("indirectPing").map(({ nack }) => nack)).toEqual([false]);
    expect(node.state("n2")).toBe("suspect");
    expect(node.engine.healthScore).toBe(0);
  });

  it("chooses helpers by selectNodes for the purpose indirectProbe, and targets for probe", () => {
    const purposes: string[] = [];
    const selectNodes = (purpose: string): string[] => {
      purposes.push(purpose);
      return ["n2", "n3"];
    };
    const node = probing([alive("n3"), alive("n2")], { delegates: { hasSelectNodes: true, selectNodes } });
    node.random.fixed = 0.9;
    node.advance(1000);
    expect(new Set(purposes)).toEqual(new Set(["probe", "indirectProbe"]));
  });

  it("offers only other members that are alive to selectNodes", () => {
    const offered: string[][] = [];
    const selectNodes = (purpose: string, nodes: readonly { readonly name: string }[]): string[] => {
      if (purpose === "indirectProbe") offered.push(nodes.map(({ name }) => name));
      return [];
    };
    const node = probing([alive("n3"), alive("n4"), suspect("n3"), alive("n2")], {
      delegates: { hasSelectNodes: true, selectNodes },
    });
    node.advance(50);
    expect(node.sentOf("ping")).toMatchObject([{ node: "n2" }]);
    expect(offered).toEqual([["n4"]]);
  });
});

describe("the cause of a suspicion by our own probe", () => {
  function causeOf(node: EngineHarness): unknown {
    const event = node.takeEvents().find(({ type }) => type === "suspect");
    return event?.type === "suspect" ? event.cause : undefined;
  }

  it("names the helpers and their results", () => {
    const node = probing([alive("n3"), alive("n4"), alive("n2")]);
    node.advance(100);
    node.deliver({ kind: "nack", seqNo: seqNoOf(node) });
    node.advance(100);
    const cause = { code: "probe_failed", direct: "no_ack", nacks: 1, nacksExpected: 2, stream: "not_tried", elapsed: 200 };
    const found = causeOf(node);
    expect(found).toMatchObject(cause);
    expect((found as { indirect: string[] }).indirect.toSorted()).toEqual(["n3", "n4"]);
    expect(node.logged("suspect")).toMatchObject([{ level: "info" }]);
  });

  it("reports a ping that could not be sent and a failed stream", () => {
    const node = probing([alive("n2")], { network: silence, config: { disableTcpPings: false } });
    node.sent[0]?.fail();
    node.streamPings[0]?.done(false);
    node.advance(200);
    expect(causeOf(node)).toEqual({
      code: "probe_failed",
      direct: "send_failed",
      indirect: [],
      nacks: 0,
      nacksExpected: 0,
      stream: "failed",
      elapsed: 200,
      rtt: undefined,
    });
  });
});

it("sends stream pings to nodes from protocol version 3 on", () => {
  for (const [pMax, count] of [
    [2, 0],
    [3, 1],
    [4, 1],
  ] as const) {
    const vsn = [1, pMax, 2, 0, 0, 0];
    const node = probing([alive("n2", { vsn })], { network: silence, config: { disableTcpPings: false } });
    node.advance(50);
    expect(node.streamPings).toHaveLength(count);
  }
});

it("samples the time of a probe when it ends, with any result", () => {
  const answered = probing([alive("n2")]);
  answered.advance(30);
  answered.deliver(ack(seqNoOf(answered)));
  expect(answered.metrics.get("memberlist.probeNode")).toEqual([30]);
  const failed = probing([alive("n2")]);
  failed.advance(200);
  expect(failed.metrics.get("memberlist.probeNode")).toEqual([200]);
});

describe("a traced probe", () => {
  const message = { node: "n1", address: `${hostOf("n2")}:7946`, peer: "n2" };

  /** Probes n2 beside n3, and returns what is published until `react` has ended the probe. */
  function published(react: (node: EngineHarness) => void, isHeard: boolean = true): unknown[] {
    const events: [event: string, message: unknown][] = [];
    const prefix = "tracing:memberlist:probe:";
    const channels: DiagnosticsChannels = {
      channel: (name) => ({
        hasSubscribers: isHeard && name.startsWith(prefix),
        publish: (copied) => void events.push([name.slice(prefix.length), { ...(copied as object) }]),
      }),
    };
    const node = probing([alive("n3"), alive("n2")], { channels, network: silence, config: { disableTcpPings: false } });
    react(node);
    return events.slice(0, 4);
  }

  it.each<[answer: string, rtt: number | undefined, react: (node: EngineHarness) => void]>([
    [
      "direct",
      30,
      (node) => {
        node.advance(30);
        node.deliver(ack(seqNoOf(node)));
        expect(node.metrics.get("memberlist.probe.rtt")).toEqual([30]);
      },
    ],
    [
      "indirect",
      undefined,
      (node) => {
        node.advance(80);
        node.deliver(ack(seqNoOf(node)));
      },
    ],
    [
      "stream",
      undefined,
      (node) => {
        node.advance(80);
        node.streamPings[0]?.done(true);
        node.advance(120);
      },
    ],
    [
      "none",
      undefined,
      (node) => {
        node.advance(80);
        node.streamPings[0]?.done(false);
        node.advance(120);
      },
    ],
  ])("publishes its begin and its end, with the answer: %s", (answer, rtt, react) => {
    const finished = { ...message, result: { answer, rtt } };
    expect(published(react)).toEqual([
      ["start", message],
      ["end", message],
      ["asyncStart", finished],
      ["asyncEnd", finished],
    ]);
  });

  it("publishes nothing without subscribers", () => {
    expect(published((node) => node.advance(200), false)).toEqual([]);
  });
});

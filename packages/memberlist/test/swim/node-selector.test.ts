import { describe, expect, it } from "vitest";
import type { EngineDelegates } from "../../src/swim/ports.ts";
import type { SelectPurpose } from "../../src/api/delegates.ts";
import { NodeSelector } from "../../src/swim/node-selector.ts";
import { NodeRecord } from "../../src/swim/node-record.ts";
import { NodeTable } from "../../src/swim/node-table.ts";
import { cluster } from "./virtual-cluster.ts";
import { EngineHarness, TestRandom, type HarnessOptions } from "./engine-harness.ts";
import { alive } from "./messages.ts";

/** n1 among n2 to n9, of which n2, n3 and n4 are in its zone. */
function zoned(select: EngineDelegates["selectNodes"], config: HarnessOptions["config"] = {}): EngineHarness {
  const node = new EngineHarness({ name: "n1", config, delegates: { hasSelectNodes: true, selectNodes: select } }).start();
  for (let i = 2; i <= 9; i++) node.deliver(alive(`n${i}`, { incarnation: 1 }));
  node.takeBroadcasts();
  node.takeSent();
  return node;
}

const zone = ["n2", "n3", "n4"];
const gossipOn = { gossipInterval: 200, probeInterval: 0, retransmitMult: 1000 };

/** The number of sent packets, by receiver. */
function receivers(node: EngineHarness): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { to } of node.takeSent()) counts.set(to.name, (counts.get(to.name) ?? 0) + 1);
  return counts;
}

function inZone(counts: Map<string, number>): number {
  return zone.reduce((sum, name) => sum + (counts.get(name) ?? 0), 0);
}

function total(counts: Map<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

describe("gossip with selectNodes", () => {
  it("reaches the chosen nodes, except one target of each round, which may be any node", () => {
    const node = zoned(() => zone, gossipOn);
    node.deliver(alive("n9", { incarnation: 2 }));
    node.advance(200 * 100);
    const counts = receivers(node);
    expect(total(counts)).toBe(300);
    // Two of three, and now and then the third.
    expect(inZone(counts)).toBeGreaterThanOrEqual(200);
    expect(inZone(counts)).toBeLessThan(260);
    expect(counts.size).toBe(8);
  });

  it.each([
    ["nobody", (): string[] => []],
    ["foreigners", (): string[] => ["n77", "n1"]],
  ])("uses all candidates when %s are chosen, and counts it", (_, select) => {
    const node = zoned(select, gossipOn);
    node.deliver(alive("n9", { incarnation: 2 }));
    node.advance(200 * 50);
    expect(receivers(node).size).toBe(8);
    expect(node.count("select_nodes_failed")).toBe(50);
    expect(node.logged("select_nodes_failed")).toHaveLength(50);
  });

  it("never reaches a member twice in a round, nor a node that is not a candidate", () => {
    const node = zoned(() => ["n2", "n2", "n1", "n55"], gossipOn);
    node.deliver(alive("n9", { incarnation: 2 }));
    for (let round = 0; round < 50; round++) {
      node.advance(200);
      const counts = receivers(node);
      expect([...counts.values()]).toEqual([1, 1, 1]);
      expect(counts.get("n2")).toBe(1);
    }
  });
});

it("probes chosen nodes more often, and all nodes now and then", () => {
  const node = zoned(() => zone, {
    probeInterval: 1000,
    probeTimeout: 10,
    disableTcpPings: true,
    indirectChecks: 0,
    awarenessMaxMultiplier: 1,
    suspicionMult: 1000,
  });
  const targets = new Map<string, number>();
  for (let i = 0; i < 400; i++) {
    node.advance(1000);
    for (const { messages } of node.takeSent()) {
      for (const message of messages)
        if (message.kind === "ping") targets.set(message.node, (targets.get(message.node) ?? 0) + 1);
    }
  }
  expect(targets.size).toBe(8);
  expect(inZone(targets)).toBeGreaterThan(total(targets) * 0.55);
});

it("asks selectNodes for each purpose with all eligible nodes", () => {
  const asked = new Map<SelectPurpose, number>();
  const node = zoned(
    (purpose, candidates) => {
      asked.set(purpose, Math.max(asked.get(purpose) ?? 0, candidates.length));
      expect(candidates.map(({ name }) => name)).not.toContain("n1");
      return zone;
    },
    { ...gossipOn, probeInterval: 1000, pushPullInterval: 1000 },
  );
  node.deliver(alive("n9", { incarnation: 2 }));
  node.advance(20_000);
  expect(Object.fromEntries(asked)).toEqual({ probe: 8, indirectProbe: 7, gossip: 8, pushPull: expect.any(Number) });
});

it("zones that only choose their own members still learn about each other", () => {
  const members = cluster(0, { config: { gossipInterval: 200 } });
  const half = (name: string): number => Number(name.slice(1)) % 2;
  for (let i = 1; i <= 20; i++) {
    const own = half(`n${i}`);
    members.add(`n${i}`, {
      delegates: {
        hasSelectNodes: true,
        selectNodes: (_, candidates) => candidates.map(({ name }) => name).filter((name) => half(name) === own),
      },
    });
  }
  members.preload();
  members.crash("n1");
  const others = members.nodes.slice(1);
  expect(members.advance(120_000, () => others.every((node) => node.state("n1") === "dead"))).toBe(true);
});

describe("NodeSelector.choose", () => {
  /** Chooses among n0 to n9, of which selectNodes takes n5. */
  function selectorOf(hasSelectNodes: boolean): {
    readonly selector: NodeSelector;
    readonly random: TestRandom;
    readonly asked: () => number;
  } {
    const random = new TestRandom(1);
    const table = new NodeTable(random);
    for (let i = 0; i < 10; i++) {
      const record = new NodeRecord(`n${i}`, "10.0.0.1", i, new Uint8Array(0), 0);
      record.changeState("alive", 0);
      table.add(record);
    }
    let asked = 0;
    const selectNodes = (): string[] => {
      asked++;
      return ["n5"];
    };
    const { context } = new EngineHarness().engine;
    const delegates = { ...context.delegates, hasSelectNodes, selectNodes };
    const selector = new NodeSelector({ ...context, delegates, random, table });
    return { selector, random, asked: () => asked };
  }

  it("calls selectNodes only if there is one, a node to choose and a candidate", () => {
    const without = selectorOf(false);
    expect(without.selector.choose("gossip", 3, () => true)).toHaveLength(3);
    const { asked, selector } = selectorOf(true);
    expect(selector.choose("gossip", 0, () => true)).toEqual([]);
    expect(selector.choose("gossip", 3, () => false)).toEqual([]);
    expect([without.asked(), asked()]).toEqual([0, 0]);
  });

  it("takes a single target from the selected nodes or from all, as the random number has it", () => {
    const { random, selector } = selectorOf(true);
    random.fixed = 0.9;
    expect(selector.choose("pushPull", 1, () => true).map(({ name }) => name)).toEqual(["n5"]);
    random.fixed = undefined;
    const names = Array.from({ length: 200 }, () => selector.choose("pushPull", 1, () => true)[0]?.name);
    expect(new Set(names).size).toBe(10);
    expect(names.filter((name) => name === "n5").length).toBeGreaterThan(60);
  });
});

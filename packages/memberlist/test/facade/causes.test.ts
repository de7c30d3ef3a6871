import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import type { MemberEvent, NodeState } from "../../src/index.ts";
import { clusters, names, thrown, type Cluster, type TestNode } from "./cluster.ts";

const cluster = clusters();

/** Three nodes that know each other; the last one stops answering. */
async function withOneCutOff(one: Cluster, alone: boolean = false): Promise<[TestNode, TestNode, TestNode]> {
  // Short, so that a helper's nack (after its own probeTimeout) arrives before the probe ends.
  const [a, b, c] = (await one.joined(3, { probeTimeout: 300 })) as [TestNode, TestNode, TestNode];
  await one.advance(10_000);
  if (alone) {
    one.network.partition([a.transport], [b.transport, c.transport]);
  } else {
    one.network.partition([a.transport, b.transport], [c.transport]);
  }
  return [a, b, c];
}

function changes(node: TestNode): MemberEvent[] {
  return node.members.recentEvents().filter((event) => event.type !== "log");
}

describe("the cause of a suspicion", () => {
  it("contains the steps of the failed probe and the earlier round trip", async () => {
    const one = cluster(1, { latency: () => 20 });
    const [a, b] = await withOneCutOff(one);
    await one.until(() => [a, b].some((node) => node.members.members().some(({ state }) => state === "suspect")));
    const prober = [a, b].find((node) => changes(node).some((event) => event.type === "suspect" && event.from === node.name));
    const event = changes(prober as TestNode).find(({ type }) => type === "suspect");
    const helper = prober === a ? b.name : a.name;
    expect(event).toMatchObject({
      node: { name: "node-2", state: "suspect" },
      cause: {
        code: "probe_failed",
        direct: "no_ack",
        indirect: [helper],
        nacks: 1,
        nacksExpected: 1,
        stream: "failed",
        rtt: 40,
      },
    });
  });

  it("names the accuser if that was another member", async () => {
    const one = cluster();
    const [a, b, c] = await withOneCutOff(one);
    const causes = (): string[] =>
      [a, b].flatMap(({ members }) => members.members({ states: ["suspect"] })).map(({ cause }) => cause?.code ?? "");
    await one.until(() => causes().includes("accused"));
    const accused = [a, b].find(({ members }) => members.members({ states: ["suspect"] })[0]?.cause?.code === "accused");
    const [info] = (accused as TestNode).members.members({ states: ["suspect"] });
    const accuser = accused === a ? b.name : a.name;
    expect(info).toMatchObject({ name: c.name, cause: { code: "accused", from: accuser }, accusers: [accuser] });
  });
});

describe("the cause of a leave", () => {
  it("contains the suspicion that timed out, its accusers and its duration", async () => {
    const one = cluster();
    const [a] = await withOneCutOff(one, true);
    await one.until(() => a.members.numMembers() === 1);
    const gone = changes(a).filter(({ type }) => type === "leave");
    expect(gone).toHaveLength(2);
    for (const event of gone) {
      expect(event).toMatchObject({
        cause: { code: "suspicion_timeout", accusers: ["node-0"], suspicion: { code: "probe_failed", nacks: 0 } },
      });
    }
    const [first] = a.members.members({ states: ["dead"] });
    const { cause } = first ?? {};
    expect(cause?.code === "suspicion_timeout" && cause.suspectFor).toBeGreaterThan(3_000);
  });

  it("distinguishes a member that left from one that others declared dead", async () => {
    const one = cluster();
    const [a, b, c] = (await one.joined(3)) as [TestNode, TestNode, TestNode];
    await one.settle(b.members.leave());
    await one.until(() => a.members.numMembers() === 2 && c.members.numMembers() === 2);
    expect(a.members.members({ states: ["left"] })).toMatchObject([{ name: b.name, cause: { code: "left" } }]);
    await b.members.shutdown();
    await c.members.shutdown();
    await one.until(() => a.members.numMembers() === 1);
    expect(a.members.members({ states: ["dead"] })).toMatchObject([{ name: c.name, cause: { code: "suspicion_timeout" } }]);
  });
});

describe("members({ states })", () => {
  it("returns dead and left members with the time and the cause, which a return clears", async () => {
    const one = cluster();
    const [a, , c] = await withOneCutOff(one);
    await one.until(() => a.members.numMembers() === 2);
    const diedAt = one.clock.wallTime();
    await one.advance(1_500);
    expect(a.members.members({ states: ["dead"] })).toMatchObject([{ name: c.name, state: "dead", since: diedAt, age: 1_500 }]);
    expect(names(a)).toEqual(["node-0", "node-1"]);
    expect(a.members.members({}).map(({ name }) => name)).toHaveLength(3);
    expect(a.members.members({ states: [] })).toEqual([]);
    one.network.heal();
    await one.settle(c.members.join([a.seed]));
    await one.until(() => a.members.members({ states: ["alive"] }).length === 3);
    expect(a.members.members({}).map(({ cause }) => cause)).toEqual([undefined, undefined, undefined]);
  });

  it("refuses an unknown state", async () => {
    const { members } = await cluster().start();
    expect(thrown(() => members.members({ states: ["alife" as NodeState] }))).toBe("invalid_argument");
    expect(thrown(() => members.members({ states: "dead" as unknown as NodeState[] }))).toBe("invalid_argument");
  });

  it("returns a current round trip for each member", async () => {
    let latency = 10;
    const one = cluster(1, { latency: () => latency });
    const [a] = (await one.joined(2)) as [TestNode];
    const rtts = (): (number | undefined)[] => a.members.members({}).map(({ rtt }) => rtt);
    await one.advance(5_000);
    expect(new Set(rtts())).toEqual(new Set([20, undefined]));
    latency = 50;
    await one.advance(1_000);
    const next = Math.max(...rtts().filter((rtt) => rtt !== undefined));
    expect(next).toBeCloseTo(20 + 80 / 8, 5);
    await one.advance(60_000);
    expect(Math.max(...rtts().filter((rtt) => rtt !== undefined))).toBeCloseTo(100, 0);
  });
});

describe("recentEvents()", () => {
  it("lists changes and refusals in order at any log level, and stays bounded", async () => {
    const one = cluster();
    let refuses = true;
    const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
    const a = await one.start({
      logger: quiet,
      merge: {
        notifyMerge: () => {
          if (refuses) throw new Error("not in my cluster");
        },
      },
    });
    const b = await one.start();
    await one.settle(b.members.join([a.seed]).catch(() => undefined));
    refuses = false;
    await one.settle(b.members.join([a.seed]));
    const recent = a.members.recentEvents();
    const refusal = recent.findIndex((event) => event.type === "log" && JSON.stringify(event).includes("not in my cluster"));
    const join = recent.findIndex((event) => event.type === "join" && event.node.name === b.name);
    expect(refusal).toBeGreaterThan(-1);
    expect(join).toBeGreaterThan(refusal);
    for (let i = 0; i < 300; i++) await one.settle(b.members.updateNode({ meta: new Uint8Array([i % 256]) }));
    await one.advance(5_000);
    expect(changes(b)).toHaveLength(256);
    expect(changes(b).at(-1)).toMatchObject({ type: "update", node: { name: b.name } });
    expect(a.members.recentEvents().some((event) => JSON.stringify(event).includes("not in my cluster"))).toBe(true);
  });
});

describe("a printed node", () => {
  it("shows its name and its number of members, and no key", async () => {
    const one = cluster();
    const [a, , c] = await withOneCutOff(one);
    await one.until(() => a.members.numMembers() === 2);
    expect(inspect(a.members)).toMatch(/^Memberlist \{\s+name: 'node-0',[^]*alive: 2, suspect: 0, dead: 1, left: 0/);
    expect(JSON.parse(JSON.stringify(a.members))).toEqual({
      name: "node-0",
      address: a.address,
      state: "alive",
      incarnation: 1,
      members: { alive: 2, suspect: 0, dead: 1, left: 0 },
      healthScore: a.members.healthScore(),
      queuedBroadcasts: a.members.numQueuedBroadcasts(),
      label: "",
      encrypted: false,
    });
    await c.members.shutdown();
    expect(inspect(c.members)).toContain("state: 'shutdown'");
    const secret = await one.start({ name: "keyed", secretKey: new Uint8Array(16).fill(65) });
    expect(inspect(secret.members, { depth: 9, showHidden: true })).toContain("encrypted: true");
    expect(inspect(secret.members, { depth: 9, showHidden: true })).not.toMatch(/65, 65|QUFB/);
  });
});

import { describe, expect, it } from "vitest";
import { MemberlistError } from "../../src/api/errors.ts";
import { NodeRecord } from "../../src/swim/node-record.ts";
import type { Node } from "../../src/api/node.ts";
import type { PushNodeState } from "../../src/wire/messages/types.ts";
import { protocolChecks } from "../../src/swim/versions.ts";
import { EngineHarness, mergeAll, verifyProtocol, type HarnessOptions } from "./engine-harness.ts";
import { alive, dead, goodVersions, hostOf, suspect } from "./messages.ts";

const stateNumber = { alive: 0, suspect: 1, dead: 2, left: 3 } as const;

function remote(name: string, state: keyof typeof stateNumber, fields: Partial<PushNodeState> = {}): PushNodeState {
  const node = { name, addr: hostOf(name), port: 7946, meta: new Uint8Array(0), incarnation: 1, vsn: goodVersions };
  return { ...node, state: stateNumber[state], ...fields };
}

function started(options: HarnessOptions = {}): EngineHarness {
  const node = new EngineHarness(options).start();
  node.takeBroadcasts();
  node.takeEvents();
  return node;
}

function merge(node: EngineHarness, nodes: readonly PushNodeState[], join: boolean = false): void {
  node.run(() => mergeAll(node.engine, nodes, join));
}

function codeOf(action: () => void): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error instanceof MemberlistError ? error.code : String(error);
  }
}

describe("merging a peer's state", () => {
  it("takes alive nodes as alive, and suspects the suspect and the dead alike [MergeState]", () => {
    const node = started();
    node.deliverAll(alive("n2"), alive("n3"), alive("n4"), suspect("n2"));
    node.takeEvents();
    merge(node, [
      remote("n2", "alive", { incarnation: 2 }),
      remote("n3", "suspect"),
      remote("n4", "dead"),
      remote("n5", "alive", { incarnation: 2 }),
    ]);
    expect(node.node("n2")).toMatchObject({ state: "alive", incarnation: 2 });
    expect(node.node("n3")).toMatchObject({ state: "suspect", incarnation: 1 });
    expect(node.state("n4")).toBe("suspect");
    expect(node.node("n5")).toMatchObject({ state: "alive", incarnation: 2 });
    expect(node.eventTypes()).toEqual(["alive n2", "suspect n3", "suspect n4", "join n5"]);
  });

  it("accepts at once that a node left", () => {
    const node = started();
    node.deliver(alive("n2"));
    node.takeEvents();
    merge(node, [remote("n2", "left")]);
    expect(node.state("n2")).toBe("left");
    expect(node.takeBroadcasts()).toEqual([dead("n2", 1, "n2")]);
  });

  it("suspects in this node's name, so that reports through many peers count as one accusation", () => {
    const node = started({ config: { probeInterval: 0 } });
    for (let i = 2; i < 10; i++) node.deliver(alive(`n${i}`));
    node.takeBroadcasts();
    merge(node, [remote("n2", "dead")]);
    expect(node.takeBroadcasts()).toEqual([suspect("n2", 1, "n1")]);
    merge(node, [remote("n2", "dead")]);
    merge(node, [remote("n2", "suspect")]);
    expect(node.engine.numQueuedBroadcasts).toBe(0);
  });

  it("adds no node that is not alive", () => {
    const node = started();
    merge(node, [remote("n2", "suspect"), remote("n3", "dead"), remote("n4", "left")]);
    expect(node.known().map(({ name }) => name)).toEqual(["n1"]);
  });

  it("refutes accusations of this node", () => {
    for (const state of ["suspect", "dead", "left"] as const) {
      const node = started();
      merge(node, [remote("n1", state, { incarnation: 4 })]);
      expect(node.engine.localNode).toMatchObject({ state: "alive", incarnation: 5 });
    }
  });

  it("ignores undefined states, and merges the rest", () => {
    const node = started();
    merge(node, [remote("n2", "alive", { state: 7 }), remote("n3", "alive", { state: -1 }), remote("n4", "alive")]);
    expect(
      node
        .known()
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(["n1", "n4"]);
  });

  it("uses bindPort for a missing port", () => {
    const node = started({ config: { bindPort: 7100 } });
    merge(node, [remote("n2", "alive", { port: 0 })]);
    expect(node.node("n2")?.port).toBe(7100);
  });

  it("mirrors localState: a peer that merges it has the same table", () => {
    const node = started({ config: { probeInterval: 0 } });
    node.deliverAll(alive("n2", { meta: Uint8Array.of(4) }), alive("n3"), alive("n4"), dead("n4", 1, "n4"));
    const other = new EngineHarness({ name: "n5", config: { probeInterval: 0 } }).start();
    merge(other, node.engine.pushPull.localState());
    for (const name of ["n1", "n2", "n3"]) expect(other.node(name)).toEqual(node.node(name));
    expect(
      other
        .known()
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(["n1", "n2", "n3", "n5"]);
  });
});

describe("the merge delegate", () => {
  it("sees all nodes, on a join only, and can refuse without any change", () => {
    const asked: (readonly Node[])[] = [];
    let refusal: unknown;
    const delegates = {
      hasMergeDelegate: true,
      refusesMerge: (peers: readonly Node[]): unknown => {
        asked.push(peers);
        return refusal;
      },
    };
    const node = started({ delegates, config: { bindPort: 7100 } });
    merge(node, [remote("n2", "alive")], false);
    expect(asked).toEqual([]);
    refusal = new Error("other cluster");
    const nodes = [remote("n3", "alive", { port: 0, meta: Uint8Array.of(1) }), remote("n4", "left")];
    expect(codeOf(() => merge(node, nodes, true))).toBe("merge_refused");
    expect(asked).toMatchObject([
      [
        { name: "n3", state: "alive", port: 7100, pMax: 5, meta: Uint8Array.of(1) },
        { name: "n4", state: "left" },
      ],
    ]);
    expect(
      node
        .known()
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(["n1", "n2"]);
    refusal = undefined;
    merge(node, nodes, true);
    expect(node.state("n3")).toBe("alive");
  });
});

type Range = readonly [min: number, max: number, current: number];

describe("verifyProtocol", () => {
  const table: { a: Range[]; b: Range[]; isCompatible: boolean; what: string }[] = [
    { what: "everything alike", a: [[0, 0, 0]], b: [[0, 0, 0]], isCompatible: true },
    { what: "one understands more", a: [[0, 0, 0]], b: [[0, 1, 0]], isCompatible: true },
    { what: "one speaks outside the other's range", a: [[0, 0, 0]], b: [[1, 1, 1]], isCompatible: false },
    {
      what: "outside the range of a third",
      a: [
        [0, 1, 0],
        [0, 2, 1],
      ],
      b: [[1, 3, 1]],
      isCompatible: false,
    },
    {
      what: "many that all understand each other",
      a: [
        [0, 3, 2],
        [0, 2, 0],
      ],
      b: [
        [0, 2, 1],
        [0, 5, 0],
      ],
      isCompatible: true,
    },
  ];

  function check(ours: readonly (readonly number[])[], theirs: readonly (readonly number[])[]): string | undefined {
    const local = ours.map((versions, i) => {
      const record = new NodeRecord(`ours ${i}`, "127.0.0.1", 1, new Uint8Array(0), 0);
      record.change({ versions });
      record.changeState("alive", 0);
      return record;
    });
    return codeOf(() =>
      verifyProtocol(
        theirs.map((vsn, i) => remote(`theirs ${i}`, "alive", { vsn })),
        local,
      ),
    );
  }

  for (const { what, a, b, isCompatible } of table) {
    it(`${isCompatible ? "accepts" : "refuses"} ${what}, of protocol and delegate, from either side [VerifyProtocol]`, () => {
      const protocol = (range: Range): number[] => [...range, 0, 0, 0];
      const delegate = (range: Range): number[] => [0, 0, 0, ...range];
      for (const place of [protocol, delegate]) {
        const expected = isCompatible ? undefined : "incompatible_versions";
        expect(check(a.map(place), b.map(place))).toBe(expected);
        expect(check(b.map(place), a.map(place))).toBe(expected);
      }
    });
  }

  it("checks nodes in chunks, however many there are", () => {
    const theirs = Array.from({ length: 20_000 }, (_, i) => remote(`n${i}`, "alive"));
    const ours = theirs.map(({ name, vsn }) => {
      const record = new NodeRecord(name, "127.0.0.1", 1, new Uint8Array(0), 0);
      record.versions = vsn;
      return record;
    });
    expect(Array.from(protocolChecks(theirs, ours)).length).toBe(16);
    expect(Array.from(protocolChecks(theirs.slice(0, 4_000), ours.slice(0, 4_000))).length).toBe(0);
  });

  it("shows nodes to the merge delegate in chunks, on a join", () => {
    const theirs = Array.from({ length: 5_999 }, (_, i) => remote(`n${i}`, "alive"));
    let shown = 0;
    const delegates = {
      hasMergeDelegate: true,
      refusesMerge: (peers: readonly unknown[]): undefined => {
        shown = peers.length;
      },
    };
    const { pushPull } = started({ delegates }).engine;
    const parts = (join: boolean): number => Array.from(pushPull.check(theirs, join)).length;
    const checks = parts(false);
    expect(shown).toBe(0);
    expect(parts(true)).toBe(checks + 2);
    expect(shown).toBe(5_999);
    theirs.push(remote("last", "alive"));
    expect(parts(true)).toBe(checks + 3);
  });

  it("checks the ranges of alive nodes only, but the current version of all", () => {
    const node = started();
    const narrow = [5, 5, 5, 0, 0, 0];
    merge(node, [remote("n2", "dead", { vsn: [5, 5, 2, 0, 0, 0] })]);
    expect(codeOf(() => merge(node, [remote("n2", "dead", { vsn: narrow })]))).toBeUndefined();
    expect(codeOf(() => merge(node, [remote("n2", "alive", { vsn: narrow })]))).toBe("incompatible_versions");
    expect(codeOf(() => merge(node, [remote("n2", "dead", { vsn: [1, 9, 9, 0, 0, 0] })]))).toBe("incompatible_versions");
  });

  it("treats a node without versions as one that speaks version 0", () => {
    const node = started();
    expect(codeOf(() => merge(node, [remote("n2", "alive", { vsn: [] })]))).toBe("incompatible_versions");
    expect(codeOf(() => verifyProtocol([remote("n2", "alive", { vsn: [] })], []))).toBeUndefined();
  });

  it("ignores the ranges of this node's dead members", () => {
    const gone = new NodeRecord("gone", "127.0.0.1", 1, new Uint8Array(0), 0);
    gone.versions = [5, 5, 2, 0, 0, 0];
    gone.changeState("alive", 0);
    const theirs = [remote("n2", "alive")];
    expect(codeOf(() => verifyProtocol(theirs, [gone]))).toBe("incompatible_versions");
    for (const state of ["suspect", "dead", "left"] as const) {
      gone.changeState(state, 0);
      expect(codeOf(() => verifyProtocol(theirs, [gone]))).toBeUndefined();
    }
  });

  it("reads ranges from five versions, but current versions only from six", () => {
    expect(codeOf(() => verifyProtocol([remote("n2", "alive", { vsn: [1, 5, 2, 0] })], []))).toBeUndefined();
    expect(codeOf(() => verifyProtocol([remote("n2", "alive", { vsn: [1, 5, 2, 0, 0] })], []))).toBe("incompatible_versions");
    expect(codeOf(() => verifyProtocol([remote("n2", "alive", { vsn: [1, 5, 2, 0, 0, 0] })], []))).toBeUndefined();
  });

  it("changes nothing when it refuses, not even for compatible nodes", () => {
    const node = started();
    expect(codeOf(() => merge(node, [remote("n2", "alive"), remote("n3", "alive", { vsn: [6, 7, 6, 0, 0, 0] })]))).toBe(
      "incompatible_versions",
    );
    expect(node.known().map(({ name }) => name)).toEqual(["n1"]);
    expect(node.takeEvents()).toEqual([]);
  });
});

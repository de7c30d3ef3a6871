import { describe, expect, it } from "vitest";
import type { Node } from "@memberlist/core";
import { diagnoseAgent } from "../src/doctor/agents.ts";
import { blockedFor } from "../src/doctor/blocked-for.ts";
import { diagnose } from "../src/doctor/diagnose.ts";
import type { Examination, MemberCheck, PingResult } from "../src/doctor/examination.ts";
import { sortFindings } from "../src/doctor/finding.ts";
import { diagnoseVersions } from "../src/doctor/versions.ts";

function node(name: string, fields: Partial<Node> = {}): Node {
  const versions = { pMin: 1, pMax: 5, pCur: 2, dMin: 0, dMax: 0, dCur: 0 };
  return { name, addr: "10.0.0.1", port: 7946, meta: new Uint8Array(0), state: "alive", incarnation: 1, ...versions, ...fields };
}

/** Pings every 100 ms with these round-trip times. */
function pings(...times: readonly (number | undefined)[]): readonly PingResult[] {
  return times.map((rtt, i) => ({ sentAt: i * 100, rtt }));
}

function check(fields: Partial<MemberCheck>): MemberCheck {
  const view = { address: "10.0.0.1:7946", members: [], stateBytes: 0, skipped: 0 };
  const nothing = { isAnother: false, largestPacket: undefined, isReached: undefined, answersOthers: undefined };
  return { node: node("a"), stream: { view, ms: 1 }, pings: pings(1, 1, 1, 1), ...nothing, ...fields };
}

function examination(fields: Partial<Examination>): Examination {
  return { seeds: [], members: [], names: [], pairs: [], pairsTried: 0, gone: [], leftOut: 0, ownLag: 0, ...fields };
}

const codes = (fields: Partial<Examination>): readonly string[] =>
  sortFindings(diagnose(examination(fields))).map(({ code }) => code);

describe("blockedFor", () => {
  it("returns the round-trip time of a ping whose ack arrived together with later acks", () => {
    expect(blockedFor(pings(1, 450, 350, 250, 150, 50, 1))).toBe(450);
  });

  it("returns 0 on a slow network, after a single slow ack, and without acks", () => {
    expect(blockedFor(pings(300, 302, 299, 301))).toBe(0);
    expect(blockedFor(pings(1, 300, 1, 1))).toBe(0);
    expect(blockedFor(pings(undefined, undefined))).toBe(0);
  });
});

describe("diagnose", () => {
  it("reports no finding for a healthy member", () => {
    expect(codes({ members: [check({})] })).toEqual([]);
  });

  it("does not blame a member for a delay of this process", () => {
    const members = [check({ pings: pings(1, 650, 550, 450, 350) })];
    expect(codes({ members })).toEqual(["event_loop_blocked"]);
    expect(codes({ members, ownLag: 600 })).toEqual(["doctor_was_slow"]);
  });

  it("reports loss, another node at the address, and suspect and dead members, the most serious first", () => {
    const lossy = check({ pings: pings(1, undefined, 1, undefined, 1) });
    const other = check({ node: node("b", { state: "suspect" }), pings: pings(undefined), isAnother: true });
    expect(codes({ members: [lossy, other], gone: [node("c", { state: "dead" })] })).toEqual([
      "other_node_at_address",
      "packet_loss",
      "suspect_members",
      "dead_members",
    ]);
  });

  it("distinguishes a member that answers only other members from one that does not answer at all", () => {
    const silent = { code: "timeout", message: "no connection in time", connected: false, unanswered: false } as const;
    const base = { stream: silent, pings: pings(undefined, undefined) };
    expect(codes({ members: [check({ ...base, answersOthers: true })] })).toEqual(["unreachable_from_here"]);
    expect(codes({ members: [check({ ...base, answersOthers: false })] })).toEqual(["address_unreachable"]);
  });

  it("advises to check the address of a seed that does not answer, and the name of a seed without an address", () => {
    const advice = (code: "dial_failed" | "resolve_failed"): string | undefined => {
      const stream = { code, message: "nobody", connected: false, unanswered: false };
      return diagnose(examination({ seeds: [{ seed: "10.0.0.1:7946", stream, elsewhere: undefined }] }))[0]?.advice;
    };
    expect(advice("dial_failed")).toMatch(/^check the address and the port/);
    expect(advice("resolve_failed")).toMatch(/^check the name/);
  });

  it("names the option for the key of an encrypted cluster", () => {
    const stream = { code: "decrypt_failed", message: "is encrypted", connected: true, unanswered: false } as const;
    const [found] = diagnose(examination({ seeds: [{ seed: "10.0.0.1:7946", stream, elsewhere: undefined }] }));
    expect(found).toMatchObject({ code: "key_mismatch", advice: expect.stringContaining("--key-file") });
  });

  it("distinguishes stale member lists from two nodes with one name", () => {
    const addresses = (second: boolean): Examination["names"] => [
      {
        name: "a",
        addresses: [
          { address: "10.0.0.1:7946", listedBy: ["b"], answers: true },
          { address: "10.0.0.2:7946", listedBy: ["c"], answers: second },
        ],
      },
    ];
    expect(codes({ names: addresses(true) })).toEqual(["duplicate_name"]);
    expect(codes({ names: addresses(false) })).toEqual(["views_differ"]);
  });

  it("names the members with a minority version, and reports whether the others accept it", () => {
    const nodes = [node("a"), node("b"), node("c", { pCur: 4 })];
    expect(diagnoseVersions(nodes)).toMatchObject([{ code: "version_differs", severity: "warning", about: ["c"] }]);
    const narrow = [
      node("a", { dMin: 2, dMax: 4, dCur: 4 }),
      node("b", { dMin: 2, dMax: 4, dCur: 4 }),
      node("c", { dMin: 2, dMax: 5, dCur: 5 }),
    ];
    expect(diagnoseVersions(narrow)).toMatchObject([{ code: "version_incompatible", severity: "error", about: ["c"] }]);
  });
});

describe("diagnoseAgent", () => {
  type Check = Parameters<typeof diagnoseAgent>[0];
  type Look = NonNullable<Check["looks"]>[0];

  function look(fields: {
    readonly counters?: object;
    readonly queues?: object;
    readonly events?: readonly object[];
    readonly healthScore?: number;
    readonly clockOffset?: number;
    readonly at?: number;
  }): Look {
    const { at = 0, counters = {}, queues = {}, events = [], healthScore = 0, clockOffset = 5 } = fields;
    const document = {
      at,
      node: { name: "a", healthScore },
      counters,
      queues: { membership: 0, user: 0, userBytes: 0, received: 0, ...queues },
      events,
    };
    return { document: document as unknown as Look["document"], clockOffset, uncertainty: 10 };
  }
  const found = (before: Look, after: Look): readonly string[] =>
    diagnoseAgent({ url: "http://a", looks: [before, after] }).map(({ code }) => code);

  it("reports no finding for a healthy agent, even if it dropped messages before", () => {
    const counters = { "dropped.decrypt_failed": 7, event_loop_blocked: 2 };
    expect(found(look({ counters }), look({ counters }))).toEqual([]);
  });

  it("finds a wrong clock, a blocked event loop, a bad health score, growing queues, drops and conflicts", () => {
    expect(found(look({}), look({ clockOffset: -5_000 }))).toEqual(["clock_differs"]);
    expect(found(look({}), look({ counters: { event_loop_blocked: 1 } }))).toEqual(["event_loop_blocked"]);
    expect(found(look({}), look({ healthScore: 2 }))).toEqual(["health_score"]);
    expect(found(look({ queues: { user: 90 } }), look({ queues: { user: 400 } }))).toEqual(["queue_grows"]);
    expect(found(look({ queues: { user: 400 } }), look({ queues: { user: 90 } }))).toEqual([]);
    expect(found(look({}), look({ counters: { "dropped.label_mismatch": 3 } }))).toEqual(["messages_dropped"]);
    expect(diagnoseAgent({ url: "http://a", error: "refused" })).toMatchObject([{ code: "agent_unreachable" }]);
  });

  it("reports a name conflict as an error while it lasts, and later with its time as a warning and then as information", () => {
    const conflict = (at: number): object => ({
      type: "conflict",
      at,
      node: { name: "b", address: "10.0.0.2:7946" },
      other: { name: "b", address: "10.0.0.3:7946" },
    });
    const severityOf = (at: number): object | undefined =>
      diagnoseAgent({ url: "http://a", looks: [look({ at: 1_000_000 }), look({ at: 1_004_000, events: [conflict(at)] })] })[0];
    expect(severityOf(1_001_000)).toMatchObject({ code: "duplicate_name", severity: "error" });
    expect(severityOf(990_000)).toMatchObject({
      severity: "warning",
      message: "a saw two nodes with the name b at 1970-01-01T00:16:30.000Z, 14 s ago: 10.0.0.2:7946 and 10.0.0.3:7946",
    });
    expect(severityOf(100_000)).toMatchObject({ severity: "info", message: expect.stringContaining("15 m 4 s ago") });
  });
});

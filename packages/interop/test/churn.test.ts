import { describe, expect, it } from "vitest";
import { ChurnRun } from "../src/churn/churn-run.ts";
import { churnKinds } from "../src/churn/kinds.ts";
import { Ledger, type Run } from "../src/churn/ledger.ts";

/** A run of `web`, and one of `other`, which subscribes. */
function ledgerOf(fields: Partial<Run> = {}): Ledger {
  const ledger = new Ledger();
  const subscribes = ["orders", "prices", "north"] as const;
  ledger.begin({ id: "web#1", name: "web", subscribes, isGo: false, joinedAt: 0, absences: [] });
  ledger.begin({ id: "other#2", name: "other", subscribes, isGo: false, joinedAt: 0, absences: [], ...fields });
  return ledger;
}

/** Messages 4, 8, … are published in one topic, every 10 s from 10 s on. */
function publish(ledger: Ledger, at: readonly string[], count: number): void {
  for (let i = 1; i <= count; i++) {
    ledger.published("web#1", 4 * i, 10_000 * i);
    for (const run of at) ledger.delivered(run, { run: "web#1", number: 4 * i, at: 10_000 * i }, 100);
  }
}

describe("the ledger of a churn", () => {
  it("accepts messages that all members got once and in order", () => {
    const ledger = ledgerOf();
    publish(ledger, ["web#1", "other#2"], 5);
    ledger.requested("web#1", { event: "request", at: 2_000, startedAt: 1_500, to: "other" });
    expect(ledger.verdict()).toMatchObject({ violations: [], published: 5, delivered: 10, lostWithPublisher: 0 });
  });

  it("reports a message that a live member lacks, came twice, or came in the wrong order", () => {
    const ledger = ledgerOf();
    publish(ledger, ["web#1"], 3);
    const message = (number: number): { run: string; number: number; at: number } => ({ run: "web#1", number, at: 0 });
    for (const number of [8, 4, 4]) ledger.delivered("other#2", message(number), 0);
    expect(ledger.verdict().violations).toEqual([
      "other#2 got message 4 of web#1 after message 8",
      "other#2 got message 4 of web#1 twice",
      "other#2 lacks message 12 of web#1",
    ]);
  });

  it("excepts messages whose publisher was killed right after, unless a live member has them", () => {
    const dies = ledgerOf({ endedAt: 12_000 });
    dies.published("other#2", 4, 11_000);
    expect(dies.verdict()).toMatchObject({ violations: [], lostWithPublisher: 1 });
    dies.begin({ id: "third#3", name: "third", subscribes: ["orders"], isGo: false, joinedAt: 0, absences: [] });
    dies.delivered("third#3", { run: "other#2", number: 4, at: 11_000 }, 0);
    expect(dies.verdict()).toMatchObject({ violations: ["web#1 lacks message 4 of other#2"], lostWithPublisher: 0 });
  });

  it("reports the messages that a killed member lacked, except those of its last 30 s", () => {
    const ledger = ledgerOf({ endedAt: 55_000 });
    publish(ledger, ["web#1"], 5);
    expect(ledger.verdict().violations).toEqual(["other#2, which ended, lacks messages 4, 8 of web#1"]);
    ledger.delivered("other#2", { run: "web#1", number: 16, at: 40_000 }, 100);
    expect(ledger.verdict().violations).toEqual(["other#2, which ended, lacks messages 4, 8, 12 of web#1"]);
  });

  it("excuses a failed request only if the other member was killed, or had left, meanwhile", () => {
    const failed = { event: "request", code: "timeout", startedAt: 2_000, at: 3_000 } as const;
    const ledger = ledgerOf({ absences: [{ from: 2_500, to: 2_700 }] });
    ledger.requested("web#1", { ...failed, to: "other" });
    expect(ledger.verdict()).toMatchObject({ violations: [], failedRequests: new Map([["timeout", 1]]) });
    // A requester that leaves may not get its answer.
    ledger.requested("other#2", { ...failed, to: "web" });
    expect(ledger.verdict().violations).toEqual([]);
    ledger.requested("other#2", { ...failed, startedAt: 4_000, at: 5_000, to: "web" });
    expect(ledger.verdict().violations).toEqual(["a request of other#2 to web, which ran, ended with timeout after 1000 ms"]);
  });

  it("reports members that end with different retained values", () => {
    const ledger = ledgerOf();
    for (const run of ["web#1", "other#2"]) ledger.retained(run, `value of ${run}`);
    expect(ledger.unsettled()).toEqual([
      "the members have different retained values: value of web#1 at web#1, value of other#2 at other#2",
    ]);
  });
});

it("delivers each message once while processes are killed, restart and leave, in Go, Node, Deno and Bun", async () => {
  const kinds = await churnKinds((line) => process.stdout.write(`churn: ${line}\n`));
  // `pnpm matrix` runs before this suite in CI, and fetches all runtimes.
  const runtimes = new Set(kinds.map(({ name }) => name.replace(/\d+|-thread/g, "")));
  const needed = process.env["CI"] ? ["node", "go", "deno", "bun"] : ["node"];
  expect(needed.filter((runtime) => !runtimes.has(runtime))).toEqual([]);
  const result = await ChurnRun.run({
    kinds,
    processes: 8,
    duration: 12_000,
    interval: 2_000,
    publishInterval: 1_000,
    requestInterval: 500,
    progress: () => undefined,
  });
  expect(result.violations).toEqual([]);
  expect(result.kills).toBeGreaterThan(0);
  expect(result.leaves).toBeGreaterThan(0);
  expect(result.delivered).toBeGreaterThan(result.published);
  expect(result.deliveredAtGo).toBeGreaterThan(0);
}, 300_000);

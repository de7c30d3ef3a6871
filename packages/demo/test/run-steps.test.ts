import { afterEach, describe, expect, it } from "vitest";
import { Cluster } from "../src/cluster.ts";
import type { DemoEvent } from "../src/demo-event.ts";
import { runSteps } from "../src/run-steps.ts";
import type { Step } from "../src/steps.ts";

const events: DemoEvent[] = [];
const clusters: Cluster[] = [];

afterEach(async () => {
  events.length = 0;
  await Promise.all(clusters.splice(0).map((cluster) => cluster.stop()));
});

/** A cluster without agents: only the steps count here. */
function emptyCluster(): Cluster {
  const cluster = new Cluster([], (event) => events.push(event));
  clusters.push(cluster);
  return cluster;
}

function step(name: string, run: Step["run"], deadline: number = 5_000): Step {
  return { name, title: `the step ${name}`, deadline, run };
}

async function run(
  cluster: Cluster,
  steps: readonly Step[],
  signal: AbortSignal = new AbortController().signal,
): Promise<readonly string[]> {
  const results = await runSteps(cluster, steps, { report: (event) => events.push(event), signal, deadlineScale: 0.01 });
  return results.map(({ step: name, status }) => `${name} ${status}`);
}

function reasons(): readonly (string | undefined)[] {
  return events.flatMap((event) => (event.event === "step" && event.status === "failed" ? [event.reason] : []));
}

describe("running the steps", () => {
  it("runs one after the other, and reports the observations of each", async () => {
    const order: string[] = [];
    const steps = ["one", "two"].map((name) =>
      step(name, () => {
        order.push(name);
        return Promise.resolve([{ what: name, after: { a: 1 } }]);
      }),
    );
    expect(await run(emptyCluster(), steps)).toEqual(["one passed", "two passed"]);
    expect(order).toEqual(["one", "two"]);
    const seen = events.flatMap((event) => (event.event === "step" && event.seen !== undefined ? [event.seen] : []));
    expect(seen).toEqual([[{ what: "one", after: { a: 1 } }], [{ what: "two", after: { a: 1 } }]]);
  });

  it("skips the steps after a failure", async () => {
    const steps = [
      step("bad", () => Promise.reject(new Error("no luck"))),
      step("next", () => Promise.reject(new Error("was run"))),
    ];
    expect(await run(emptyCluster(), steps)).toEqual(["bad failed", "next skipped"]);
    expect(reasons()).toEqual(["no luck"]);
  });

  it("reports the missing observations at the deadline", async () => {
    const cluster = emptyCluster();
    const waiting = step("late", async () => {
      await cluster.until(() => ["node-1 sees nothing", "node-2 sleeps"]);
      return [];
    });
    expect(await run(cluster, [waiting])).toEqual(["late failed"]);
    expect(reasons()).toEqual(["not done in 50 ms: node-1 sees nothing, node-2 sleeps"]);
    expect(cluster.missing).toEqual([]);
  });

  it("goes on as soon as no observation is missing", async () => {
    const cluster = emptyCluster();
    let missing = ["something"];
    const waiting = step(
      "wait",
      async () => {
        setTimeout(() => (missing = []), 1);
        await cluster.until(() => missing);
        return [];
      },
      500_000,
    );
    expect(await run(cluster, [waiting])).toEqual(["wait passed"]);
  });

  it("ends when it is interrupted", async () => {
    const controller = new AbortController();
    const endless = step(
      "endless",
      () => {
        controller.abort();
        return new Promise(() => undefined);
      },
      500_000,
    );
    expect(await run(emptyCluster(), [endless, step("next", () => Promise.resolve([]))], controller.signal)).toEqual([
      "endless failed",
      "next skipped",
    ]);
    expect(reasons()).toEqual(["interrupted"]);
  });
});

import { buildGoPeer, buildNodePeer, findRuntime, goVersion } from "@memberlist/interop";
import { Program as Example } from "../../../examples/test/program.ts";
import { beforeAll, describe, expect, it } from "vitest";
import type { DemoEvent, StateEvent } from "../src/demo-event.ts";
import { Program } from "./program.ts";

const steps = ["start", "join", "broadcast", "metadata", "kill", "restart", "leave"];

/** The programs of the agents; the last one is Go's where that can be built. */
let programs: readonly string[] = [];
let hasGo = false;

beforeAll(async () => {
  const node = ["--node-program", await buildNodePeer()];
  const go = await goPeer();
  hasGo = go !== undefined;
  // The machine may be busy with other tests.
  programs = [...node, ...(go === undefined ? [] : ["--go-program", go]), "--deadline-scale", "2"];
}, 180_000);

async function goPeer(): Promise<string | undefined> {
  if ((await goVersion()) === undefined) return undefined;
  return buildGoPeer().catch((error: unknown) => {
    process.stderr.write(`demo: without the Go peer, ${String(error).split("\n")[0]}\n`);
    return undefined;
  });
}

/** The test fetches no runtime: CI runs the matrix before. */
const deno = findRuntime("deno");
if (deno === undefined)
  process.stdout.write("Deno is missing (`pnpm matrix` fetches one): its example does not join the demonstration\n");
const limit = { timeout: 120_000 };

describe("the main job", () => {
  it("goes through all steps, reports the observations of each agent, and exits with 0", { timeout: 90_000 }, async () => {
    await using program = new Program(programs);
    expect({ code: await program.ended, stderr: program.stderr }).toEqual({ code: 0, stderr: "" });

    const [begin] = program.of("begin");
    const names = ["node-1", "node-2", "node-3", "node-4", hasGo ? "go-5" : "node-5"];
    expect(begin?.agents).toEqual(names);
    expect(begin?.go).toBe(hasGo ? "go-5" : undefined);
    expect(program.events[0]).toBe(begin);
    const reported = program.of("step");
    expect(reported.map(({ step, status }) => `${step} ${status}`)).toEqual(
      steps.flatMap((step) => [`${step} started`, `${step} passed`]),
    );

    const runtimes = new Map(program.of("agent").map(({ agent, runtime }) => [agent, runtime]));
    expect(runtimes.get("node-1")).toBe(`node ${process.version}`);
    expect(runtimes.get(names[4] ?? "")).toMatch(hasGo ? /^go1\..*memberlist v0\.7\.0$/ : /^node/);
    // Six processes: one was started twice. All are gone.
    expect(program.pids).toHaveLength(6);
    expect(program.survivors()).toEqual([]);

    const killedAt = program.of("agent").find(({ status }) => status === "killed")?.at ?? Number.NaN;
    const since = program.of("state").filter(({ at }) => at >= killedAt);
    const observers = names.filter((name) => name !== "node-3");
    const victimSeen = observers.map((observer) => [observer, ...statesOf(since, observer, "node-3").slice(0, 3)]);
    expect(victimSeen).toEqual(observers.map((observer) => [observer, "suspect", "dead", "alive"]));
    const leaverSeen = names.filter((name) => name !== "node-4").map((observer) => statesOf(since, observer, "node-4").at(-1));
    expect(leaverSeen).toEqual(["left", "left", "left", "left"]);

    expect(seenOf(reported, "broadcast", "received")).toEqual(names.slice(0, 4));
    expect(
      program
        .of("message")
        .map(({ observer }) => observer)
        .sort(),
    ).toEqual(names.slice(0, 4).sort());
    expect(seenOf(reported, "metadata", "updated")).toEqual(names.filter((name) => name !== "node-2"));
    expect(seenOf(reported, "kill", "dead")).toEqual(observers);
    const kill = reported.find(({ step, status }) => step === "kill" && status === "passed");
    // No agent may declare another dead before the shortest suspicion is over: 3 probe intervals.
    for (const after of Object.values(kill?.seen?.[1]?.after ?? {})) expect(after).toBeGreaterThan(1_500);

    const [summary] = program.of("summary");
    expect(summary).toMatchObject({ ok: true, keeps: false });
    expect(summary?.steps.map(({ step, status }) => `${step} ${status}`)).toEqual(steps.map((step) => `${step} passed`));
    expect(summary?.durationMs).toBeLessThan(60_000);
  });

  it("exits with 1 and names the step that failed", { timeout: 60_000 }, async () => {
    await using program = new Program([...programs, "--deadline-scale", "0.001"]);
    expect(await program.ended).toBe(1);
    const failed = program.of("step").filter(({ status }) => status === "failed");
    expect(failed.map(({ step }) => step)).toEqual(["start"]);
    expect(failed[0]?.reason).toMatch(/^not done in 20 ms: .*node-1 is not ready/);
    const [summary] = program.of("summary");
    expect(summary).toMatchObject({ ok: false, failed: "start", keeps: false });
    expect(summary?.steps.map(({ status }) => status)).toEqual(["failed", ...steps.slice(1).map(() => "skipped")]);
    expect(program.survivors()).toEqual([]);
  });

  it("fails at once when an agent's process ends unexpectedly", { timeout: 90_000 }, async () => {
    await using program = new Program(programs);
    await program.reported("the kill step", () => program.of("step").find(({ step }) => step === "kill"));
    const victim = program.of("agent").find(({ agent }) => agent === "node-2");
    process.kill(victim?.pid ?? Number.NaN, "SIGKILL");
    expect(await program.ended).toBe(1);
    const failed = program.of("step").find(({ status }) => status === "failed");
    expect(failed).toMatchObject({
      step: "kill",
      reason: expect.stringContaining("node-2's process has ended by itself") as string,
    });
    expect(program.survivors()).toEqual([]);
  });

  it("goes through all steps with members in threads", { timeout: 120_000 }, async () => {
    await using program = new Program([...programs, "--thread"]);
    expect({ code: await program.ended, stderr: program.stderr }).toEqual({ code: 0, stderr: "" });
    const passed = program.of("step").filter(({ status }) => status === "passed");
    expect(passed.map(({ step }) => step)).toEqual(steps);
    expect(program.survivors()).toEqual([]);
  });

  it("keeps the cluster running until Ctrl-C, lets one more agent join and sees it leave", { timeout: 120_000 }, async () => {
    await using program = new Program([...programs, "--no-go", "--keep"]);
    const kept = await program.reported("that it is kept", () => program.of("keep")[0]);
    expect(kept.addresses).toHaveLength(4);
    expect(kept.command).toContain(`--join ${kept.addresses[0]}`);

    const names = ["node-1", "node-2", "node-3", "node-5"];
    await using guest = new Program([...programs, "--join", kept.addresses[0] ?? "", "--name", "guest"]);
    await guest.reported("all four", () => (aliveOf(guest.events).size === 5 ? true : undefined));
    // An agent that does not know the guest before its leave never reports it: members ignore messages about the end of an unknown node.
    await allSee(program, names, "guest", "alive");
    guest.interrupt();
    expect(await guest.ended).toBe(0);
    await allSee(program, names, "guest", "left");

    program.interrupt();
    expect(await program.ended).toBe(0);
    expect([...program.survivors(), ...guest.survivors()]).toEqual([]);
  });

  it.skipIf(deno === undefined)(
    "keeps the cluster for the example on Deno, which sees all members, and which all members see",
    limit,
    async () => {
      await using program = new Program([...programs, "--keep"]);
      const kept = await program.reported("that it is kept", () => program.of("keep")[0]);
      const names = ["node-1", "node-2", "node-3", hasGo ? "go-5" : "node-5"];
      // The command in the first line of the example: no permission but the network's.
      await using guest = new Example("deno", "agent", ["--name", "on-deno", "--key", "", "--join", kept.addresses[0] ?? ""]);
      await guest.says(new RegExp(`members: ${[...names, "on-deno"].sort().join(" ")}\\n`));
      await allSee(program, names, "on-deno", "alive");
      expect(await guest.stop()).toBe(0);
      await allSee(program, names, "on-deno", "left");
      program.interrupt();
      expect(await program.ended).toBe(0);
      expect(program.survivors()).toEqual([]);
    },
  );

  it("ends with 130 when it is interrupted before the end", { timeout: 60_000 }, async () => {
    await using program = new Program(programs);
    await program.reported("the kill step", () => program.of("step").find(({ step }) => step === "kill"));
    program.interrupt();
    expect(await program.ended).toBe(130);
    expect(program.of("summary")[0]).toMatchObject({ ok: false, interrupted: true, failed: "kill" });
    expect(program.survivors()).toEqual([]);
  });

  it("kills everything at the second Ctrl-C, even an agent that hangs", { timeout: 60_000 }, async () => {
    await using program = new Program([...programs, "--no-go"]);
    await program.reported("the kill step", () => program.of("step").find(({ step }) => step === "kill"));
    const hanging = program.of("agent").find(({ agent }) => agent === "node-1");
    process.kill(hanging?.pid ?? Number.NaN, "SIGSTOP");
    program.interrupt();
    await program.reported("the summary", () => program.of("summary")[0]);
    // The same key press may come twice, handed on by pnpm; the time distinguishes a second one.
    const since = performance.now();
    const again = setInterval(() => program.interrupt(), 100);
    expect(await program.ended).toBe(130);
    clearInterval(again);
    // Without it, the hanging agent would be waited for longer.
    expect(performance.now() - since).toBeLessThan(2_500);
    await expect.poll(() => program.survivors(), { timeout: 10_000 }).toEqual([]);
  });
});

/** Waits until each of those that are left see a node in a state. */
async function allSee(program: Program, observers: readonly string[], node: string, state: string): Promise<void> {
  for (const observer of observers) {
    await program.reported(`${observer} sees ${node} ${state}`, () => {
      const latest = program.of("state").findLast((event) => event.node === node && event.observer === observer);
      return latest?.state === state ? latest : undefined;
    });
  }
}

/** The states in which one saw another, one after the other. */
function statesOf(events: readonly StateEvent[], observer: string, node: string): readonly string[] {
  return events.filter((event) => event.observer === observer && event.node === node).map(({ state }) => state);
}

function aliveOf(events: readonly DemoEvent[]): ReadonlySet<string> {
  return new Set(events.flatMap((event) => (event.event === "state" && event.state === "alive" ? [event.node] : [])));
}

/** Which agents saw it. */
function seenOf(reported: readonly (DemoEvent & { readonly event: "step" })[], step: string, what: string): readonly string[] {
  const passed = reported.find((event) => event.step === step && event.status === "passed");
  const after = passed?.seen?.find((sighting) => sighting.what === what)?.after ?? {};
  return Object.entries(after).flatMap(([agent, ms]) => (ms === undefined ? [] : [agent]));
}

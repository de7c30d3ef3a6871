import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it } from "vitest";
import { createMemberlist, type Memberlist, type MemberEvent } from "../src/index.ts";
import { startThread } from "../src/start-thread.ts";
import type { Observed } from "./fixtures/observer.ts";
import { outcome, pattern, until } from "./support.ts";
import { bytes, eventsOf, join, policy, seed, testConfig, text, threadTests } from "./thread-support.ts";

const observerProgram = new URL("./fixtures/observer.ts", import.meta.url);
const exitProgram = new URL("./fixtures/thread-exit.ts", import.meta.url);
const ownEntryProgram = new URL("./fixtures/own-entry.ts", import.meta.url);
const { entry, inThread, onLoop, program } = threadTests(observerProgram, exitProgram, ownEntryProgram);
const observers: Worker[] = [];
const run = promisify(execFile);

afterEach(async () => {
  await Promise.all(observers.splice(0).map((worker) => worker.terminate()));
}, 60_000);

/** A member in another thread that watches `target`. */
async function observe(target: Memberlist): Promise<() => Promise<Observed>> {
  const workerData = { seed: seed(target), target: target.localNode().name };
  const worker = new Worker(program(0), { workerData });
  observers.push(worker);
  const next = (): Promise<unknown> => new Promise((resolve) => void worker.once("message", resolve));
  await next();
  await until(() => target.numMembers() === 2, "the observer to be seen", 20_000);
  return () => {
    worker.postMessage("report", []);
    return next() as Promise<Observed>;
  };
}

/** Asks until a report satisfies `condition`. */
async function observed(report: () => Promise<Observed>, condition: (all: Observed) => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  const events: string[] = [];
  for (;;) {
    const next = await report();
    events.push(...next.events);
    if (condition({ ...next, events })) return;
    if (performance.now() > deadline) throw new Error(`${what}: not in time; events: ${events.join()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Blocks this thread. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function commandPolicy(command: "exit" | "throw"): void {
  const policies = new BroadcastChannel("cluster-policy");
  const toAll: (message: unknown) => void = policies.postMessage.bind(policies);
  toAll(command);
  policies.close();
}

describe("an application whose event loop is blocked", () => {
  it("keeps its member in the cluster, and its acks come", async () => {
    const a = await inThread("a");
    const report = await observe(a);
    await report();
    block(3_000);
    const { events, failedPings, rtts, state } = await report();
    expect(state).toBe("alive");
    expect(events.filter((type) => type === "leave")).toEqual([]);
    // A member on the event loop would answer none for 3 s.
    expect(rtts.length).toBeGreaterThan(20);
    expect(failedPings).toBeLessThan(rtts.length / 4);
    await until(() => a.numMembers() === 2, "the mirror to follow");
  });

  it("counts as failed after applicationTimeout, and its member returns by itself", async () => {
    const a = await inThread("a", {}, { applicationTimeout: 600 });
    const events = eventsOf(a);
    const report = await observe(a);
    await report();
    block(4_000);
    await observed(
      report,
      (all) => all.events.includes("leave") && all.events.includes("join"),
      "the member to die and to return",
    );
    await until(() => events.some(({ type }) => type === "application_unresponsive"), "the event");
    await until(() => a.numMembers() === 2, "both members", 20_000);
    const event = events.find(({ type }) => type === "application_unresponsive") as MemberEvent & { readonly silentFor: number };
    expect(event.silentFor).toBeGreaterThanOrEqual(600);
  });
});

describe("a thread that fails", () => {
  it.each([
    ["exit", "exited with code 7"],
    ["throw", "the policy has failed"],
  ] as const)("starts again after %s, on its port, with a higher incarnation and its members", async (command, reason) => {
    const received: string[] = [];
    const a = await inThread(
      "a",
      { delegate: { notifyMsg: (message) => void received.push(text(message)) } },
      { module: policy },
    );
    const b = await onLoop("b");
    await join(a, b);
    const events = eventsOf(a);
    const { incarnation, port } = a.localNode();
    const pending = a.join([() => new Promise<readonly string[]>((_resolve) => commandPolicy(command))]);
    await expect(pending).rejects.toMatchObject({ code: "thread_failed", stateChanged: true });
    await until(() => events.some(({ type }) => type === "thread_failed"), "the event");
    const failure = events.find(({ type }) => type === "thread_failed") as MemberEvent & { readonly error: Error };
    expect(failure.error.message).toContain(reason);
    await until(() => a.localNode().incarnation > incarnation && a.numMembers() === 2, "the new thread", 30_000);
    expect(a.localNode().port).toBe(port);
    await until(() => (b.get("a")?.incarnation ?? 0) > incarnation && b.get("a")?.state === "alive", "b to see it", 30_000);
    await b.sendReliable(a.localNode(), bytes("still here"));
    await until(() => received.includes("still here"), "a message", 20_000);
    // To the application no member has left and joined.
    expect(events.filter((event) => event.type === "leave" || event.type === "join")).toEqual([]);
    expect(a.counters()["thread_failed"]).toBe(1);
  });

  it("keeps its keys and metadata as they were last", async () => {
    const [old, next] = [pattern(32), pattern(48).subarray(16)] as [Uint8Array, Uint8Array];
    const a = await inThread("a", { secretKey: old }, { module: policy });
    const b = await onLoop("b", { secretKey: old });
    await join(a, b);
    for (const { keyring } of [a, b]) {
      keyring?.addKey(next);
      keyring?.useKey(next);
      keyring?.removeKey(old);
    }
    await a.updateNode({ meta: bytes("changed") });
    const { incarnation } = a.localNode();
    commandPolicy("exit");
    await until(() => a.localNode().incarnation > incarnation && a.numMembers() === 2, "the new thread", 30_000);
    await until(() => text(b.get("a")?.meta) === "changed" && b.get("a")?.state === "alive", "b to see it", 30_000);
    expect(await a.ping(seed(b))).toBeGreaterThan(0);
  });

  it("shuts down while its thread is being started again", async () => {
    const a = await inThread("a", {}, { module: policy });
    const events = eventsOf(a);
    commandPolicy("throw");
    await until(() => events.some(({ type }) => type === "thread_failed"), "the event");
    expect(await outcome(a.sendReliable("b/127.0.0.1:1", bytes("lost")))).toBe("thread_failed");
    await a.shutdown();
    expect(await outcome(a.sendReliable("b/127.0.0.1:1", bytes("lost")))).toBe("shutdown");
  });
});

describe("where no thread can be started", () => {
  const missing = new URL("./fixtures/no-such-thread.mjs", import.meta.url);
  const endless = new URL("./fixtures/endless-thread.mjs", import.meta.url);
  const other = new URL("./fixtures/other-thread.mjs", import.meta.url);

  it("fails createMemberlist with thread_unavailable, and names the remedy", async () => {
    const { stdout } = await run(process.execPath, [new URL(program(1)).pathname, entry().href, "no-program"], {
      timeout: 30_000,
    });
    expect(stdout).toMatch(/^thread_unavailable: .* bundle @memberlist\/transport-node\/thread, too, .*ENOENT/);
    const named = createMemberlist({ ...testConfig("a"), thread: { entry: missing } });
    await expect(named).rejects.toMatchObject({
      code: "thread_unavailable",
      message: expect.stringContaining(missing.href) as string,
    });
  });

  it("refuses an entry that is another program", async () => {
    const other = createMemberlist({ ...testConfig("a"), thread: { entry: policy } });
    await expect(other).rejects.toMatchObject({
      code: "thread_unavailable",
      message: expect.stringContaining("has ended") as string,
    });
  });

  it.each([
    ["runs for ever without a report", endless, 300, "endless-thread.mjs did not report within 0.3 s that it runs"],
    ["reports something else", other, undefined, "other-thread.mjs is not the program of a member's thread"],
  ])("refuses an entry that %s, and ends its thread", async (_what, file, timeout, reason) => {
    const message: unknown = expect.stringContaining(`${reason}: bundle @memberlist/transport-node/thread`);
    await expect(startThread(file, false, timeout)).rejects.toMatchObject({ code: "thread_unavailable", message });
  });

  it("refuses an entry that starts members itself, as the file of the application would", async () => {
    const own = createMemberlist({ ...testConfig("a"), thread: { entry: program(2) } });
    const message: unknown = expect.stringContaining("thread.entry is an application");
    await expect(own).rejects.toMatchObject({ code: "thread_unavailable", message });
  });

  it("runs on the event loop where a thread is only preferred, with the module", async () => {
    const a = await inThread("a", {}, { entry: missing, prefer: true, module: policy });
    const line = a.recentEvents().find((event) => event.type === "log" && event.code === "thread_unavailable");
    expect(line).toBeUndefined();
    const banned = await onLoop("banned");
    await banned.join([seed(a)]);
    await join(await onLoop("b"), a);
    expect(a.get("banned")).toBeUndefined();
  });
});

describe("a process with a member in a thread", () => {
  it.each(["shutdown", "failed-start", "exit", "in-thread"])("ends by itself: %s", async (what) => {
    const { stdout } = await run(process.execPath, [new URL(program(1)).pathname, entry().href, what], { timeout: 30_000 });
    expect(stdout).toBe(`done ${what}\n`);
  });
});

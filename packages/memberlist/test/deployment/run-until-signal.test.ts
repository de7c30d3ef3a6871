import { describe, expect, it } from "vitest";
import { runUntilStopped, type RunOptions, type SignalHost, type StopSignal } from "../../src/deployment/run-until-signal.ts";
import { decodeKey, generateKey, kubernetesConfig } from "../../src/index.ts";
import { clusters, type Cluster, type TestNode } from "../facade/cluster.ts";

const cluster = clusters();

class FakeProcess implements SignalHost {
  readonly exits: number[] = [];
  readonly listeners: Set<(signal: StopSignal) => void> = new Set();

  onSignal(listener: (signal: StopSignal) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  exit(code: number): void {
    this.exits.push(code);
  }

  kill(signal: StopSignal): void {
    for (const listener of this.listeners) listener(signal);
  }
}

function start(
  of: Cluster,
  node: TestNode,
  options: RunOptions = {},
): { process: FakeProcess; run: Promise<StopSignal | undefined> } {
  const process = new FakeProcess();
  return { process, run: runUntilStopped(node.members, options, process, of.clock) };
}

describe("a member that runs until a signal", () => {
  it.each(["SIGTERM", "SIGINT"] as const)("leaves and shuts down at %s", async (name) => {
    const made = cluster();
    const [first, second] = (await made.joined(2)) as [TestNode, TestNode];
    const { process, run } = start(made, second);
    process.kill(name);
    expect(await made.settle(run)).toBe(name);
    expect(first.members.get(second.name)?.state).toBe("left");
    await expect(second.members.join([first.address])).rejects.toMatchObject({ code: "shutdown" });
    expect(process.listeners.size).toBe(0);
    expect(process.exits).toEqual([]);
  });

  it("joins by its seeds, and tries again until they run", async () => {
    const made = cluster();
    const first = await made.start({ host: "10.0.0.1" });
    const { process, run } = start(made, first, { seeds: ["10.0.0.1:7946", "10.0.0.2:7946"] });
    await made.advance(5_000);
    const second = await made.start({ host: "10.0.0.2" });
    await made.until(() => second.members.numMembers() === 2, 30_000);
    process.kill("SIGTERM");
    expect(await made.settle(run)).toBe("SIGTERM");
  });

  it("gets the name of a lost process back at another address within seconds of its deadNodeReclaimTime", async () => {
    const made = cluster();
    const config = { ...kubernetesConfig(), pushPullInterval: 0 };
    const [first, lost] = (await made.joined(3, (i) => ({ ...config, name: `pod-${i}`, host: `10.0.0.${i + 1}` }))) as [
      TestNode,
      TestNode,
    ];
    await lost.members.shutdown();
    const replaced = await made.start({ ...config, name: lost.name, host: "10.0.0.9" });
    const { process, run } = start(made, replaced, { seeds: [first.seed] });
    // About 5 s until it is declared dead, 10 s of deadNodeReclaimTime, and 5 s until the next join.
    await made.until(() => first.members.get(lost.name)?.addr === "10.0.0.9", 30_000);
    process.kill("SIGTERM");
    expect(await made.settle(run)).toBe("SIGTERM");
  });

  it("ends the process at once at a second signal, but not at an echo of the first", async () => {
    const made = cluster();
    const node = await made.start();
    let left = (): void => undefined;
    Object.assign(node.members, { leave: () => new Promise<void>((resolve) => (left = resolve)) });
    const { process, run } = start(made, node);
    process.kill("SIGINT");
    process.kill("SIGINT");
    expect(process.exits).toEqual([]);
    await made.advance(501);
    process.kill("SIGINT");
    process.kill("SIGTERM");
    expect(process.exits).toEqual([130, 143]);
    left();
    await made.settle(run);
  });

  it("ends the leave after its timeout, and shuts down all the same", async () => {
    const made = cluster();
    const [, second] = (await made.joined(2)) as [TestNode, TestNode];
    const leave = second.members.leave.bind(second.members);
    const timeouts: unknown[] = [];
    Object.assign(second.members, {
      leave: async (options: { timeout?: number }) => {
        timeouts.push(options.timeout);
        await leave(options);
        throw new Error("not all heard of it");
      },
    });
    const { process, run } = start(made, second, { leaveTimeout: 1_234 });
    process.kill("SIGTERM");
    expect(await made.settle(run)).toBe("SIGTERM");
    expect(timeouts).toEqual([1_234]);
  });

  it("rejects when the shutdown takes too long", async () => {
    const made = cluster();
    const node = await made.start();
    const shutdown = node.members.shutdown.bind(node.members);
    Object.assign(node.members, { shutdown: () => shutdown().then(() => new Promise<void>(() => undefined)) });
    const { process, run } = start(made, node, { shutdownTimeout: 2_000 });
    const ended = run.then(
      () => "ended",
      (error: unknown) => error,
    );
    process.kill("SIGTERM");
    expect(await made.settle(ended)).toMatchObject({ code: "timeout", message: "the shutdown took longer than 2000 ms" });
    expect(process.listeners.size).toBe(0);
    Object.assign(node.members, { shutdown });
  });

  it("ends when other code shuts the member down, or aborts its signal", async () => {
    const made = cluster();
    const [one, two] = (await made.joined(2)) as [TestNode, TestNode];
    const stopped = start(made, one, { seeds: ["10.9.9.9:7946"] });
    await made.settle(one.members.shutdown());
    expect(await made.settle(stopped.run)).toBeUndefined();
    const stop = new AbortController();
    const aborted = start(made, two, { signal: stop.signal });
    stop.abort();
    expect(await made.settle(aborted.run)).toBeUndefined();
    const late = start(made, two, { signal: stop.signal });
    expect(await made.settle(late.run)).toBeUndefined();
  });

  it("rejects when its seeds refuse it, after it has shut down", async () => {
    const made = cluster();
    const first = await made.start({ secretKey: decodeKey(generateKey()) });
    const second = await made.start({ secretKey: decodeKey(generateKey()) });
    const { process, run } = start(made, second, { seeds: [first.address] });
    const ended = run.then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(await made.settle(ended)).toMatchObject({ code: "join_failed" });
    await expect(second.members.join([])).rejects.toMatchObject({ code: "shutdown" });
    expect(process.listeners.size).toBe(0);
  });

  it("refuses wrong options and seeds, and then listens for no signal", async () => {
    const node = await cluster().start();
    const process = new FakeProcess();
    const wrong = [{ leaveTimeout: 0 }, { shutdownTimeout: -1 }, { seeds: "a" }, { seeds: [1] }, { signal: {} }, { timeout: 1 }];
    for (const options of wrong) {
      const run = runUntilStopped(node.members, options as unknown as RunOptions, process);
      await expect(run).rejects.toMatchObject({ code: "invalid_argument" });
    }
    expect(process.listeners.size).toBe(0);
  });
});

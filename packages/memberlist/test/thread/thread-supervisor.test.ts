import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../src/testing/index.ts";
import { ThreadSupervisor } from "../../src/thread/thread-supervisor.ts";
import type { MemberThread } from "../../src/thread/thread-port.ts";

interface Scene {
  readonly clock: VirtualClock;
  readonly supervisor: ThreadSupervisor;
  /** The times at which threads were started, in ms. */
  readonly starts: number[];
  /** What the supervisor reported. */
  readonly reports: string[];
  /** Ends the running thread. */
  readonly end: () => Promise<void>;
}

/** @param fails whether the member of the nth start (from 0) fails */
function supervised(fails: (start: number) => boolean = () => false): Scene {
  const clock = new VirtualClock();
  const starts: number[] = [];
  const reports: string[] = [];
  let endThread: (cause: unknown) => void = () => {};
  const startThread = (): Promise<MemberThread> => {
    starts.push(clock.now());
    const ended = new Promise<unknown>((resolve) => (endThread = resolve));
    const terminate = (): Promise<void> => {
      reports.push("terminated");
      return Promise.resolve();
    };
    return Promise.resolve({ port: { post: () => {}, listen: () => {} }, ended, terminate });
  };
  const supervisor = new ThreadSupervisor({
    clock,
    startThread,
    startMember: () => (fails(starts.length - 1) ? Promise.reject(new Error("no member")) : Promise.resolve()),
    onEnded: (cause) => reports.push(`ended: ${String(cause)}`),
    onRestart: () => reports.push("restart"),
    onRestarted: () => reports.push("restarted"),
    onRestartFailed: () => reports.push("failed"),
    onGivenUp: () => reports.push("given up"),
  });
  const end = async (): Promise<void> => {
    endThread("crash");
    await clock.advance(0);
  };
  return { clock, supervisor, starts, reports, end };
}

describe("ThreadSupervisor", () => {
  it("starts a thread again 100 ms after its end", async () => {
    const { clock, supervisor, starts, reports, end } = supervised();
    await supervisor.start();
    await end();
    expect(supervisor.port).toBeUndefined();
    await clock.advance(100);
    expect(starts).toEqual([0, 100]);
    expect(reports).toEqual(["ended: crash", "restart", "restarted"]);
    expect(supervisor.port).toBeDefined();
  });

  it("doubles its pauses up to 10 s, and gives up after ten failures in a row", async () => {
    const { clock, supervisor, starts, reports, end } = supervised((start) => start > 0);
    await supervisor.start();
    await end();
    await clock.advance(600_000);
    const pauses = starts.slice(1).map((at, i) => at - (starts[i] as number));
    expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000]);
    expect(reports.filter((report) => report === "failed")).toHaveLength(10);
    expect(reports.filter((report) => report === "terminated")).toHaveLength(10);
    expect(reports.at(-1)).toBe("given up");
    expect(clock.pending).toBe(0);
  });

  it("begins with short pauses again after a thread that has run for a minute", async () => {
    const { clock, supervisor, starts, end } = supervised((start) => start > 0 && start < 5);
    await supervisor.start();
    await end();
    await clock.advance(70_000);
    const before = starts.length;
    await end();
    await clock.advance(100);
    expect(starts.length).toBe(before + 1);
  });

  it("does not start a thread again after a failed first start, or after a stop", async () => {
    const failed = supervised(() => true);
    await expect(failed.supervisor.start()).rejects.toThrow("no member");
    await failed.end();
    await failed.clock.advance(60_000);
    expect(failed.starts).toEqual([0]);
    const stopped = supervised();
    await stopped.supervisor.start();
    await stopped.end();
    await stopped.supervisor.stop();
    await stopped.clock.advance(60_000);
    expect(stopped.starts).toEqual([0]);
  });
});

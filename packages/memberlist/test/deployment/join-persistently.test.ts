import { describe, expect, it } from "vitest";
import { joinPersistently } from "../../src/deployment/join-persistently.ts";
import { JoinError, MemberlistError, type ErrorCode, type JoinConflict, type JoinResult } from "../../src/index.ts";
import { VirtualClock } from "../../src/testing/index.ts";

const alone: JoinResult = { reached: 0, conflicts: [], attempts: [], seeds: [] };
const reached: JoinResult = { ...alone, reached: 1 };

function failed(...codes: readonly (ErrorCode | undefined)[]): JoinError {
  const attempts = codes.map((code) => {
    const attempt = { seed: "s", address: "10.0.0.5:7946", elapsed: 1 };
    return code === undefined ? attempt : { ...attempt, error: new MemberlistError(code, code) };
  });
  return new JoinError("join_failed", "could not join", { ...alone, attempts });
}

interface Run {
  readonly clock: VirtualClock;
  /** The times of the attempts, in s. */
  readonly times: number[];
  readonly reports: JoinError[];
  readonly conflicts: (readonly JoinConflict[])[];
  readonly stop: AbortController;
  readonly result: Promise<JoinResult | undefined>;
}

/** Joins with these outcomes, one after another; the last one again and again. */
function run(outcomes: readonly (JoinResult | Error)[], numMembers = 1): Run {
  const clock = new VirtualClock();
  const times: number[] = [];
  const reports: JoinError[] = [];
  const stop = new AbortController();
  const join = async (): Promise<JoinResult> => {
    times.push(clock.now() / 1_000);
    const outcome = outcomes[Math.min(times.length, outcomes.length) - 1] as JoinResult | Error;
    if (outcome instanceof Error) throw outcome;
    return outcome;
  };
  const conflicts: (readonly JoinConflict[])[] = [];
  const options = {
    signal: stop.signal,
    clock,
    onUnanswered: (error: JoinError): void => void reports.push(error),
    onConflict: (found: readonly JoinConflict[]): void => void conflicts.push(found),
  };
  const result = joinPersistently({ join, numMembers: () => numMembers }, ["s"], options);
  result.catch(() => undefined);
  return { clock, times, reports, conflicts, stop, result };
}

describe("a persistent join", () => {
  it("tries again with doubling pauses until a seed answers, and reports the first failure alone", async () => {
    const down = failed("dial_failed", "resolve_failed", "timeout", undefined);
    const { clock, times, reports, result } = run([...Array<JoinError>(8).fill(down), reached]);
    await clock.advance(200_000);
    expect(await result).toBe(reached);
    expect(times).toEqual([0, 1, 3, 7, 15, 31, 61, 91, 121]);
    expect(reports).toEqual([down]);
  });

  it("tries again for half a minute where the seeds lead only to this node, and then stops", async () => {
    const { clock, times, reports, result } = run([alone]);
    await clock.advance(60_000);
    expect(await result).toBe(alone);
    expect(times).toEqual([0, 1, 3, 7, 15, 31]);
    expect(reports).toEqual([]);
  });

  it("stops without a peer where another member has joined it meanwhile", async () => {
    const { result, times } = run([alone], 2);
    expect(await result).toBe(alone);
    expect(times).toEqual([0]);
  });

  it("joins every five seconds while another node has its name, for a minute, and reports that once", async () => {
    const conflict = { seed: "s", address: "10.0.0.5:7946", node: { name: "a" } } as JoinConflict;
    const taken: JoinResult = { ...reached, conflicts: [conflict] };
    const freed = run([taken, taken, reached]);
    await freed.clock.advance(60_000);
    expect(await freed.result).toBe(reached);
    expect(freed.times).toEqual([0, 5, 10]);
    expect(freed.conflicts).toEqual([[conflict]]);
    const kept = run([taken]);
    await kept.clock.advance(120_000);
    expect(await kept.result).toBe(taken);
    expect(kept.times.at(-1)).toBe(60);
  });

  it("tries once more after a refusal, and fails after the second in a row", async () => {
    const refused = failed("dial_failed", "stream_closed");
    const { clock, times, reports, result } = run([refused, failed("dial_failed"), refused, refused]);
    await clock.advance(10_000);
    await expect(result).rejects.toBe(refused);
    expect(times).toEqual([0, 1, 3, 7]);
    expect(reports).toHaveLength(1);
  });

  it("ends when its signal is aborted, in the middle of a pause, too", async () => {
    const { clock, result, stop, times } = run([failed("dial_failed")]);
    await clock.advance(1_500);
    stop.abort();
    expect(await result).toBeUndefined();
    await clock.advance(60_000);
    expect(times).toEqual([0, 1]);
  });

  it("ends when the member is shut down", async () => {
    const { result } = run([new JoinError("shutdown", "shut down", alone)]);
    expect(await result).toBeUndefined();
  });

  it("throws errors other than the outcome of a join", async () => {
    const wrong = new MemberlistError("invalid_argument", "wrong");
    await expect(run([wrong]).result).rejects.toBe(wrong);
  });
});

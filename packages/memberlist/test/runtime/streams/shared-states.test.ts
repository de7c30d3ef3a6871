import { describe, expect, it } from "vitest";
import {
  SharedStates,
  type SharedStatesOptions,
  type StateLease,
  type StateUser,
} from "../../../src/runtime/streams/shared-states.ts";
import { PendingOperations } from "../../../src/runtime/pending-operations.ts";
import { MemberlistError } from "../../../src/api/errors.ts";
import { VirtualClock } from "../../../src/testing/index.ts";
import { encodePushPull } from "../../../src/wire/messages/push-pull.ts";
import { outcome } from "../../facade/cluster.ts";

const timeout = 10_000;

/** A message of 100 bytes. */
function encoded(join: boolean): Uint8Array {
  return encodePushPull(join, [], new Uint8Array(71));
}

interface Setup {
  readonly clock: VirtualClock;
  readonly waits: PendingOperations;
  readonly states: SharedStates;
  /** The join flags that states were encoded for, each with the time. */
  readonly begun: (readonly [boolean, number])[];
  take(join?: boolean, user?: Partial<StateUser>): Promise<StateLease>;
}

type SetupOptions = Partial<SharedStatesOptions & SharedStatesOptions["states"] & SharedStatesOptions["codec"]>;

/** States of 100 bytes, encoded to 60 more. */
function setup({ localState, encode, ...options }: SetupOptions = {}): Setup {
  const clock = new VirtualClock();
  const waits = new PendingOperations(clock);
  const begun: (readonly [boolean, number])[] = [];
  const states = new SharedStates({
    clock,
    operations: waits,
    timeout,
    maxBytes: 1_000,
    states: {
      yieldToEventLoop: () => new Promise((resolve) => clock.defer(resolve)),
      nextPart: () => new Promise((resolve) => clock.defer(resolve)),
      localState: async (join) => {
        if (localState !== undefined) return localState(join);
        begun.push([join, clock.now()]);
        return encoded(join);
      },
    },
    codec: { encode: encode ?? (() => new Uint8Array(60)) },
    ...options,
  });
  const take = (join = false, user: Partial<StateUser> = {}): Promise<StateLease> =>
    states.take(join, { isWanted: () => true, drop: () => {}, ...user });
  return { clock, waits, states, begun, take };
}

/** A state that takes `time` ms. */
function slowly(clock: () => VirtualClock, time: number): () => Promise<Uint8Array> {
  return () => new Promise((resolve) => void clock().setTimeout(() => resolve(encoded(false)), time));
}

describe("SharedStates", () => {
  it("shares one state per join flag among requests that arrive together", async () => {
    const { clock, begun, states, take } = setup();
    const all = Promise.all([take(), take(true), take(), take(true), take()]);
    const leases = await clock.settle(all);
    expect(begun.map(([join]) => join)).toEqual([true, false]);
    expect(new Set(leases.map(({ encoded }) => encoded)).size).toBe(2);
    expect(states.bytes).toBe(2 * 160);
    const unchanged = leases[0]?.unchanged();
    expect(leases[2]?.unchanged()).toBe(unchanged);
    expect(unchanged).toBeDefined();
  });

  it("never returns a state begun before a request arrived, and shares the next one", async () => {
    let begun = 0;
    const it: Setup = setup({
      localState: () => {
        begun++;
        return slowly(() => it.clock, 5)();
      },
    });
    const first = it.take();
    await it.clock.advance(1);
    expect(begun).toBe(1);
    const later = [it.take(), it.take(), it.take()];
    const [a, b, c, d] = await it.clock.settle(Promise.all([first, ...later]));
    expect(begun).toBe(2);
    expect(b?.message).not.toBe(a?.message);
    expect(c?.message).toBe(b?.message);
    expect(d?.message).toBe(b?.message);
  });

  it("delays a request as long as the last state took to encode, up to a second", async () => {
    const begunAt: number[] = [];
    let time = 100;
    const it: Setup = setup({
      localState: () => {
        begunAt.push(it.clock.now());
        return slowly(() => it.clock, time)();
      },
    });
    await it.clock.settle(it.take());
    time = 3_000;
    await it.clock.settle(it.take());
    await it.clock.settle(it.take());
    const [first = 0, second = 0, third = 0] = begunAt;
    expect([second - first, third - second]).toEqual([200, 4_000]);
  });

  it("frees the bytes of a state once all requests have released it, and only once", async () => {
    const { clock, states, take } = setup();
    const [a, b] = await clock.settle(Promise.all([take(), take()]));
    a?.release();
    a?.release();
    expect(states.bytes).toBe(160);
    b?.release();
    expect(states.bytes).toBe(0);
  });

  it("delays a request without room until another one is done", async () => {
    const { clock, begun, take } = setup({ maxBytes: 300 });
    const first = await clock.settle(take());
    const second = take();
    await clock.advance(1_000);
    expect(begun).toHaveLength(1);
    first.release();
    await clock.settle(second);
    expect(begun.map(([, at]) => at)).toEqual([0, 1_000]);
    expect(clock.pending).toBe(0);
  });

  it("drops the state in use for longest after half of the timeout", async () => {
    const { clock, begun, states, take } = setup({ maxBytes: 500 });
    const dropped: string[] = [];
    const user = (name: string): Partial<StateUser> => ({
      drop: (error) => void dropped.push(`${name} ${error.code} ${String(error.details["name"])}`),
    });
    for (const name of ["a", "b", "c"]) {
      await clock.settle(take(false, user(name)));
      await clock.advance(1_000);
    }
    await clock.settle(take(false, user("d")));
    expect(dropped).toEqual(["a limit_exceeded maxPushPullAnswerBytes"]);
    expect(begun.map(([, at]) => at)).toEqual([0, 1_000, 2_000, timeout / 2]);
    expect(states.bytes).toBe(3 * 160);
  });

  it("accepts one state of any size", async () => {
    const { clock, take } = setup({ maxBytes: 1 });
    const lease = await clock.settle(take());
    lease.release();
    await clock.settle(take());
    expect(clock.now()).toBe(0);
  });

  it("rejects requests with a timeout if encoding takes too long, and frees their bytes", async () => {
    const it: Setup = setup({ localState: () => slowly(() => it.clock, timeout + 5)() });
    const result = outcome(it.take());
    await it.clock.advance(timeout + 10);
    expect([await result, it.states.bytes]).toEqual(["timeout", 0]);
  });

  it("rejects all waiting requests if the state cannot be encoded, and serves later ones", async () => {
    let failures = 1;
    const { clock, take } = setup({
      encode: () => {
        if (failures-- > 0) throw new MemberlistError("message_too_large", "too large");
        return new Uint8Array(1);
      },
    });
    expect(await clock.settle(Promise.all([outcome(take()), outcome(take())]))).toEqual([
      "message_too_large",
      "message_too_large",
    ]);
    expect(await clock.settle(outcome(take()))).toBe("ok");
  });

  it("rejects requests whose streams are closed", async () => {
    const { clock, begun, take } = setup();
    const result = outcome(take(false, { isWanted: () => false }));
    expect([await clock.settle(result), begun]).toEqual(["aborted", []]);
  });

  it("ends the waiting requests at the shutdown, and leaves no timer", async () => {
    const { clock, waits, begun, take } = setup({ maxBytes: 1 });
    await clock.settle(take());
    const waiting = outcome(take());
    await clock.advance(10);
    expect(clock.pending).toBeGreaterThan(0);
    waits.endAll(new MemberlistError("shutdown", "over"));
    await clock.advance(1);
    expect([await waiting, clock.pending, begun.length]).toEqual(["shutdown", 0, 1]);
  });
});

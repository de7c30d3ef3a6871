import { MemberlistError } from "@memberlist/core";
import { describe, expect, it } from "vitest";
import { InvariantError, simulate, type AppContext, type SimulateOptions } from "../src/index.ts";

describe("an application", () => {
  /** Counts its own ticks, one each second of its clock. */
  class Ticker {
    readonly context: AppContext;
    ticks = 0;

    constructor(context: AppContext) {
      this.context = context;
      this.start();
    }

    start(): void {
      this.context.clock.setTimeout(() => {
        this.ticks++;
        this.start();
      }, 1_000);
    }
  }

  async function cluster(): Promise<{ sim: Awaited<ReturnType<typeof simulate>>; tickers: Map<string, Ticker> }> {
    const tickers = new Map<string, Ticker>();
    const sim = await simulate({
      nodes: 2,
      start: "preloaded",
      app: (context) => {
        tickers.set(context.name, new Ticker(context));
        return {};
      },
    });
    return { sim, tickers };
  }

  const ticksOf = (tickers: Map<string, Ticker>, name: string): number => tickers.get(name)?.ticks ?? NaN;

  it("uses timers in virtual time that follow its node's clock", async () => {
    const { sim, tickers } = await cluster();
    sim.node("node-1").clock.drift(2);
    await sim.clock.advance(10_500);
    expect(ticksOf(tickers, "node-0")).toBe(10);
    // The first was set before its clock went faster.
    expect(ticksOf(tickers, "node-1")).toBe(20);
    sim.pause("node-0");
    await sim.clock.advance(10_000);
    expect(ticksOf(tickers, "node-0")).toBe(10);
    sim.resume("node-0");
    await sim.clock.advance(1_000);
    expect(ticksOf(tickers, "node-0")).toBeGreaterThan(10);
    await sim.end();
  });

  it("dies with its node, and uses more timers than a member may", async () => {
    const { sim, tickers } = await cluster();
    for (let i = 0; i < 1_000; i++) tickers.get("node-0")?.context.clock.setTimeout(() => expect.unreachable(), 60_000);
    await sim.clock.advance(1_500);
    await sim.crash("node-0");
    await sim.clock.advance(90_000);
    expect(ticksOf(tickers, "node-0")).toBe(1);
    await sim.end();
  });

  it("keeps its member until a crash, and gets the new member and clock after a restart with memory", async () => {
    const { sim, tickers } = await cluster();
    const { context } = tickers.get("node-0") as Ticker;
    expect(context.members()).toBe(sim.node("node-0").members);
    await sim.clock.advance(5_000);
    await sim.crash("node-0");
    expect(context.members()).toBeUndefined();
    await sim.restart("node-0", { memory: true });
    expect(tickers.get("node-0")?.context).toBe(context);
    expect(context.members()).toBe(sim.node("node-0").members);
    expect(context.clock.now()).toBe(sim.node("node-0").clock.now());
    const before = ticksOf(tickers, "node-0");
    tickers.get("node-0")?.start();
    await sim.clock.advance(1_000);
    expect(ticksOf(tickers, "node-0")).toBe(before + 1);
    await sim.restart("node-0");
    expect(tickers.get("node-0")?.context).not.toBe(context);
    expect(tickers.get("node-0")?.context.life).toBe(3);
    await sim.end();
  });

  it("stops acting once it is dead, and a restart without memory replaces it", async () => {
    const { sim, tickers } = await cluster();
    const { context } = tickers.get("node-0") as Ticker;
    const retry = (): void => void context.clock.setTimeout(() => expect.unreachable(), 10);
    // What waits for its member's answer hears that the member was shut down, and tries again.
    const asked = context.members()?.ping("10.9.9.9:1").catch(retry);
    await sim.crash("node-0");
    await asked;
    retry();
    await sim.clock.advance(5_000);
    await sim.restart("node-0");
    retry();
    expect(context.members()).toBeUndefined();
    expect(tickers.get("node-0")?.context.members()).toBe(sim.node("node-0").members);
    await sim.clock.advance(5_500);
    expect(ticksOf(tickers, "node-0")).toBe(5);
    await sim.end();
  });

  it("draws the same random numbers from the same seed, different for each node", async () => {
    const draws = async (seed: number): Promise<number[]> => {
      const drawn: number[] = [];
      const app = ({ random }: AppContext): object => {
        drawn.push(random.next());
        return {};
      };
      await (await simulate({ nodes: 3, start: "preloaded", seed, app })).end();
      return drawn;
    };
    const first = await draws(1);
    expect(await draws(1)).toEqual(first);
    expect(new Set([...first, ...(await draws(2))]).size).toBe(6);
  });
});

describe("invalid options", () => {
  const wrong: [string, object, RegExp][] = [
    ["nodes", { nodes: 0 }, /nodes must be a whole number from 1; it is 0/],
    ["nodes", { nodes: 2.5 }, /nodes/],
    ["nodes", { nodes: "3" }, /nodes must be .* it is "3"/],
    ["start", { start: "later" }, /start must be "join" or "preloaded"; it is "later"/],
    ["seed", { seed: NaN }, /seed/],
    ["loss", { loss: 2 }, /loss must be a number from 0 to 1, or a function that returns one; it is 2/],
    ["loss", { loss: -1 }, /loss/],
    ["latency", { latency: NaN }, /latency/],
    ["latency", { latency: [20, 1] }, /latency must be .* it is a list of 2/],
    ["latency", { latency: { distribution: "exponential", min: 5, mean: 1 } }, /latency/],
    ["faults", { faults: { duplicate: 7 } }, /duplicate must be a number from 0 to 1; it is 7/],
    ["checkInterval", { checkInterval: -1 }, /checkInterval/],
    ["an unknown option", { constructor: 0.5 }, /constructor is not an option/],
    ["an unknown option", { los: 0.5 }, /los is not an option; did you mean loss\?/],
  ];

  it.each(wrong)("refuses %s as invalid_argument: %j", async (_, options, message) => {
    const error = await simulate(options as SimulateOptions).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(MemberlistError);
    expect((error as MemberlistError).code).toBe("invalid_argument");
    expect((error as MemberlistError).message).toMatch(message);
  });

  it("accepts unusual but valid options", async () => {
    const faults = { mtu: Infinity, bandwidth: Infinity, duplicate: undefined };
    const options = { seed: 0.25, nodes: undefined, latency: [5, 5], loss: (): number => 0, faults } as const;
    const sim = await simulate(options);
    expect(sim.running).toHaveLength(3);
    await sim.end();
  });

  it("checks options that are set later, and times", async () => {
    const sim = await simulate({ nodes: 2, start: "preloaded" });
    expect(() => sim.network.setLoss(1.5)).toThrow("loss must be");
    expect(() => sim.network.setLoss(1n as unknown as number)).toThrow(
      "loss must be a number from 0 to 1, or a function that returns one; it is 1",
    );
    expect(() => sim.network.setLatency(-1)).toThrow("latency must be");
    expect(() => sim.release("node-0", { readTime: NaN })).toThrow("readTime must be");
    expect(() => sim.network.setFaults({ mtu: 0 })).toThrow("mtu must be");
    await expect(sim.clock.advance(NaN)).rejects.toThrow("it is NaN");
    await expect(sim.clock.advance("10" as unknown as number)).rejects.toThrow("it is 10");
    await expect(sim.clock.advance(-1)).rejects.toThrow("it is -1");
    await expect(sim.clock.runUntil(() => false, { limit: NaN })).rejects.toThrow("it is NaN");
    await sim.clock.advance(0);
    await sim.end();
  });
});

describe("a custom invariant", () => {
  it.each([
    ["is broken", () => "no", /^mine at 1000 ms \(seed 42\): no$/],
    [
      "throws",
      () => {
        throw new TypeError("inside");
      },
      /^mine at 1000 ms \(seed 42\): it threw: TypeError: inside$/,
    ],
  ])("reports its name, the time and the seed if it %s", async (_, check, message) => {
    const sim = await simulate({ nodes: 2, start: "preloaded", seed: 42 });
    sim.invariant("mine", check);
    const error = await sim.clock.advance(5_000).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvariantError);
    expect((error as InvariantError).message).toMatch(message);
    expect((error as InvariantError).seed).toBe(42);
  });
});

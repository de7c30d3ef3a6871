import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lanConfig, type Clock } from "../../src/index.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { NodeRuntime } from "../../src/runtime/node-runtime.ts";
import { MemoryNetwork, SeededRandom, VirtualClock, type MemoryTransport } from "../../src/testing/index.ts";
import { makeCompound } from "../../src/wire/compound.ts";
import { aliveMessage } from "../facade/raw-peer.ts";

const logOutput = { write: (): void => undefined };
let clock: VirtualClock;
/** How long the event loop has been blocked so far, in ms. */
let lag: number;
let peer: MemoryTransport;
let transport: MemoryTransport;
let runtime: NodeRuntime;

beforeEach(() => {
  clock = new VirtualClock();
  lag = 0;
  const lagging: Clock = {
    now: () => clock.now() + lag,
    wallTime: () => clock.wallTime() + lag,
    setTimeout: (callback, delay) => clock.setTimeout(callback, delay),
    clearTimeout: (timer) => clock.clearTimeout(timer),
    defer: (callback) => clock.defer(callback),
  };
  const network = new MemoryNetwork({ clock, random: new SeededRandom(1) });
  [transport, peer] = [network.transport(), network.transport()];
  const config = resolveConfig({ ...lanConfig(), name: "a", transport, clock: lagging, random: new SeededRandom(2), logOutput });
  const advertised = transport.finalAdvertiseAddr("", 0);
  runtime = new NodeRuntime({ config, transport, advertised, encryption: undefined, loaded: {} });
  runtime.start(new Uint8Array());
});

afterEach(() => runtime.stop());

/** The next `count` inputs end with an error. Returns how many have. */
function failNext(count: number): () => number {
  let failed = 0;
  let isArmed = false;
  runtime.watch(() => {
    if (!isArmed || failed === count) return;
    failed++;
    throw new Error("what follows the input failed");
  });
  isArmed = true;
  return () => failed;
}

/** Goes on where an error has ended it. */
async function advance(ms: number): Promise<void> {
  const end = clock.now() + ms;
  while (clock.now() < end) await clock.advance(end - clock.now()).catch(() => undefined);
}

describe("an error of what follows an input", () => {
  it("does not stop the handling of queued messages", async () => {
    const alive = Array.from({ length: 200 }, (_, i) => aliveMessage(`n${i}`, "10.0.1.1", { port: 1_000 + i }));
    peer.writeTo(makeCompound(alive), transport.address);
    const failed = failNext(4);
    // Before the first timer.
    await advance(50);
    expect(failed()).toBe(4);
    expect(runtime.engine.numMembers).toBe(201);
  });

  it("does not stop the timers", async () => {
    peer.writeTo(aliveMessage("b", peer.host), transport.address);
    await advance(50);
    expect(runtime.engine.numMembers).toBe(2);
    const failed = failNext(3);
    await advance(60_000);
    expect(failed()).toBe(3);
    expect(runtime.engine.numMembers).toBe(1);
  });

  it("does not stop the timers after the event loop was blocked", async () => {
    peer.writeTo(aliveMessage("b", peer.host), transport.address);
    await advance(50);
    const failed = failNext(1);
    lag = 500;
    await advance(60_000);
    expect(failed()).toBe(1);
    expect(runtime.engine.numMembers).toBe(1);
  });
});

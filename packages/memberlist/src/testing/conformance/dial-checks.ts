import type { Address } from "../../api/address.ts";
import { check, type Bench, type Check } from "./bench.ts";

/** How a dial fails. */
export const dialChecks: readonly Check[] = [
  {
    name: "a refused dial rejects with dial_failed",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      await b.transport.shutdown();
      const dialled = a.transport.dial(b.address, { timeout: bench.deadline });
      await bench.rejects(dialled, "dial_failed", "dial where nobody listens");
    },
  },
  {
    name: "a dial that was aborted before rejects with aborted",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      const controller = new AbortController();
      controller.abort();
      const dialled = a.transport.dial(b.address, { timeout: bench.deadline, signal: controller.signal });
      await bench.rejects(dialled, "aborted", "dial with an aborted signal");
    },
  },
  {
    name: "a dial without an answer rejects with timeout, in time",
    needs: ["silentAddress"],
    run: async (bench) => {
      const a = await bench.peer();
      const timeout = 100;
      const started = bench.harness.clock.now();
      const dialled = a.transport.dial(await silent(bench), { timeout });
      await bench.rejects(dialled, "timeout", `dial without an answer, after ${timeout} ms`);
      const took = bench.harness.clock.now() - started;
      // Timers of some runtimes are up to a millisecond early.
      check(took >= timeout - 2, `dial: it timed out after ${took} ms, before its timeout of ${timeout}`);
    },
  },
  {
    name: "a dial that is aborted while it waits rejects with aborted",
    needs: ["silentAddress"],
    run: async (bench) => {
      const a = await bench.peer();
      const controller = new AbortController();
      const dialled = a.transport.dial(await silent(bench), { timeout: 2 * bench.deadline, signal: controller.signal });
      const rejected = bench.rejects(dialled, "aborted", "dial, aborted while it waited");
      await bench.quiet();
      controller.abort();
      await rejected;
    },
  },
  {
    name: "a dial that waits at the shutdown rejects with shutdown",
    needs: ["silentAddress"],
    run: async (bench) => {
      const a = await bench.peer();
      const dialled = a.transport.dial(await silent(bench), { timeout: 2 * bench.deadline });
      const rejected = bench.rejects(dialled, "shutdown", "dial, while the transport was shut down");
      await bench.quiet();
      await a.transport.shutdown();
      await rejected;
    },
  },
  {
    name: "a dial that begins during the shutdown rejects with shutdown",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      await bench.arrives(a, b, Uint8Array.of(0), "writeTo: the packet never reached the listener");
      // A shutdown may take its time to send it.
      a.transport.writeTo(Uint8Array.of(1), b.address);
      const shutdown = a.transport.shutdown();
      await bench.rejects(a.transport.dial(b.address, { timeout: bench.deadline }), "shutdown", "dial, during shutdown");
      await shutdown;
    },
  },
  {
    name: "after shutdown, a dial rejects with shutdown",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      await a.transport.shutdown();
      const dialled = a.transport.dial(b.address, { timeout: bench.deadline });
      await bench.rejects(dialled, "shutdown", "dial after shutdown");
    },
  },
];

async function silent({ harness }: Bench): Promise<Address> {
  const address = await harness.silentAddress?.();
  return address ?? { host: "", port: 0, name: "" };
}

import { check, type Check } from "./bench.ts";

/** The end of a transport. */
export const shutdownChecks: readonly Check[] = [
  {
    name: "after shutdown, a packet fails by done",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      await a.transport.shutdown();
      const results: (Error | undefined)[] = [];
      a.transport.writeTo(Uint8Array.of(1), b.address, (error) => results.push(error));
      check(results.length === 0, "writeTo after shutdown: `done` was called before writeTo returned");
      await bench.until(() => results.length > 0, "writeTo after shutdown: `done` was never called");
      check(results[0] instanceof Error, "writeTo after shutdown: `done` got no error");
    },
  },
  {
    name: "shutdown sends the packets that it was given before",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      await bench.arrives(a, b, Uint8Array.of(0), "writeTo: the packet never reached the listener");
      // Several, since packets may be lost.
      for (let i = 1; i <= 10; i++) a.transport.writeTo(Uint8Array.of(i), b.address);
      await a.transport.shutdown();
      await bench.until(
        () => b.packets.some(({ bytes }) => bytes[0] !== 0),
        "shutdown: it throws away the packets that writeTo took before it",
      );
    },
  },
  {
    name: "after shutdown, no packet is delivered",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      await b.transport.shutdown();
      a.transport.writeTo(Uint8Array.of(1), b.address);
      await bench.quiet();
      check(b.packets.length === 0, "shutdown: a packet was delivered after it");
    },
  },
  {
    name: "shutdown ends the streams, on both sides",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      const [near, far] = await bench.connect(a, b);
      const ends = Promise.all([near.ends(), far.ends()]);
      await a.transport.shutdown();
      await ends;
    },
  },
  {
    name: "shutdown may be called twice",
    run: async (bench) => {
      const { transport } = await bench.peer();
      const both = Promise.all([transport.shutdown(), transport.shutdown()]).then(() => transport.shutdown());
      const failure: unknown = await bench
        .soon(both, "shutdown: called twice, it never resolved")
        .catch((error: unknown) => error);
      check(failure === undefined, `shutdown: called twice, it must resolve each time: ${String(failure)}`);
    },
  },
  {
    name: "after shutdown, no handle is left",
    needs: ["openHandles"],
    run: async (bench) => {
      const { openHandles = () => 0 } = bench.harness;
      const before = openHandles();
      const [a, b] = await bench.pair();
      await bench.arrives(a, b, Uint8Array.of(1), "writeTo: the packet never reached the listener");
      await bench.connect(a, b);
      check(openHandles() > before, "harness.openHandles: it does not see what an open transport holds");
      await Promise.all([a.transport.shutdown(), b.transport.shutdown()]);
      await bench.until(() => openHandles() <= before, "shutdown: handles are still open after it has resolved");
    },
  },
];

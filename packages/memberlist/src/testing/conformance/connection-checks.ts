import type { Address } from "../../api/address.ts";
import { check, type Bench, type Check } from "./bench.ts";

/** Connections under packets and streams, where a transport has them: restarts, handshakes, packets that wait. */
export const connectionChecks: readonly Check[] = [
  {
    name: "a peer that restarts at its address is reached again",
    needs: ["createAt"],
    run: async (bench) => {
      const { createAt } = bench.harness;
      const [a, b] = await bench.pair();
      await bench.arrives(a, b, Uint8Array.of(1), "writeTo: the packet never reached the listener");
      await bench.connect(a, b);
      await b.transport.shutdown();
      // Without a peer at the address, a connection is found dead and another one fails.
      let failed = 0;
      for (let i = 0; i < 3; i++) {
        a.transport.writeTo(Uint8Array.of(9), b.address, () => failed++);
        await bench.until(() => failed > i, "writeTo: to a peer that is gone, `done` was never called");
      }
      const again = await bench.peer(() => (createAt === undefined ? bench.harness.create() : createAt(b.address)));
      const { host, port } = again.address;
      check(host === b.address.host && port === b.address.port, "harness.createAt: the transport is bound to another address");
      await bench.arrives(
        a,
        again,
        Uint8Array.of(2, 2),
        "writeTo: a peer that restarted at its address gets no packets any more; forget a connection that has failed",
      );
      await bench.arrives(
        again,
        a,
        Uint8Array.of(3, 3, 3),
        "writeTo: the packets of a peer that restarted at its address do not arrive",
      );
      await bench.connect(a, again);
      await bench.connect(again, a);
    },
  },
  {
    name: "packets that wait for a connection at the shutdown call done",
    needs: ["silentAddress"],
    run: async (bench) => {
      const a = await bench.peer();
      const nobody = (await bench.harness.silentAddress?.()) ?? nowhere;
      await packetsSettle(bench, a.transport.writeTo.bind(a.transport), nobody, () => a.transport.shutdown());
    },
  },
  {
    name: "packets that wait for a handshake without an answer call done",
    needs: ["unansweredHandshake"],
    run: async (bench) => {
      const a = await bench.peer();
      const mute = (await bench.harness.unansweredHandshake?.()) ?? nowhere;
      await packetsSettle(bench, a.transport.writeTo.bind(a.transport), mute, () => Promise.resolve());
    },
  },
  {
    name: "a dial whose handshake gets no answer ends by its timeout, its signal and the shutdown",
    needs: ["unansweredHandshake"],
    run: async (bench) => {
      const a = await bench.peer();
      const mute = (await bench.harness.unansweredHandshake?.()) ?? nowhere;
      const timeout = 2 * bench.deadline;
      await bench.rejects(a.transport.dial(mute, { timeout: 100 }), "timeout", "dial, where the handshake gets no answer");
      const { signal, abort } = stoppable();
      const aborted = bench.rejects(a.transport.dial(mute, { timeout, signal }), "aborted", "dial, aborted during its handshake");
      await bench.quiet();
      abort();
      await aborted;
      const stopped = bench.rejects(a.transport.dial(mute, { timeout }), "shutdown", "dial, shut down during its handshake");
      await bench.quiet();
      await a.transport.shutdown();
      await stopped;
    },
  },
  {
    name: "a peer that connects and then says nothing keeps neither others nor the shutdown waiting",
    needs: ["muteClient"],
    run: async (bench) => {
      const [a, b] = await bench.pair();
      await bench.open(bench.harness.muteClient?.(b.address));
      await bench.arrives(a, b, Uint8Array.of(1), "writeTo: beside a peer that says nothing, no packet arrives");
      await bench.connect(a, b);
      const down = b.transport.shutdown();
      await bench.soon(down, "shutdown: it waits for a peer that has connected and says nothing; close such connections, too");
    },
  },
];

const nowhere: Address = { host: "", port: 0, name: "" };

/** Checks that `done` is called once for each packet, soon after `act`. */
async function packetsSettle(
  bench: Bench,
  writeTo: (packet: Uint8Array, to: Address, done: () => void) => boolean,
  to: Address,
  act: () => Promise<void>,
): Promise<void> {
  const calls = Array.from({ length: 5 }, () => 0);
  for (const index of calls.keys()) {
    writeTo(Uint8Array.of(9), to, () => {
      calls[index] = (calls[index] ?? 0) + 1;
    });
  }
  await bench.quiet();
  await bench.soon(act(), "shutdown: packets that wait for a connection keep it waiting");
  await bench.until(
    () => !calls.includes(0),
    "writeTo: `done` was never called for packets that waited for a connection that failed",
  );
  await bench.quiet();
  check(
    calls.every((count) => count === 1),
    "writeTo: `done` was called more than once for a packet that waited for a connection",
  );
}

function stoppable(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

import { check, type Check } from "./bench.ts";
import { writeUntilHeld } from "./held-write.ts";

/** Streams that one side gives up, or that break. */
export const streamFailureChecks: readonly Check[] = [
  {
    name: "a connection that breaks fails the readables, and does not end them",
    needs: ["relay"],
    run: async (bench) => {
      const [a, b] = await bench.pair();
      const relay = await bench.open(bench.harness.relay?.(b.address));
      const [near, far] = await bench.connect(a, b, relay.address);
      await near.write(Uint8Array.of(1));
      check((await far.read(1)).length === 1, "harness.relay: it passed nothing on");
      relay.break();
      const ends = await Promise.all([near.ends(), far.ends()]);
      check(
        ends.every(({ end }) => end === "failed"),
        "TransportStream.readable: a broken connection looked like a clean end; it must fail (`controller.error`), or a message that was cut off counts as whole",
      );
    },
  },
  {
    name: "after readable.cancel(), the peer's writes do not hang, and the other direction goes on",
    run: async (bench) => {
      const [near, far] = await bench.connect(...(await bench.pair()));
      const { held } = await writeUntilHeld(bench, far);
      const settled = held.then(
        () => undefined,
        () => undefined,
      );
      await near.cancel();
      await bench.soon(
        settled,
        "TransportStream.readable: after cancel(), a write of the peer hangs; discard what arrives, or refuse it",
      );
      await near.write(Uint8Array.of(1, 2));
      check(
        (await far.read(2)).join() === "1,2",
        "TransportStream.readable: cancel() ended the direction that was not cancelled",
      );
      await near.finish();
      check((await far.read(1)).length === 0, "TransportStream.readable: after cancel(), more arrived than was written");
    },
  },
  {
    name: "writable.abort() fails the peer's readable, and does not end it",
    unless: "cannotReset",
    run: async (bench) => {
      const [near, far] = await bench.connect(...(await bench.pair()));
      await near.write(Uint8Array.of(1));
      check((await far.read(1)).length === 1, "TransportStream: a byte did not arrive");
      const ends = far.ends();
      await near.abort();
      const { end } = await ends;
      check(
        end === "failed",
        "TransportStream.writable: abort() looked like a clean end to the peer; reset the connection instead",
      );
    },
  },
  {
    name: "writable.abort() and close() break off a write that waits",
    run: async (bench) => {
      const [near, far] = await bench.connect(...(await bench.pair()));
      const { written, held } = await writeUntilHeld(bench, near);
      const isWritten = held.then(
        () => true,
        () => false,
      );
      const aborted = near.abort();
      await bench.quiet();
      near.stream.close();
      await aborted;
      const resolved = await bench.soon(isWritten, "TransportStream.close: after abort() and close(), a write that waited hangs");
      check(!resolved, "TransportStream.writable: after abort(), a write that waited resolved, as if the peer had got it");
      const { end, bytes } = await far.ends();
      check(
        end === "failed" || bytes < written || bench.harness.cannotReset === true,
        "TransportStream.writable: after abort(), what waited was sent all the same, and then the stream ended: abort() acted as close()",
      );
    },
  },
];

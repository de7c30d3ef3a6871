import { check, type Bench, type Check, isPlain, pooled } from "./bench.ts";
import type { StreamEnd } from "./stream-end.ts";

const mebibyte = 1024 * 1024;

/** Streams: bytes, ends, backpressure. */
export const streamChecks: readonly Check[] = [
  {
    name: "a stream carries bytes both ways",
    run: async (bench) => {
      const [near, far] = await bench.connect(...(await bench.pair()));
      await near.write(Uint8Array.of(4, 5, 6));
      check((await far.read(3)).join() === "4,5,6", "TransportStream: the listener's side did not read what was written");
      await far.write(Uint8Array.of(7, 8, 9));
      check((await near.read(3)).join() === "7,8,9", "TransportStream: the dialler's side did not read what was written");
    },
  },
  {
    name: "a stream comes from the dialler's host",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      await bench.connect(a, b);
      const host = b.streams[0]?.from.host;
      check(host === a.address.host, `TransportListener.stream: \`from\` is ${host}, not the dialler's ${a.address.host}`);
    },
  },
  {
    name: "half-close: after the end of one direction, the other goes on",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      const [near, far] = await bench.connect(a, b);
      await halfClose(near, far, "dialler");
      const [secondNear, secondFar] = await bench.connect(a, b);
      await halfClose(secondFar, secondNear, "listener");
    },
  },
  {
    name: "what was written and finished arrives, although close follows at once",
    run: async (bench) => {
      const [near, far] = await bench.connect(...(await bench.pair()));
      // Little enough for what any transport holds on the way.
      const total = 10_000;
      await near.writePattern(total);
      await near.finish();
      near.stream.close();
      await bench.quiet();
      const { bytes, intact } = await far.readPattern();
      check(bytes === total && intact, `TransportStream.close: of ${total} bytes that were written before, ${bytes} arrived`);
    },
  },
  {
    name: "an abrupt close ends both sides; closing twice does no harm",
    run: async (bench) => {
      const [near, far] = await bench.connect(...(await bench.pair()));
      const ends = Promise.all([near.ends(), far.ends()]);
      try {
        near.stream.close();
        near.stream.close();
      } catch (error) {
        throw new Error(`TransportStream.close: it threw, and must not: ${String(error)}`, { cause: error });
      } finally {
        await ends;
      }
    },
  },
  {
    name: "a write after close rejects",
    run: async (bench) => {
      const [near] = await bench.connect(...(await bench.pair()));
      near.stream.close();
      const written = await near.write(Uint8Array.of(1)).then(
        () => true,
        () => false,
      );
      check(!written, "TransportStream: a write after close() resolved, as if it had got somewhere");
    },
  },
  {
    name: "a slow reader holds the writer back, and loses nothing",
    run: async (bench) => {
      const [near, far] = await bench.connect(...(await bench.pair()));
      const { written } = await writeUntilHeld(bench, near);
      const finished = near.finish();
      const bytes = await countZeros((count) => far.read(count));
      await finished;
      check(bytes === written, `TransportStream: a slow reader got ${bytes} of ${written} bytes`);
    },
  },
  {
    name: "an empty write resolves, and does not end the stream",
    run: async (bench) => {
      const [near, far] = await bench.connect(...(await bench.pair()));
      await near.write(new Uint8Array(0));
      await near.write(Uint8Array.of(4, 5));
      check(
        (await far.read(2)).join() === "4,5",
        "TransportStream.writable: an empty write ended the stream, or put bytes into it",
      );
      await near.write(new Uint8Array(0));
      await near.finish();
      check((await far.read(1)).length === 0, "TransportStream.writable: an empty write before the end arrived as bytes");
    },
  },
  {
    name: "what is written from a view of a larger buffer arrives alone, though that buffer is used again",
    run: async (bench) => {
      const [near, far] = await bench.connect(...(await bench.pair()));
      const bytes = Uint8Array.from({ length: 300 }, (_, index) => (index * 7) & 0xff);
      const view = pooled(bytes);
      await near.write(view);
      new Uint8Array(view.buffer).fill(0);
      await near.finish();
      const pieces: Uint8Array[] = [];
      for (let piece = await far.readPiece(); piece !== undefined; piece = await far.readPiece()) pieces.push(piece);
      check(
        pieces.flatMap((piece) => [...piece]).join() === bytes.join(),
        "TransportStream.writable: of a view into a larger buffer other bytes arrived, or it was still in use after write() had resolved",
      );
      check(
        pieces.every(isPlain),
        "TransportStream.readable: it gives Buffers; the core wants new Uint8Array(b.buffer, b.byteOffset, b.length)",
      );
    },
  },
  {
    name: "a stream of 20 MiB arrives intact",
    run: async (bench) => {
      const [near, far] = await bench.connect(...(await bench.pair()));
      const total = 20 * mebibyte;
      const received = far.readPattern().then(({ bytes, intact }) => {
        check(intact, `TransportStream: the byte at ${bytes} of 20 MiB is not the one that was written`);
        check(bytes === total, `TransportStream: only ${bytes} of 20 MiB arrived before the end`);
      });
      await Promise.all([near.writePattern(total).then(() => near.finish()), received]);
    },
  },
  {
    name: "streams at the same time do not mix",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      const salts = Array.from({ length: 20 }, (_, index) => index);
      const ends: Awaited<ReturnType<Bench["connect"]>>[] = [];
      for (const _ of salts) ends.push(await bench.connect(a, b));
      const mixed = "TransportStream: with 20 streams open, bytes of one came out of another or were lost";
      await Promise.all(
        ends.flatMap(([near, far], salt) =>
          [near, far].flatMap((end) => [
            end.writePattern(100_000, salt).then(() => end.finish()),
            end.readPattern(salt).then(({ bytes, intact }) => check(intact && bytes === 100_000, mixed)),
          ]),
        ),
      );
    },
  },
];

async function countZeros(read: (count: number) => Promise<Uint8Array>): Promise<number> {
  let bytes = 0;
  for (;;) {
    const part = await read(65_536);
    bytes += part.length;
    if (part.length < 65_536) return bytes;
  }
}

/** `first` closes its writable, and `last` then answers. */
async function halfClose(first: StreamEnd, last: StreamEnd, closing: "dialler" | "listener"): Promise<void> {
  const lost = `TransportStream: after the ${closing}'s writable was closed, its readable lost the answer; with node:net, set allowHalfOpen`;
  await first.write(Uint8Array.of(1));
  await first.finish();
  check((await last.read(2)).length === 1, "TransportStream: more came than was written before the writable was closed");
  const answer = last.writePattern(100_000).then(() => last.finish());
  const [written, { bytes, intact }] = await Promise.all([
    answer.then(
      () => undefined,
      (error: unknown) => error,
    ),
    first.readPattern(),
  ]);
  if (written !== undefined) throw new Error(lost, { cause: written });
  check(bytes === 100_000 && intact, lost);
}

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

/** More than the buffers of two sockets together may hold. */
const unreadMax = 64 * 1024 * 1024;

/** On a busy machine a write may take long, and is not held for that. */
const looks = 4;

async function staysPending(bench: Bench, write: Promise<void>): Promise<boolean> {
  for (let i = 0; i < looks; i++) if (!(await bench.isPending(write))) return false;
  return true;
}

/** Writes zeros until a write stays pending. `written` counts its bytes, too; `held` is that write. */
async function writeUntilHeld(bench: Bench, end: StreamEnd): Promise<{ written: number; held: Promise<void> }> {
  const chunk = new Uint8Array(256 * 1024);
  for (let written = chunk.length; written <= unreadMax; written += chunk.length) {
    const held = end.writeSlowly(chunk.slice());
    if (await staysPending(bench, held)) return { written, held };
  }
  throw new Error(
    `TransportStream.writable: ${unreadMax} bytes were taken though nobody reads; a write must wait, or memory runs out`,
  );
}

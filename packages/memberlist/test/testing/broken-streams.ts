import type { MemberlistError, TransportStream } from "../../src/index.ts";
import type { Clock } from "../../src/ports/clock.ts";
import {
  later,
  type Broken,
  pending,
  bound,
  packetsThrough,
  piecesThrough,
  streamsThrough,
  withWrites,
  writesThrough,
  type Spoil,
} from "./conformance-support.ts";

/** Transports that break the rules of streams, connections and the shutdown. */
export const brokenStreams: Broken = {
  "a stream carries bytes both ways": [
    [(inner) => ({ listen: (l) => inner.listen({ ...bound(l), stream: () => undefined }) }), /never given to the listener/],
    [() => ({ dial: () => pending() }), /neither made a stream nor rejected/],
    [piecesThrough((bytes) => bytes.map((byte) => byte + 1)), /the first byte that arrived/],
    [piecesThrough((bytes, at) => (at === 0 ? bytes : bytes.map((byte) => byte + 1))), /the listener's side did not read/],
    [piecesThrough((bytes) => (bytes[0] === 7 ? bytes.fill(0) : bytes)), /the dialler's side did not read/],
    [piecesThrough((bytes, at) => (at === 0 ? bytes : undefined)), /a read waits for ever/],
    [
      writesThrough((write, bytes) => (bytes.length === 1 ? write(bytes) : Promise.reject(new Error("no")))),
      /a write failed: Error: no/,
    ],
    [writesThrough((write, bytes) => (bytes.length === 1 ? write(bytes) : pending())), /a write never resolved/],
  ],
  "a stream comes from the dialler's host": [
    [
      (inner) => ({ listen: (l) => inner.listen({ ...bound(l), stream: (s, from) => l.stream(s, { ...from, host: "" }) }) }),
      /not the dialler's/,
    ],
  ],
  "half-close: after the end of one direction, the other goes on": [
    [streamsThrough((stream) => withWrites(stream, { close: () => stream.close() })), /a read failed where|a write failed/],
    [streamsThrough((stream) => withWrites(stream, { close: () => undefined })), /a read waits for ever/],
    [streamsThrough((stream) => withWrites(stream, { close: () => pending() })), /close\(\) never resolved/],
    [streamsThrough((stream) => withWrites(stream, { close: () => Promise.reject(new Error("no")) })), /close\(\) failed/],
    [piecesThrough((bytes, at) => (at > 50_000 ? undefined : bytes)), /its readable lost the answer/],
    [piecesThrough((bytes) => (bytes[0] === 1 ? new Uint8Array(2) : bytes)), /more came than was written/],
    [endingWithPeer(), /after the listener's writable was closed, its readable lost the answer/],
  ],
  "what was written and finished arrives, although close follows at once": [
    [streamsThrough(hasty), /of 10000 bytes .*, 0 arrived/],
  ],
  "an abrupt close ends both sides; closing twice does no harm": [
    [streamsThrough((stream) => ({ ...stream, close: () => undefined })), /a read waits for ever/],
    [streamsThrough(closesOnce), /it threw, and must not/],
  ],
  "a write after close rejects": [
    [writesThrough((write, bytes) => write(bytes).catch(() => undefined)), /a write after close\(\) resolved/],
  ],
  "a slow reader holds the writer back, and loses nothing": [
    [writesThrough((write, bytes) => void write(bytes).catch(() => undefined)), /were taken though nobody reads/],
    [piecesThrough((bytes, at) => (at > 100_000 ? undefined : bytes)), /a slow reader got/],
  ],
  "an empty write resolves, and does not end the stream": [
    [writesThrough((write, bytes) => (bytes.length === 0 ? pending() : write(bytes))), /a write never resolved/],
    [
      streamsThrough((stream) =>
        withWrites(stream, { change: (write, bytes) => (bytes.length === 0 ? stream.close() : write(bytes)) }),
      ),
      /a write failed/,
    ],
    [writesThrough((write, bytes) => write(bytes.length === 0 ? Uint8Array.of(0) : bytes)), /put bytes into it/],
  ],
  "what is written from a view of a larger buffer arrives alone, though that buffer is used again": [
    [writesThrough((write, bytes) => write(new Uint8Array(bytes.buffer))), /other bytes arrived/],
    [streamsThrough(writesLater), /still in use after/],
    [piecesThrough((bytes) => Buffer.from(bytes)), /it gives Buffers/],
  ],
  "a stream of 20 MiB arrives intact": [
    [piecesThrough((bytes, at) => (at > 5e6 ? bytes.fill(0) : bytes)), /is not the one that was written/],
    [piecesThrough((bytes, at) => (at > 5e6 ? "end" : bytes)), /only \d+ of 20 MiB arrived/],
  ],
  "streams at the same time do not mix": [[mixing(), /bytes of one came out of another/]],
  "a connection that breaks fails the readables, and does not end them": [
    [streamsThrough((stream) => ({ ...bare(stream), readable: endsForErrors(stream) })), /looked like a clean end/],
  ],
  "after readable.cancel(), the peer's writes do not hang, and the other direction goes on": [
    [streamsThrough((stream) => withCancel(stream, () => undefined)), /a write of the peer hangs/],
    [streamsThrough((stream) => withCancel(stream, () => pending())), /cancel\(\) never resolved/],
    [streamsThrough((stream) => withCancel(stream, () => stream.close())), /a write failed/],
  ],
  "writable.abort() fails the peer's readable, and does not end it": [
    [streamsThrough((stream) => withWrites(stream, {})), /a read waits for ever/],
    [streamsThrough((stream) => withWrites(stream, { abort: (writer) => writer.close() })), /looked like a clean end/],
  ],
  "writable.abort() and close() break off a write that waits": [
    [streamsThrough((stream) => ({ ...withWrites(stream, {}), close: () => undefined })), /abort\(\) never settled/],
    [streamsThrough(flushesAbort), /abort\(\) acted as close/],
  ],
  "a peer that restarts at its address is reached again": [
    [rememberingTheDead(), /gets no packets any more/],
    [
      packetsThrough((deliver, bytes, from, at) => (bytes.length === 3 ? undefined : deliver(bytes, from, at))),
      /the packets of a peer that restarted/,
    ],
  ],
  "packets that wait for a connection at the shutdown call done": [
    [(inner) => ({ writeTo: (p, to) => inner.writeTo(p, to) }), /never called/],
    [(inner, clock) => ({ writeTo: (p, to, done) => (later(clock, done), inner.writeTo(p, to, done)) }), /more than once/],
  ],
  "packets that wait for a handshake without an answer call done": [
    [(inner) => ({ writeTo: (p, to) => inner.writeTo(p, to) }), /never called/],
  ],
  "a dial whose handshake gets no answer ends by its timeout, its signal and the shutdown": [
    [(inner) => ({ dial: (to, options) => inner.dial(to, { ...options, timeout: 60_000 }) }), /timeout, but nothing happened/],
    [(inner) => ({ dial: (to, { timeout }) => inner.dial(to, { timeout }) }), /aborted, but nothing happened/],
    [(inner) => ({ dial: (to, options) => inner.dial(to, options).catch(unlessShutdown) }), /shutdown, but nothing happened/],
  ],
  "a peer that connects and then says nothing keeps neither others nor the shutdown waiting": [
    [oneAtATime(), /never given to the listener/],
    [shutdownAfterStreams(), /it waits for a peer that has connected/],
  ],
  "after shutdown, a packet fails by done": [
    [(inner) => ({ writeTo: (p, to, done) => inner.writeTo(p, to, () => done?.()) }), /no error/],
    [(inner) => ({ writeTo: (p, to) => inner.writeTo(p, to) }), /never called/],
    [() => ({ writeTo: (_, __, done) => (done?.(new Error("down")), true) }), /before writeTo returned/],
  ],
  "shutdown sends the packets that it was given before": [[sendingLater(), /throws away the packets/]],
  "after shutdown, no packet is delivered": [[() => ({ shutdown: () => Promise.resolve() }), /was delivered after it/]],
  "shutdown ends the streams, on both sides": [[() => ({ shutdown: () => Promise.resolve() }), /a read waits for ever/]],
  "shutdown may be called twice": [
    [secondShutdown(() => Promise.reject(new Error("twice"))), /must resolve each time: Error: twice/],
    [secondShutdown(() => pending()), /called twice, it never resolved/],
  ],
  "after shutdown, no handle is left": [[() => ({ shutdown: () => Promise.resolve() }), /handles are still open/]],
};

/** Sends each packet 20 ms later, unless it was shut down meanwhile. */
function sendingLater(): Spoil {
  return (inner, clock) => {
    let isDown = false;
    return {
      writeTo: (packet, to, done) => {
        clock.setTimeout(() => void (isDown ? done?.(new Error("down")) : inner.writeTo(packet, to, done)), 20);
        return true;
      },
      shutdown: () => {
        isDown = true;
        return inner.shutdown();
      },
    };
  };
}

/** Says that it has written, and throws it away when the stream is closed in the next 20 ms. */
function hasty(stream: TransportStream, clock: Clock): TransportStream {
  const writer = stream.writable.getWriter();
  let isClosed = false;
  const unlessClosed = (act: () => Promise<void>): void =>
    void clock.setTimeout(() => {
      if (!isClosed) act().catch(() => undefined);
    }, 20);
  const writable = new WritableStream<Uint8Array>({
    write: (bytes) => (bytes.length === 1 ? writer.write(bytes) : unlessClosed(() => writer.write(bytes))),
    close: () => unlessClosed(() => writer.close()),
  });
  return {
    readable: stream.readable,
    writable,
    close: () => {
      isClosed = true;
      stream.close();
    },
  };
}

function closesOnce(stream: TransportStream): TransportStream {
  let closed = 0;
  return {
    ...stream,
    close: () => {
      stream.close();
      if (++closed === 2) throw new Error("closed already");
    },
  };
}

/** The writable of a dialled stream ends with its readable, as that of `node:net` without `allowHalfOpen`. */
function endingWithPeer(): Spoil {
  return (inner) => ({
    dial: async (to, options) => {
      const stream = await inner.dial(to, options);
      const writer = stream.writable.getWriter();
      let hasEnded = false;
      const end = async (): Promise<void> => {
        if (hasEnded) return;
        hasEnded = true;
        await writer.close();
      };
      const writable = new WritableStream<Uint8Array>({
        write: (bytes) => (hasEnded ? Promise.reject(new Error("ended")) : writer.write(bytes)),
        close: end,
        abort: (reason) => writer.abort(reason),
      });
      const readable = stream.readable.pipeThrough(new TransformStream<Uint8Array, Uint8Array>({ flush: end }));
      return { readable, writable, close: () => stream.close() };
    },
  });
}

/** From the third end on, bytes are changed. */
function mixing(): Spoil {
  let pieces = 0;
  return piecesThrough((bytes) => (++pieces > 60 ? bytes.map((byte) => byte + 1) : bytes));
}

function secondShutdown(second: () => Promise<void>): Spoil {
  return (inner) => {
    let calls = 0;
    return { shutdown: () => (++calls === 2 ? second() : inner.shutdown()) };
  };
}

function bare(stream: TransportStream): TransportStream {
  return { readable: stream.readable, writable: stream.writable, close: () => stream.close() };
}

/** The bytes of a stream that ends where it should fail. */
function endsForErrors(stream: TransportStream): ReadableStream<Uint8Array> {
  const reader = stream.readable.getReader();
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const read = await reader.read().catch(() => ({ value: undefined }));
        if (read.value === undefined) controller.close();
        else controller.enqueue(read.value);
      },
    },
    { highWaterMark: 0 },
  );
}

function withCancel(stream: TransportStream, cancel: () => Promise<void> | void): TransportStream {
  const reader = stream.readable.getReader();
  const readable = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { value } = await reader.read();
        if (value === undefined) controller.close();
        else controller.enqueue(value);
      },
      cancel,
    },
    { highWaterMark: 0 },
  );
  return { ...bare(stream), readable };
}

/** Who was not there once gets nothing more. */
function rememberingTheDead(): Spoil {
  const dead = new Set<string>();
  return (inner, clock) => ({
    writeTo: (p, to, done) => {
      if (p[0] === 9) dead.add(to.host);
      return dead.has(to.host) ? (later(clock, done), true) : inner.writeTo(p, to, done);
    },
  });
}

async function unlessShutdown(failure: MemberlistError): Promise<never> {
  if (failure.code === "shutdown") await pending();
  throw failure;
}

/** Gives the next stream to the listener when the one before has begun to speak. */
function oneAtATime(): Spoil {
  return (inner) => {
    let before: Promise<unknown> = Promise.resolve();
    return {
      listen: (listener) =>
        inner.listen({
          packet: (...packet) => listener.packet(...packet),
          stream: (stream, from) => {
            const [peeked, readable] = stream.readable.tee();
            before = before.then(() => {
              listener.stream({ ...bare(stream), readable }, from);
              return peeked.getReader().read();
            });
            before.catch(() => undefined);
          },
        }),
    };
  };
}

/** Waits for the streams that came in to end by themselves. */
function shutdownAfterStreams(): Spoil {
  return (inner) => {
    const ended: Promise<unknown>[] = [];
    return {
      listen: (listener) =>
        inner.listen({
          packet: (...packet) => listener.packet(...packet),
          stream: (stream, from) => {
            const [peeked, readable] = stream.readable.tee();
            const reader = peeked.getReader();
            const toTheEnd = async (): Promise<void> => {
              while (!(await reader.read()).done);
            };
            ended.push(toTheEnd().catch(() => undefined));
            listener.stream({ ...bare(stream), readable }, from);
          },
        }),
      shutdown: async () => {
        await Promise.all(ended);
        await inner.shutdown();
      },
    };
  };
}

/** Says that it has written before it has. */
function writesLater(stream: TransportStream, clock: Clock): TransportStream {
  return withWrites(stream, {
    change: (write, bytes) => void clock.setTimeout(() => void write(bytes).catch(() => undefined), 5),
    close: (writer) => new Promise<void>((resolve) => void clock.setTimeout(resolve, 10)).then(() => writer.close()),
  });
}

/** Says that it has broken off, and sends everything all the same. */
function flushesAbort(stream: TransportStream): TransportStream {
  const writer = stream.writable.getWriter();
  let breakOff: (error: Error) => void = () => undefined;
  const broken = new Promise<never>((_, reject) => {
    breakOff = reject;
  });
  broken.catch(() => undefined);
  const writable = new WritableStream<Uint8Array>({
    write: (bytes) => Promise.race([writer.write(bytes), broken]),
    close: () => writer.close(),
  });
  const close = (): void => {
    breakOff(new Error("closed"));
    writer.close().catch(() => undefined);
  };
  return { readable: stream.readable, writable, close };
}

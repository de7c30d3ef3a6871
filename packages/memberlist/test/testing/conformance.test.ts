import { describe, expect, it } from "vitest";
import { MemberlistError, type Transport, type TransportListener, type TransportStream } from "../../src/index.ts";
import { transportConformance, type MemoryTransport } from "../../src/testing/index.ts";
import {
  memoryHarness,
  packetsThrough,
  piecesThrough,
  streamsThrough,
  withWrites,
  writesThrough,
  type Spoil,
} from "./conformance-support.ts";

describe("the memory transport conforms", () => {
  it.each(transportConformance(memoryHarness()))("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

const later = (done: ((error?: Error) => void) | undefined, error?: Error): void => void setTimeout(() => done?.(error), 1);
const pending = <T>(): Promise<T> => new Promise<T>(() => undefined);
const refusal = (code: "timeout" | "dial_failed") => Promise.reject(new MemberlistError(code, "made up"));
const shared = new Uint8Array(65_507);

/** For each case, transports that break its rule, and what the case says of them. */
const broken: Readonly<Record<string, readonly [spoil: Spoil, mend: RegExp][]>> = {
  "a packet arrives whole": [
    [() => ({ writeTo: () => true }), /never reached the listener/],
    [packetsThrough((deliver, bytes, from, at) => deliver(bytes.slice(1), from, at)), /never reached the listener/],
    [
      packetsThrough((deliver, bytes, from, at) =>
        deliver(
          bytes.map((b, i) => (i > 1 ? 0 : b)),
          from,
          at,
        ),
      ),
      /are not those/,
    ],
  ],
  "a packet comes from its sender's address": [
    [packetsThrough((deliver, bytes, from, at) => deliver(bytes, { ...from, port: 1 }, at)), /`from` is .* port 1, not/],
    [packetsThrough((deliver, bytes, from, at) => deliver(bytes, { ...from, host: "::1" }, at)), /`from` is ::1/],
  ],
  "a packet's receivedAt is on the clock": [
    [packetsThrough((deliver, bytes, from) => deliver(bytes, from, -1)), /`receivedAt` is -1/],
    [packetsThrough((deliver, bytes, from) => deliver(bytes, from, Date.now())), /`receivedAt`/],
  ],
  "many packets arrive, each at most once and each with bytes of its own": [
    [
      packetsThrough((deliver, bytes, from, at) => (bytes[0]! % 4 === 0 ? deliver(bytes, from, at) : undefined)),
      /fewer than half/,
    ],
    [packetsThrough((deliver, bytes, from, at) => (deliver(bytes, from, at), deliver(bytes.slice(), from, at))), /came twice/],
    [
      packetsThrough((deliver, bytes, from, at) => (shared.set(bytes), deliver(shared.subarray(0, bytes.length), from, at))),
      /its memory was used again/,
    ],
    [
      packetsThrough((deliver, bytes, from, at) =>
        deliver(
          bytes.map((b, i) => b + i),
          from,
          at,
        ),
      ),
      /mixed up/,
    ],
  ],
  "the longest packet arrives whole": [
    [(inner) => ({ writeTo: (p, to, done) => inner.writeTo(p.subarray(0, 1400), to, done) }), /did not arrive whole/],
    [packetsThrough((deliver, bytes, from, at) => (bytes.fill(0, 1400), deliver(bytes, from, at))), /the end of the longest/],
  ],
  "a packet over the limit fails by done, and only that one": [
    [(inner) => ({ writeTo: (p, to, done) => inner.writeTo(p, to, () => done?.()) }), /lost in silence/],
    [(inner) => ({ writeTo: (p, to, done) => inner.writeTo(p, to, p.length > 65_507 ? undefined : done) }), /never called/],
    [
      (inner) => ({ writeTo: (p, to, done) => inner.writeTo(p, to, (error) => (error && inner.hold(), done?.(error))) }),
      /no other/,
    ],
    [
      (inner) => ({
        writeTo: (p, to, done) =>
          inner.writeTo(p.slice(0, 65_507), to, () => done?.(p.length > 65_507 ? new Error("cut") : undefined)),
      }),
      /was delivered/,
    ],
  ],
  "done is called exactly once, and never synchronously": [
    [(inner) => ({ writeTo: (p, to, done) => (done?.(), inner.writeTo(p, to)) }), /before writeTo returned/],
    [(inner) => ({ writeTo: (p, to) => inner.writeTo(p, to) }), /never called/],
    [(inner) => ({ writeTo: (p, to, done) => (later(done), inner.writeTo(p, to, done)) }), /2 times/],
  ],
  "under pressure, every packet's done is called once, and writeTo answers true again": [
    [(inner) => ({ writeTo: (p, to, done) => (inner.writeTo(p, to, done), undefined as never) }), /return a boolean/],
    [everyTenth((inner, p, to) => inner.writeTo(p, to)), /never called for some/],
    [everyTenth((inner, p, to, done) => (later(done), inner.writeTo(p, to, done))), /more than once/],
    [(inner) => ({ writeTo: (p, to, done) => (inner.writeTo(p, to, done), false) }), /still answers false/],
    [everyTenth((inner, p, to, done) => (inner.hold(), inner.writeTo(p, to, done))), /after a burst, packets do not/],
  ],
  "a packet to nobody harms nothing": [
    [
      (inner) => ({
        writeTo: (p, to, done) => {
          if (p[0] === 9) throw new Error("unreachable");
          return inner.writeTo(p, to, done);
        },
      }),
      /it threw; failures go to `done`/,
    ],
    [
      (inner) => ({ writeTo: (p, to, done) => (p[0] === 9 && inner.hold(), inner.writeTo(p, to, done)) }),
      /none arrives anywhere/,
    ],
  ],
  "without a configured address, the one that others reach is advertised": [
    [() => ({ finalAdvertiseAddr: (_, port) => ({ addr: "FD00:0::1", port }) }), /not a literal IP in its usual form/],
    [() => ({ finalAdvertiseAddr: (_, port) => ({ addr: "10.0.0.1", port }) }), /is not where the transport is reached/],
  ],
  "a configured address and port are advertised": [
    [(inner) => ({ finalAdvertiseAddr: (_, port) => inner.finalAdvertiseAddr("", port) }), /were not taken over/],
    [() => ({ finalAdvertiseAddr: (addr, port) => ({ addr, port }) }), /the bound port must be advertised/],
  ],
  "what is no address is refused as advertise_address": [
    [() => ({ finalAdvertiseAddr: (addr, port) => ({ addr, port }) }), /but it resolved/],
    [() => ({ finalAdvertiseAddr: () => Promise.reject(new Error("no")) }), /code advertise_address, not Error: no/],
  ],
  "packets and streams over IPv6": [
    [() => ({ writeTo: () => true }), /over IPv6 never arrived/],
    [packetsThrough((deliver, bytes, from, at) => deliver(bytes, { ...from, host: `${from.host}%lo` }, at)), /packet: over IPv6/],
    [
      (inner) => ({ listen: (l) => inner.listen({ ...bound(l), stream: (s, from) => l.stream(s, { ...from, host: "::1" }) }) }),
      /stream: over IPv6/,
    ],
  ],
  "a known name resolves to all of its addresses": [
    [() => ({ resolve: undefined }), /has no resolve/],
    [
      (inner) => ({ resolve: async (...asked) => (await inner.resolve(...asked)).slice(1) }),
      /10\.1\.1\.1,10\.1\.1\.2, not 10\.1\.1\.2/,
    ],
  ],
  "an unknown name is refused as resolve_failed": [[() => ({ resolve: () => Promise.resolve([]) }), /but it resolved/]],
  "a lookup that was aborted is refused as aborted": [
    [(inner) => ({ resolve: (host, options) => inner.resolve(host, { ...options, signal: undefined }) }), /code aborted, not/],
  ],
  "a refused dial rejects with dial_failed": [
    [
      (inner) => ({ dial: (...call) => inner.dial(...call).catch(() => Promise.reject(new Error("no"))) }),
      /dial_failed, not Error: no/,
    ],
    [(inner) => ({ dial: (...call) => inner.dial(...call).catch(pending<never>) }), /but nothing happened/],
  ],
  "a dial that was aborted before rejects with aborted": [
    [(inner) => ({ dial: (to, { timeout }) => inner.dial(to, { timeout }) }), /but it resolved/],
  ],
  "a dial without an answer rejects with timeout, in time": [
    [(inner) => ({ dial: (to, options) => inner.dial(to, { ...options, timeout: 60_000 }) }), /but nothing happened/],
    [() => ({ dial: () => refusal("timeout") }), /before its timeout of 100/],
    [(inner) => ({ dial: (...call) => inner.dial(...call).catch(() => refusal("dial_failed")) }), /code timeout, not/],
  ],
  "a dial that is aborted while it waits rejects with aborted": [
    [(inner) => ({ dial: (to, { timeout }) => inner.dial(to, { timeout }) }), /but nothing happened/],
  ],
  "a dial that waits at the shutdown rejects with shutdown": [
    [(inner) => ({ dial: (...call) => inner.dial(...call).catch(pending<never>) }), /but nothing happened/],
    [(inner) => ({ dial: (...call) => inner.dial(...call).catch(() => refusal("dial_failed")) }), /code shutdown, not/],
  ],
  "after shutdown, a dial rejects with shutdown": [
    [(inner) => ({ dial: (...call) => inner.dial(...call).catch(() => refusal("dial_failed")) }), /code shutdown, not/],
    [() => ({ shutdown: () => Promise.resolve() }), /but it resolved/],
  ],
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
  "a stream of 20 MiB arrives intact": [
    [piecesThrough((bytes, at) => (at > 5e6 ? bytes.fill(0) : bytes)), /is not the one that was written/],
    [piecesThrough((bytes, at) => (at > 5e6 ? "end" : bytes)), /only \d+ of 20 MiB arrived/],
  ],
  "streams at the same time do not mix": [[mixing(), /bytes of one came out of another/]],
  "after shutdown, a packet fails by done": [
    [(inner) => ({ writeTo: (p, to, done) => inner.writeTo(p, to, () => done?.()) }), /no error/],
    [(inner) => ({ writeTo: (p, to) => inner.writeTo(p, to) }), /never called/],
    [() => ({ writeTo: (_, __, done) => (done?.(new Error("down")), true) }), /before writeTo returned/],
  ],
  "after shutdown, no packet is delivered": [[() => ({ shutdown: () => Promise.resolve() }), /was delivered after it/]],
  "shutdown ends the streams, on both sides": [[() => ({ shutdown: () => Promise.resolve() }), /a read waits for ever/]],
  "shutdown may be called twice": [
    [secondShutdown(() => Promise.reject(new Error("twice"))), /must resolve each time: Error: twice/],
    [secondShutdown(() => pending()), /called twice, it never resolved/],
  ],
  "after shutdown, no handle is left": [[() => ({ shutdown: () => Promise.resolve() }), /handles are still open/]],
};

describe("a broken transport fails", () => {
  it("there is one for every case", () => {
    expect(Object.keys(broken)).toEqual(transportConformance(memoryHarness()).map(({ name }) => name));
  });

  for (const [name, proofs] of Object.entries(broken)) {
    for (const [spoil, mend] of proofs) {
      it(`${name}: ${mend.source}`, async () => {
        const found = transportConformance(memoryHarness(spoil, 400)).find((each) => each.name === name);
        await expect(found?.run()).rejects.toThrow(mend);
      });
    }
  }

  it("a shutdown that never ends is told, whatever the case", async () => {
    const [first] = transportConformance(memoryHarness(() => ({ shutdown: () => pending() }), 100));
    await expect(first?.run()).rejects.toThrow(/shutdown: its promise never resolved/);
  });
});

function everyTenth(send: (inner: MemoryTransport, ...call: Parameters<Transport["writeTo"]>) => boolean): Spoil {
  return (inner) => {
    let sent = 0;
    return { writeTo: (p, to, done) => (++sent % 10 === 0 ? send(inner, p, to, done) : inner.writeTo(p, to, done)) };
  };
}

function bound(listener: TransportListener): TransportListener {
  return { packet: (...packet) => listener.packet(...packet), stream: (...stream) => listener.stream(...stream) };
}

/** Says that it has written, and throws it away when the stream is closed in the next 20 ms. */
function hasty(stream: TransportStream): TransportStream {
  const writer = stream.writable.getWriter();
  let isClosed = false;
  const unlessClosed = (act: () => Promise<void>): void =>
    void setTimeout(() => {
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

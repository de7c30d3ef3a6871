import type { Transport } from "../../src/index.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { MemoryTransport } from "../../src/testing/index.ts";
import { packetsThrough, later, type Broken, pending, bound, refusal, type Spoil } from "./conformance-support.ts";

const shared = new Uint8Array(65_507);

/** Transports that break the rules of packets, addresses and dials. */
export const brokenPackets: Broken = {
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
    [(inner, clock) => ({ writeTo: (p, to, done) => (later(clock, done), inner.writeTo(p, to, done)) }), /2 times/],
  ],
  "under pressure, every packet's done is called once, and writeTo answers true again": [
    [(inner) => ({ writeTo: (p, to, done) => (inner.writeTo(p, to, done), undefined as never) }), /return a boolean/],
    [everyTenth((inner, p, to) => inner.writeTo(p, to)), /never called for some/],
    [everyTenth((inner, p, to, done, clock) => (later(clock, done), inner.writeTo(p, to, done))), /more than once/],
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
  "an empty packet arrives as such or fails by done, and harms nothing": [
    [
      (inner) => ({ writeTo: (p, to, done) => inner.writeTo(p, to, p.length === 0 ? undefined : done) }),
      /never called for an empty packet/,
    ],
    [
      (inner) => ({ writeTo: (p, to, done) => (p.length === 0 && inner.hold(), inner.writeTo(p, to, done)) }),
      /after an empty packet, none arrives/,
    ],
    [
      packetsThrough((deliver, bytes, from, at) => deliver(bytes.length === 0 ? new Uint8Array(1) : bytes, from, at)),
      /with bytes/,
    ],
    [
      (inner, clock) => ({
        writeTo: (p, to, done) => (p.length === 0 && later(clock, done), inner.writeTo(p, to, done)),
      }),
      /2 times for an empty packet/,
    ],
  ],
  "a packet that is a view of a larger buffer arrives alone, as a plain Uint8Array with memory of its own": [
    [(inner) => ({ writeTo: (p, to, done) => inner.writeTo(new Uint8Array(p.buffer), to, done) }), /its own length/],
    [
      (inner) => ({ writeTo: (p, to, done) => inner.writeTo(new Uint8Array(p.buffer, 64, p.length).fill(0, 1), to, done) }),
      /other bytes arrived/,
    ],
    [packetsThrough((deliver, bytes, from, at) => deliver(Buffer.from(bytes), from, at)), /is a Buffer/],
    [handingOver(), /shares its memory/],
  ],
  "of packets to a peer that is gone, each one's done is called once": [
    [
      (inner) => ({ writeTo: (p, to, done) => inner.writeTo(p, to, p[0] === 9 ? undefined : done) }),
      /never called for some packets \(round 1\)/,
    ],
    [
      (inner) => {
        let failed = 0;
        const forgets = (p: Uint8Array): boolean => p[0] === 9 && ++failed > 10;
        return { writeTo: (p, to, done) => inner.writeTo(p, to, forgets(p) ? undefined : done) };
      },
      /never called for some packets \(round 2\)/,
    ],
    [
      (inner, clock) => ({ writeTo: (p, to, done) => (p[0] === 9 && later(clock, done), inner.writeTo(p, to, done)) }),
      /more than once for a packet/,
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
  "what is not an address is refused as advertise_address_failed": [
    [() => ({ finalAdvertiseAddr: (addr, port) => ({ addr, port }) }), /but it resolved/],
    [() => ({ finalAdvertiseAddr: () => Promise.reject(new Error("no")) }), /code advertise_address_failed, not Error: no/],
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
  "a dial that begins during the shutdown rejects with shutdown": [
    [
      (inner, clock) => ({
        shutdown: () => new Promise<void>((resolve) => void clock.setTimeout(resolve, 50)).then(() => inner.shutdown()),
      }),
      /but it resolved/,
    ],
    [(inner) => ({ dial: (...call) => inner.dial(...call).catch(() => refusal("dial_failed")) }), /code shutdown, not/],
  ],
  "after shutdown, a dial rejects with shutdown": [
    [(inner) => ({ dial: (...call) => inner.dial(...call).catch(() => refusal("dial_failed")) }), /code shutdown, not/],
    [() => ({ shutdown: () => Promise.resolve() }), /but it resolved/],
  ],
};

function everyTenth(send: (inner: MemoryTransport, ...call: [...Parameters<Transport["writeTo"]>, Clock]) => boolean): Spoil {
  return (inner, clock) => {
    let sent = 0;
    return { writeTo: (p, to, done) => (++sent % 10 === 0 ? send(inner, p, to, done, clock) : inner.writeTo(p, to, done)) };
  };
}

/** Delivers the very bytes that were sent, in the same process. */
function handingOver(): Spoil {
  const sent: Uint8Array[] = [];
  return (inner) => ({
    writeTo: (p, to, done) => (sent.push(p), inner.writeTo(p, to, done)),
    listen: (listener) =>
      inner.listen({
        packet: (_, from, at) => {
          const { buffer, byteOffset, length } = sent.shift() ?? new Uint8Array(0);
          listener.packet(new Uint8Array(buffer, byteOffset, length), from, at);
        },
        stream: (stream, from) => listener.stream(stream, from),
      }),
  });
}

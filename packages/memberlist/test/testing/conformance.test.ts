import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/index.ts";
import type { Transport } from "../../src/index.ts";
import {
  MemoryNetwork,
  MemoryTransport,
  SeededRandom,
  transportConformance,
  type ConformanceHarness,
} from "../../src/testing/index.ts";

function harness(spoil: (transport: MemoryTransport) => Partial<Transport> = () => ({})): ConformanceHarness {
  const clock = systemClock();
  const network = new MemoryNetwork({ clock, random: new SeededRandom(1) });
  const addresses = new Map<Transport, MemoryTransport>();
  return {
    clock,
    maxPacketBytes: 65_507,
    create: () => {
      const inner = network.transport();
      const outer: Transport = {
        finalAdvertiseAddr: (addr, port) => inner.finalAdvertiseAddr(addr, port),
        writeTo: (packet, to, done) => inner.writeTo(packet, to, done),
        dial: (to, options) => inner.dial(to, options),
        listen: (listener) => inner.listen(listener),
        shutdown: () => inner.shutdown(),
        ...spoil(inner),
      };
      addresses.set(outer, inner);
      return Promise.resolve(outer);
    },
    addressOf: (transport) => addresses.get(transport)?.address ?? { host: "", port: 0, name: "" },
  };
}

describe("the memory transport conforms", () => {
  for (const { name, run } of transportConformance(harness())) it(name, run);
});

const broken: [name: string, spoil: (inner: MemoryTransport) => Partial<Transport>, mend: RegExp][] = [
  [
    "packets arrive whole, from the sender's address, with a time on the clock",
    (inner) => ({
      listen: (l) => inner.listen({ ...l, packet: (bytes, from) => l.packet(bytes, from, -1), stream: (s, f) => l.stream(s, f) }),
    }),
    /receivedAt/,
  ],
  [
    "the longest packet arrives",
    (inner) => ({ writeTo: (p, to, done) => inner.writeTo(p.subarray(0, 1400), to, done) }),
    /was cut/,
  ],
  [
    "done is called once, and never synchronously",
    (inner) => ({ writeTo: (p, to, done) => (done?.(), inner.writeTo(p, to)) }),
    /before writeTo returned/,
  ],
  [
    "after shutdown, a packet fails by done",
    (inner) => ({ writeTo: (p, to, done) => inner.writeTo(p, to, () => done?.()) }),
    /no error/,
  ],
  [
    "a refused dial rejects with dial_failed",
    (inner) => ({ dial: (to, o) => inner.dial(to, o).catch(() => Promise.reject(new Error("no"))) }),
    /dial_failed, not Error: no/,
  ],
  [
    "an aborted dial rejects with aborted",
    (inner) => ({ dial: (to, o) => inner.dial(to, { timeout: o.timeout }) }),
    /a stream was made/,
  ],
  [
    "a stream carries bytes, then its end",
    (inner) => ({ listen: (l) => inner.listen({ packet: (b, f, at) => l.packet(b, f, at), stream: () => {} }) }),
    /never given/,
  ],
];

describe("a broken transport fails", () => {
  it("every case has one that fails it", () => {
    expect(broken.map(([name]) => name)).toEqual(transportConformance(harness()).map(({ name }) => name));
  });
  for (const [name, spoil, mend] of broken) {
    it(
      name,
      async () => {
        const found = transportConformance(harness(spoil)).find((each) => each.name === name);
        await expect(found?.run()).rejects.toThrow(mend);
      },
      10_000,
    );
  }
});

import { check, type Check, isPlain, pooled } from "./bench.ts";

const lost = "writeTo: the packet never reached the listener";

/** Packets: delivery, limits, `done`, backpressure. */
export const packetChecks: readonly Check[] = [
  {
    name: "a packet arrives whole",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      const { bytes } = await bench.arrives(a, b, Uint8Array.of(1, 2, 3), lost);
      check(bytes.join() === "1,2,3", "writeTo: the bytes that arrived are not those that were sent");
    },
  },
  {
    name: "a packet comes from its sender's address",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      const { from } = await bench.arrives(a, b, Uint8Array.of(1), lost);
      check(
        from.host === a.address.host && from.port === a.address.port,
        `TransportListener.packet: \`from\` is ${from.host} port ${from.port}, not the sender's ${a.address.host} port ${a.address.port}`,
      );
    },
  },
  {
    name: "a packet's receivedAt is on the clock",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      const before = bench.harness.clock.now();
      const { receivedAt } = await bench.arrives(a, b, Uint8Array.of(1), lost);
      const after = bench.harness.clock.now();
      check(
        receivedAt >= before && receivedAt <= after,
        `TransportListener.packet: \`receivedAt\` is ${receivedAt}, not between ${before} and ${after} on the harness's clock`,
      );
    },
  },
  {
    name: "many packets arrive, each at most once and each with bytes of its own",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      const count = 200;
      let done = 0;
      for (let i = 0; i < count; i++) a.transport.writeTo(Uint8Array.of(i, i, i, i), b.address, () => done++);
      await bench.until(() => done >= count && b.packets.length >= count / 2, "writeTo: of 200 packets fewer than half arrived");
      await bench.quiet();
      const bodies = b.packets.map(({ bytes }) => bytes.join());
      check(
        bodies.every((body) => new Set(body.split(",")).size === 1),
        "TransportListener.packet: packets were mixed up",
      );
      check(
        new Set(bodies).size === bodies.length,
        "TransportListener.packet: a packet came twice, or its memory was used again for the next one: the core owns `bytes`",
      );
    },
  },
  {
    name: "the longest packet arrives whole",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      const { maxPacketBytes } = bench.harness;
      const mend = `writeTo: a packet of maxPacketBytes (${maxPacketBytes}) did not arrive whole`;
      const { bytes } = await bench.arrives(a, b, new Uint8Array(maxPacketBytes).fill(7), mend);
      check(bytes.at(-1) === 7, "writeTo: the end of the longest packet is not what was sent");
    },
  },
  {
    name: "a packet over the limit fails by done, and only that one",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      const results: (Error | undefined)[] = [];
      a.transport.writeTo(new Uint8Array(bench.harness.maxPacketBytes + 1), b.address, (error) => results.push(error));
      await bench.until(() => results.length > 0, "writeTo: for a packet over the limit `done` was never called");
      check(results[0] instanceof Error, "writeTo: a packet over the limit must give `done` an error, or it is lost in silence");
      await bench.arrives(a, b, Uint8Array.of(1), "writeTo: after a packet over the limit, no other arrives any more");
      // The short one may have come more than once: it is sent again where the first takes long to arrive.
      const others = b.packets.filter(({ bytes }) => bytes.length !== 1);
      check(others.length === 0, "writeTo: a packet over the limit was delivered, in part or whole");
    },
  },
  {
    name: "done is called exactly once, and never synchronously",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      let calls = 0;
      a.transport.writeTo(Uint8Array.of(1), b.address, () => calls++);
      check(calls === 0, "writeTo: `done` was called before writeTo returned");
      await bench.until(() => calls > 0, "writeTo: `done` was never called");
      await bench.quiet();
      check(calls === 1, `writeTo: \`done\` was called ${calls} times for one packet`);
    },
  },
  {
    name: "under pressure, every packet's done is called once, and writeTo answers true again",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      const calls: number[] = [];
      for (let i = 0; i < 6000; i++) {
        calls.push(0);
        const answer: unknown = a.transport.writeTo(new Uint8Array(500), b.address, () => {
          calls[i] = (calls[i] ?? 0) + 1;
        });
        check(typeof answer === "boolean", "writeTo: it must return a boolean: false when fewer packets would be better");
      }
      await bench.until(() => !calls.includes(0), "writeTo: `done` was never called for some packets of a burst");
      await bench.quiet();
      check(
        calls.every((count) => count === 1),
        "writeTo: `done` was called more than once for a packet of a burst",
      );
      check(a.transport.writeTo(Uint8Array.of(1), b.address), "writeTo: it still answers false when nothing waits any more");
      await bench.arrives(a, b, Uint8Array.of(2, 2), "writeTo: after a burst, packets do not arrive any more");
    },
  },
  {
    name: "a packet to nobody harms nothing",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      const gone = await bench.peer();
      await gone.transport.shutdown();
      for (let i = 0; i < 3; i++) {
        try {
          a.transport.writeTo(Uint8Array.of(9), gone.address);
        } catch (error) {
          throw new Error(`writeTo: it threw; failures go to \`done\`: ${String(error)}`, { cause: error });
        }
        await bench.quiet();
      }
      await bench.arrives(a, b, Uint8Array.of(1), "writeTo: after packets to nobody, none arrives anywhere");
    },
  },
  {
    name: "an empty packet arrives as such or fails by done, and harms nothing",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      await bench.arrives(a, b, Uint8Array.of(1), lost);
      let calls = 0;
      a.transport.writeTo(new Uint8Array(0), b.address, () => calls++);
      await bench.until(() => calls > 0, "writeTo: `done` was never called for an empty packet");
      await bench.arrives(a, b, Uint8Array.of(2, 2), "writeTo: after an empty packet, none arrives any more");
      check(calls === 1, `writeTo: \`done\` was called ${calls} times for an empty packet`);
      const strange = b.packets.filter(({ bytes }) => bytes.some((byte) => byte !== bytes.length));
      check(strange.length === 0, "writeTo: an empty packet arrived as one with bytes");
    },
  },
  {
    name: "a packet that is a view of a larger buffer arrives alone, as a plain Uint8Array with memory of its own",
    run: async (bench) => {
      const [a, b] = await bench.pair();
      const packet = Uint8Array.from({ length: 300 }, (_, index) => index & 0xff);
      const sent: Uint8Array[] = [];
      const make = (): Uint8Array => {
        const view = pooled(packet);
        sent.push(view);
        return view;
      };
      const mend =
        "writeTo: a view into a larger buffer (as Node's Buffers are) did not arrive with its own length and first byte";
      const { bytes } = await bench.arrives(a, b, packet, mend, make);
      check(bytes.join() === packet.join(), "writeTo: of a view into a larger buffer, other bytes arrived");
      check(
        isPlain(bytes),
        "TransportListener.packet: `bytes` is a Buffer; give the core new Uint8Array(b.buffer, b.byteOffset, b.length)",
      );
      const isShared = sent.some(({ buffer }) => buffer === bytes.buffer);
      check(!isShared, "writeTo: what arrived shares its memory with what was sent; deliver a copy: new Uint8Array(packet)");
    },
  },
  {
    name: "of packets to a peer that is gone, each one's done is called once",
    run: async (bench) => {
      const [a, gone] = await bench.pair();
      await bench.arrives(a, gone, Uint8Array.of(1), lost);
      await gone.transport.shutdown();
      // In the second round the transport may remember the failure of the first one.
      for (const round of [1, 2]) {
        const calls = Array.from({ length: 10 }, () => 0);
        for (const index of calls.keys()) {
          a.transport.writeTo(Uint8Array.of(9), gone.address, () => {
            calls[index] = (calls[index] ?? 0) + 1;
          });
        }
        const mend = `writeTo: to a peer that is gone, \`done\` was never called for some packets (round ${round})`;
        await bench.until(() => !calls.includes(0), mend);
        await bench.quiet();
        check(
          calls.every((count) => count === 1),
          "writeTo: to a peer that is gone, `done` was called more than once for a packet",
        );
      }
    },
  },
];

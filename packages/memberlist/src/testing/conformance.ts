import type { Address } from "../address.ts";
import { MemberlistError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Transport, TransportStream } from "../ports/transport.ts";

/** How the suite makes and asks the transports under test. */
export interface ConformanceHarness {
  /** The clock of `receivedAt`; it must run in real time. */
  readonly clock: Clock;
  /** In bytes: the longest packet that must arrive whole. */
  readonly maxPacketBytes: number;
  /** A transport, bound, not yet listening; the suite shuts it down. */
  create(): Promise<Transport>;
  /** Where the other transports reach this one. */
  addressOf(transport: Transport): Address;
}

/** One thing that every transport must hold; `run` rejects with an error that says what to mend. */
export interface ConformanceCase {
  readonly name: string;
  run(): Promise<void>;
}

interface Peer {
  readonly transport: Transport;
  readonly address: Address;
  readonly packets: { readonly bytes: Uint8Array; readonly from: Address; readonly receivedAt: number }[];
  readonly streams: TransportStream[];
}

interface Bench {
  readonly harness: ConformanceHarness;
  peer(): Promise<Peer>;
  until(condition: () => boolean, mend: string): Promise<void>;
}

/** In ms, for anything that must happen. */
const deadline = 5000;
const pollInterval = 5;
/** In ms: how long the suite looks on for what must not happen. */
const quiet = 50;

/** The cases, in any order and for any test runner: `for (const { name, run } of transportConformance(harness)) test(name, run)`. */
export function transportConformance(harness: ConformanceHarness): ConformanceCase[] {
  return Object.entries(cases).map(([name, body]) => ({ name, run: () => runCase(harness, body) }));
}

const cases: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  "packets arrive whole, from the sender's address, with a time on the clock": async ({ harness, peer, until }) => {
    const [a, b] = [await peer(), await peer()];
    const before = harness.clock.now();
    a.transport.writeTo(Uint8Array.of(1, 2, 3), b.address);
    await until(() => b.packets.length > 0, "writeTo: the packet never reached the listener");
    const [packet] = b.packets;
    check(packet?.bytes.join() === "1,2,3", "writeTo: the bytes that arrived are not those that were sent");
    check(
      packet?.from.host === a.address.host && packet.from.port === a.address.port,
      "TransportListener.packet: `from` is not the sender's address",
    );
    const at = packet?.receivedAt ?? Number.NaN;
    check(at >= before && at <= harness.clock.now(), "TransportListener.packet: `receivedAt` is not on the clock of the harness");
  },
  "the longest packet arrives": async ({ harness, peer, until }) => {
    const [a, b] = [await peer(), await peer()];
    a.transport.writeTo(new Uint8Array(harness.maxPacketBytes).fill(7), b.address);
    await until(() => b.packets.length > 0, `writeTo: a packet of ${harness.maxPacketBytes} bytes did not arrive`);
    check(b.packets[0]?.bytes.length === harness.maxPacketBytes, "writeTo: the longest packet was cut");
  },
  "done is called once, and never synchronously": async ({ harness, peer, until }) => {
    const [a, b] = [await peer(), await peer()];
    let calls = 0;
    a.transport.writeTo(Uint8Array.of(1), b.address, () => calls++);
    check(calls === 0, "writeTo: `done` was called before writeTo returned");
    await until(() => calls > 0, "writeTo: `done` was never called");
    await sleep(harness.clock, quiet);
    check(calls === 1, `writeTo: \`done\` was called ${calls} times`);
  },
  "after shutdown, a packet fails by done": async ({ peer, until }) => {
    const [a, b] = [await peer(), await peer()];
    await a.transport.shutdown();
    await a.transport.shutdown();
    const results: (Error | undefined)[] = [];
    a.transport.writeTo(Uint8Array.of(1), b.address, (error) => results.push(error));
    await until(() => results.length > 0, "writeTo after shutdown: `done` was never called");
    check(results[0] !== undefined, "writeTo after shutdown: `done` got no error");
  },
  "a refused dial rejects with dial_failed": async ({ peer }) => {
    const [a, b] = [await peer(), await peer()];
    await b.transport.shutdown();
    await rejects(a.transport.dial(b.address, { timeout: deadline }), "dial_failed", "dial where nobody listens");
  },
  "an aborted dial rejects with aborted": async ({ peer }) => {
    const [a, b] = [await peer(), await peer()];
    const dialled = a.transport.dial(b.address, { timeout: deadline, signal: AbortSignal.abort() });
    await rejects(dialled, "aborted", "dial with an aborted signal");
  },
  "a stream carries bytes, then its end": async ({ peer, until }) => {
    const [a, b] = [await peer(), await peer()];
    const out = await a.transport.dial(b.address, { timeout: deadline });
    const writer = out.writable.getWriter();
    const written = writer.write(Uint8Array.of(4, 5, 6)).then(() => writer.close());
    await until(() => b.streams.length > 0, "TransportListener.stream: the dialled stream was never given to the listener");
    const bytes: number[] = [];
    let ended = false;
    const reading = b.streams[0]?.readable
      .pipeTo(new WritableStream({ write: (chunk) => void bytes.push(...chunk) }))
      .then(() => (ended = true));
    await until(() => ended, "TransportStream: closing the writable did not end the peer's readable");
    await Promise.all([written, reading]);
    check(bytes.join() === "4,5,6", "TransportStream: the bytes that arrived are not those that were written");
    out.close();
    out.close();
  },
};

async function runCase(harness: ConformanceHarness, body: (bench: Bench) => Promise<void>): Promise<void> {
  const peers: Peer[] = [];
  const until = async (condition: () => boolean, mend: string): Promise<void> => {
    const end = harness.clock.now() + deadline;
    while (!condition()) {
      check(harness.clock.now() < end, mend);
      await sleep(harness.clock, pollInterval);
    }
  };
  const peer = async (): Promise<Peer> => {
    const transport = await harness.create();
    const made: Peer = { transport, address: harness.addressOf(transport), packets: [], streams: [] };
    peers.push(made);
    transport.listen({
      packet: (bytes, from, receivedAt) => void made.packets.push({ bytes, from, receivedAt }),
      stream: (stream) => void made.streams.push(stream),
    });
    return made;
  };
  try {
    await body({ harness, peer, until });
  } finally {
    for (const { streams } of peers) for (const stream of streams) stream.close();
    await Promise.all(peers.map(({ transport }) => transport.shutdown()));
  }
}

async function rejects(promise: Promise<TransportStream>, code: string, what: string): Promise<void> {
  let failure: unknown;
  try {
    (await promise).close();
  } catch (error) {
    failure = error;
  }
  check(failure !== undefined, `${what}: it must reject with ${code}, but a stream was made`);
  check(
    failure instanceof MemberlistError && failure.code === code,
    `${what}: it must reject with ${code}, not ${String(failure)}`,
  );
}

function check(holds: boolean, mend: string): void {
  if (!holds) throw new Error(mend);
}

function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimeout(resolve, ms));
}

import type { Address } from "../../api/address.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Transport, TransportStream } from "../../ports/transport.ts";
import type { ConformanceHarness, ConformanceResource } from "./harness.ts";
import { StreamEnd } from "./stream-end.ts";

/** A case before it has a harness. */
export interface Check {
  readonly name: string;
  /** The optional parts of the harness that the case needs. */
  readonly needs?: readonly (keyof ConformanceHarness)[];
  /** The harness's reason if the case does not apply. */
  readonly unless?: keyof ConformanceHarness;
  readonly run: (bench: Bench) => Promise<void>;
}

/** A listening transport, and all that it was given. */
export interface Peer {
  readonly transport: Transport;
  readonly address: Address;
  readonly packets: { readonly bytes: Uint8Array; readonly from: Address; readonly receivedAt: number }[];
  readonly streams: { readonly stream: TransportStream; readonly from: Address }[];
}

const pollInterval = 5;
/** In ms: a packet that did not come is sent again. */
const resendInterval = 200;
/** In ms: how long the suite looks on for what must not happen. */
const quiet = 50;

/** The tools of one case. All that it opens is closed after the case. */
export class Bench {
  readonly harness: ConformanceHarness;
  readonly deadline: number;
  readonly #peers: Peer[] = [];
  readonly #dialled: TransportStream[] = [];
  readonly #resources: ConformanceResource[] = [];

  constructor(harness: ConformanceHarness) {
    this.harness = harness;
    this.deadline = harness.deadline ?? 5000;
  }

  async peer(create: () => Promise<Transport> = () => this.harness.create()): Promise<Peer> {
    const transport = await create();
    const made: Peer = { transport, address: this.harness.addressOf(transport), packets: [], streams: [] };
    this.#peers.push(made);
    transport.listen({
      packet: (bytes, from, receivedAt) => void made.packets.push({ bytes, from, receivedAt }),
      stream: (stream, from) => void made.streams.push({ stream, from }),
    });
    return made;
  }

  async pair(): Promise<[a: Peer, b: Peer]> {
    return [await this.peer(), await this.peer()];
  }

  /** The resources to close after the case. */
  async open<T extends ConformanceResource>(resource: Promise<T> | undefined): Promise<T> {
    check(resource !== undefined, "harness: it lacks what this case needs");
    const opened = (await resource) as T;
    this.#resources.push(opened);
    return opened;
  }

  /** @param by dialled instead of the peer's own address */
  async dial(from: Peer, to: Peer, by: Address = to.address): Promise<TransportStream> {
    const dialled = from.transport.dial(by, { timeout: this.deadline });
    const stream = await this.soon(dialled, "dial: it neither made a stream nor rejected");
    this.#dialled.push(stream);
    return stream;
  }

  /** Both ends of one stream. A byte has gone over it: some transports announce a stream with its first byte. */
  async connect(a: Peer, b: Peer, by?: Address): Promise<[near: StreamEnd, far: StreamEnd]> {
    const had = b.streams.length;
    const near = new StreamEnd(this, await this.dial(a, b, by));
    await near.write(Uint8Array.of(255));
    await this.until(() => b.streams.length > had, "TransportListener.stream: a dialled stream was never given to the listener");
    const accepted = b.streams[had]?.stream;
    check(accepted !== undefined, "TransportListener.stream: it got no stream");
    const far = new StreamEnd(this, accepted as TransportStream);
    check((await far.read(1))[0] === 255, "TransportStream: the first byte that arrived is not the one that was written");
    return [near, far];
  }

  /**
   * Sends until it arrives: datagrams may be lost.
   *
   * @param make what is sent, each time; default: a copy of `packet`
   */
  async arrives(
    from: Peer,
    to: Peer,
    packet: Uint8Array,
    mend: string,
    make: () => Uint8Array = () => packet.slice(),
  ): Promise<Peer["packets"][number]> {
    const had = to.packets.length;
    const end = this.harness.clock.now() + this.deadline;
    while (this.harness.clock.now() < end) {
      from.transport.writeTo(make(), to.address);
      const resend = this.harness.clock.now() + resendInterval;
      while (this.harness.clock.now() < Math.min(resend, end)) {
        const arrived = to.packets.slice(had).find((each) => each.bytes.length === packet.length && each.bytes[0] === packet[0]);
        if (arrived !== undefined) return arrived;
        await this.sleep(pollInterval);
      }
    }
    throw new Error(mend);
  }

  async until(condition: () => boolean, mend: string, deadline: number = this.deadline): Promise<void> {
    const end = this.harness.clock.now() + deadline;
    while (!condition()) {
      check(this.harness.clock.now() < end, mend);
      await this.sleep(pollInterval);
    }
  }

  /** The result of the promise, within the deadline. */
  soon<T>(promise: Promise<T>, mend: string): Promise<T> {
    const { clock } = this.harness;
    return new Promise((resolve, reject) => {
      const timer = clock.setTimeout(() => reject(new Error(mend)), this.deadline);
      promise.then(resolve, reject).finally(() => clock.clearTimeout(timer));
    });
  }

  /** Checks that the promise rejects with an error of this `code`. */
  async rejects(promise: Promise<unknown>, code: string, what: string): Promise<void> {
    let failure: unknown;
    try {
      await this.soon(
        promise.then((value) => this.#keep(value)),
        `${what}: it must reject with ${code}, but nothing happened`,
      );
    } catch (error) {
      failure = error;
    }
    check(failure !== undefined, `${what}: it must reject with ${code}, but it resolved`);
    if (failure instanceof Error && failure.message.includes("nothing happened")) throw failure;
    const found: unknown = (failure as { code?: unknown }).code;
    check(found === code, `${what}: it must reject with a MemberlistError of code ${code}, not ${String(failure)}`);
  }

  /** Whether the promise is still pending when others would long be done. */
  isPending(promise: Promise<unknown>): Promise<boolean> {
    const settled = (): boolean => false;
    return Promise.race([promise.then(settled, settled), this.sleep(4 * quiet).then(() => true)]);
  }

  /** Long enough for what must not happen to happen. */
  quiet(): Promise<void> {
    return this.sleep(quiet);
  }

  sleep(ms: number): Promise<void> {
    return pause(this.harness.clock, ms);
  }

  async close(): Promise<void> {
    for (const stream of [...this.#dialled, ...this.#peers.flatMap(({ streams }) => streams.map((each) => each.stream))]) {
      stream.close();
    }
    const shutdowns = Promise.all(this.#peers.map(({ transport }) => transport.shutdown()));
    try {
      await this.soon(shutdowns, "shutdown: its promise never resolved");
    } finally {
      for (const resource of this.#resources) await resource.close();
    }
  }

  #keep(value: unknown): void {
    if (typeof value === "object" && value !== null && "close" in value) this.#dialled.push(value as TransportStream);
  }
}

/** Fails with what to mend unless it holds. */
export function check(holds: boolean, mend: string): void {
  if (!holds) throw new Error(mend);
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimeout(resolve, ms));
}

/** Like Node's `Buffer`, on every runtime: a view into a pool, whose `slice()` does not copy. */
class PooledBytes extends Uint8Array<ArrayBuffer> {
  override slice(start?: number, end?: number): Uint8Array<ArrayBuffer> {
    return this.subarray(start, end);
  }
}

/** The same bytes in the middle of a larger buffer. */
export function pooled(bytes: Uint8Array): Uint8Array {
  const pool = new PooledBytes(new ArrayBuffer(bytes.length + 128)).fill(0xee);
  pool.set(bytes, 64);
  return pool.subarray(64, 64 + bytes.length);
}

/** Whether it behaves as a Uint8Array does. */
export function isPlain(bytes: Uint8Array): boolean {
  return bytes instanceof Uint8Array && bytes.slice().buffer !== bytes.buffer;
}

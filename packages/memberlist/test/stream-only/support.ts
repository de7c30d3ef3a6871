import { type Address, type Transport } from "../../src/index.ts";
import { streamOnly, type StreamOnlyOptions } from "../../src/stream-only/stream-only.ts";
import {
  MemoryNetwork,
  SeededRandom,
  VirtualClock,
  type MemoryNetworkOptions,
  type MemoryTransport,
  type MemoryTransportOptions,
} from "../../src/testing/index.ts";

interface Arrival {
  readonly bytes: Uint8Array;
  readonly from: Address;
  readonly at: number;
}

/** A stream-only transport, and what it was given. */
export interface End {
  readonly transport: Transport;
  readonly inner: MemoryTransport;
  readonly address: Address;
  readonly packets: Arrival[];
  readonly streams: Address[];
  readonly count: (name: string) => number;
}

/** Stream-only transports on a network in virtual time. */
export class Bench {
  readonly clock: VirtualClock = new VirtualClock();
  readonly random: SeededRandom = new SeededRandom(1);
  readonly network: MemoryNetwork;

  constructor(options: Partial<MemoryNetworkOptions> = {}) {
    this.network = new MemoryNetwork({ clock: this.clock, random: this.random.fork(), ...options });
  }

  /** @param accepts what the listener answers for a packet */
  end(
    options: Partial<StreamOnlyOptions> = {},
    accepts: (bytes: Uint8Array) => boolean = () => true,
    at: MemoryTransportOptions = {},
  ): End {
    const inner = this.network.transport(at);
    const transport = streamOnly(inner, { port: inner.port, clock: this.clock, random: this.random, ...options });
    const packets: Arrival[] = [];
    const streams: Address[] = [];
    transport.listen({
      packet: (bytes, from, at) => {
        packets.push({ bytes, from, at });
        return accepts(bytes);
      },
      stream: (_, from) => void streams.push(from),
    });
    const count = (name: string): number => transport.counters?.[name] ?? 0;
    return { transport, inner, address: inner.address, packets, streams, count };
  }

  /** A plain transport: what an attacker has. */
  raw(host?: string): MemoryTransport {
    const inner = this.network.transport({ host });
    inner.listen({ packet: () => undefined, stream: () => undefined });
    return inner;
  }

  /** A stream to `to` that brings these bytes and stays open; whether it has ended since. */
  async bring(from: MemoryTransport, to: End, bytes: Uint8Array): Promise<OpenStream> {
    const open = await this.open(from, to);
    if (bytes.length > 0) open.write(bytes);
    await this.clock.advance(20);
    return open;
  }

  async open(from: MemoryTransport, to: End): Promise<OpenStream> {
    const stream = await this.clock.settle(from.dial(to.address, { timeout: 1000 }));
    const writer = stream.writable.getWriter();
    const write = (more: Uint8Array): void => void writer.write(more).catch(() => undefined);
    const open: OpenStream = { hasEnded: false, received: 0, write };
    const reader = stream.readable.getReader();
    const readOn = async (): Promise<void> => {
      for (let next = await reader.read(); !next.done; next = await reader.read()) open.received += next.value.length;
    };
    readOn().then(
      () => (open.hasEnded = true),
      () => (open.hasEnded = true),
    );
    return open;
  }
}

export interface OpenStream {
  hasEnded: boolean;
  /** In bytes. */
  received: number;
  write(bytes: Uint8Array): void;
}

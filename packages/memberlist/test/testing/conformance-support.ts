import { MemberlistError, type Address, type Transport, type TransportListener, type TransportStream } from "../../src/index.ts";
import { systemClock, type Clock } from "../../src/ports/clock.ts";
import {
  MemoryNetwork,
  SeededRandom,
  type ConformanceHarness,
  type ConformanceRelay,
  type MemoryTransport,
} from "../../src/testing/index.ts";

/** What is changed on a memory transport to break it. */
export type Spoil = (inner: MemoryTransport, clock: Clock) => Partial<Transport>;

/** For each case, transports that break its rule, and what the case says of them. */
export type Broken = Readonly<Record<string, readonly (readonly [spoil: Spoil, mend: RegExp])[]>>;

/** The memory transport, whole or spoilt. */
export function memoryHarness(spoil: Spoil = () => ({}), clock: Clock = systemClock()): ConformanceHarness {
  const network = new MemoryNetwork({ clock, random: new SeededRandom(1) });
  const inners = new Map<Transport, MemoryTransport>();
  let hosts = 0;
  let open = 0;
  const create = (host?: string, port?: number): Promise<Transport> => {
    const inner = network.transport({ host, port });
    let isOpen = true;
    open++;
    const outer: Transport = {
      finalAdvertiseAddr: (addr, port) => inner.finalAdvertiseAddr(addr, port),
      writeTo: (packet, to, done) => inner.writeTo(packet, to, done),
      dial: (to, options) => inner.dial(to, options),
      listen: (listener) => inner.listen(listener),
      resolve: (name, options) => inner.resolve(name, options),
      ...spoil(inner, clock),
    } as Transport;
    const shutdown = outer.shutdown ?? (() => inner.shutdown());
    outer.shutdown = async () => {
      await shutdown();
      if (isOpen && !inner.listening) {
        isOpen = false;
        open--;
      }
    };
    inners.set(outer, inner);
    return Promise.resolve(outer);
  };
  network.setHost("known.test", ["10.1.1.1", "10.1.1.2"]);
  const mute = network.transport({ host: "10.9.9.9" }).address;
  const silent = (): Promise<Address> => {
    for (const { address } of inners.values()) network.block(address, mute);
    return Promise.resolve(mute);
  };
  return {
    clock,
    maxPacketBytes: 65_507,
    create: () => create(),
    createIpv6: () => create(`fd00::${++hosts}`),
    addressOf: (transport) => inners.get(transport)!.address,
    createAt: ({ host, port }) => create(host, port),
    relay: (to) => Promise.resolve(new MemoryRelay(network, to)),
    silentAddress: silent,
    // A dial is all the handshake that there is.
    unansweredHandshake: silent,
    muteClient: async (to) => {
      const client = network.transport();
      await client.dial(to, { timeout: 1000 });
      return { close: () => client.shutdown() };
    },
    knownHost: { host: "known.test", addresses: ["10.1.1.1", "10.1.1.2"] },
    openHandles: () => open,
  };
}

/** Streams to it go on to another transport, until they are broken off in both directions. */
class MemoryRelay implements ConformanceRelay {
  readonly address: Address;
  readonly #transport: MemoryTransport;
  readonly #broken = new AbortController();

  constructor(network: MemoryNetwork, to: Address) {
    this.#transport = network.transport();
    this.address = this.#transport.address;
    const pass = async (front: TransportStream): Promise<void> => {
      const back = await this.#transport.dial(to, { timeout: 1000 });
      const { signal } = this.#broken;
      await Promise.all([
        front.readable.pipeTo(back.writable, { signal }).catch(() => undefined),
        back.readable.pipeTo(front.writable, { signal }).catch(() => undefined),
      ]);
    };
    this.#transport.listen({ packet: () => undefined, stream: (stream) => void pass(stream).catch(() => stream.close()) });
  }

  break(): void {
    this.#broken.abort();
  }

  close(): Promise<void> {
    return this.#transport.shutdown();
  }
}

/** A transport whose packets go through `change` before its listener gets them. */
export function packetsThrough(
  change: (deliver: TransportListener["packet"], bytes: Uint8Array, from: Address, at: number) => void,
): Spoil {
  return (inner) => ({
    listen: (listener) =>
      inner.listen({
        packet: (bytes, from, at) => change((...packet) => listener.packet(...packet), bytes, from, at),
        stream: (stream, from) => listener.stream(stream, from),
      }),
  });
}

/** A transport whose streams, dialled and accepted ones, are changed. */
export function streamsThrough(change: (stream: TransportStream, clock: Clock) => TransportStream): Spoil {
  return (inner, clock) => ({
    dial: async (to, options) => change(await inner.dial(to, options), clock),
    listen: (listener) =>
      inner.listen({
        packet: (bytes, from, at) => listener.packet(bytes, from, at),
        stream: (stream, from) => listener.stream(change(stream, clock), from),
      }),
  });
}

/** What is read goes through `change`; undefined drops the piece, "end" ends the stream. */
export function piecesThrough(change: (bytes: Uint8Array, at: number) => Uint8Array | "end" | undefined): Spoil {
  return streamsThrough((stream) => {
    const reader = stream.readable.getReader();
    let at = 0;
    const readable = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          for (;;) {
            const { value } = await reader.read();
            const changed = value === undefined ? "end" : change(value, at);
            at += value?.length ?? 0;
            if (changed === undefined) continue;
            if (changed !== "end") return controller.enqueue(changed);
            controller.close();
            // The writer need not know.
            for (let isOver = value === undefined; !isOver;) isOver = (await reader.read()).done;
            return undefined;
          }
        },
      },
      { highWaterMark: 0 },
    );
    return {
      readable: readable,
      writable: stream.writable,
      close: () => stream.close(),
    };
  });
}

/** What is written goes through `change`. */
export function writesThrough(
  change: (write: (bytes: Uint8Array) => Promise<void>, bytes: Uint8Array) => Promise<void> | void,
): Spoil {
  return streamsThrough((stream) => withWrites(stream, { change }));
}

/** The stream with another writable in front of its own. */
export function withWrites(
  stream: TransportStream,
  over: {
    change?: (write: (bytes: Uint8Array) => Promise<void>, bytes: Uint8Array) => Promise<void> | void;
    close?: (writer: WritableStreamDefaultWriter<Uint8Array>) => Promise<void> | void;
    abort?: (writer: WritableStreamDefaultWriter<Uint8Array>) => Promise<void>;
  },
): TransportStream {
  const writer = stream.writable.getWriter();
  const write = (bytes: Uint8Array): Promise<void> => writer.write(bytes);
  const writable = new WritableStream<Uint8Array>({
    write: (bytes) => (over.change === undefined ? write(bytes) : over.change(write, bytes)),
    close: () => (over.close === undefined ? writer.close() : over.close(writer)),
    abort: () => over.abort?.(writer),
  });
  return {
    readable: stream.readable,
    writable: writable,
    close: () => stream.close(),
  };
}

export function bound(listener: TransportListener): TransportListener {
  return { packet: (...packet) => listener.packet(...packet), stream: (...stream) => listener.stream(...stream) };
}

export function later(clock: Clock, done: ((error?: Error) => void) | undefined): void {
  clock.setTimeout(() => done?.(), 1);
}

export function pending<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}

export function refusal(code: "timeout" | "dial_failed"): Promise<never> {
  return Promise.reject(new MemberlistError(code, "made up"));
}

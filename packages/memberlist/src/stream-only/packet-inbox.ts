import type { Address } from "../address.ts";
import { InboundSlots, type InboundSlot, type SlotLimits } from "../net/inbound-slots.ts";
import type { Clock, ClockTimer } from "../ports/clock.ts";
import type { TransportListener, TransportStream } from "../ports/transport.ts";
import { beginsPackets, FrameReader } from "./packet-frames.ts";

type InboundLimits = SlotLimits<"maxInboundStreams", "maxInboundStreamsPerPeer">["limits"];

export interface PacketInboxOptions {
  readonly clock: Clock;
  /** In ms: how long a stream may keep silent before it has said what it carries. */
  readonly timeout: number;
  /** In ms: how long a stream of packets may keep silent. */
  readonly idleTimeout: number;
  /** Of streams that carry packets, or have not said yet what they carry. */
  readonly limits: InboundLimits;
}

/** Tells streams of packets from the others by their first byte, and takes the packets out. */
export class PacketInbox {
  /** Streams closed because too many were open, they kept silent, or were not what they began as. */
  refused = 0;
  readonly #options: PacketInboxOptions;
  readonly #listener: TransportListener;
  readonly #slots: InboundSlots<"maxInboundStreams", "maxInboundStreamsPerPeer">;

  constructor(listener: TransportListener, options: PacketInboxOptions) {
    this.#listener = listener;
    this.#options = options;
    this.#slots = new InboundSlots({
      limits: options.limits,
      inAll: "maxInboundStreams",
      perHost: "maxInboundStreamsPerPeer",
    });
  }

  accept(stream: TransportStream, from: Address): void {
    const slot = this.#slots.enter(from.host, () => this.#refuse(stream));
    if (typeof slot === "string") {
      this.#refuse(stream);
      return;
    }
    this.#sort(stream, from, slot).catch(() => this.#refuse(stream));
  }

  async #sort(stream: TransportStream, from: Address, slot: InboundSlot): Promise<void> {
    const reader = stream.readable.getReader();
    let first: Uint8Array | undefined;
    try {
      first = await this.#read(stream, reader, this.#options.timeout);
      if (first !== undefined && beginsPackets(first[0])) {
        await this.#takePackets(stream, reader, first, from.host);
        return;
      }
    } finally {
      slot.leave();
    }
    this.#listener.stream({ readable: replayed(first, reader), writable: stream.writable, close: () => stream.close() }, from);
  }

  async #takePackets(
    stream: TransportStream,
    reader: ReadableStreamDefaultReader<Uint8Array>,
    first: Uint8Array,
    host: string,
  ): Promise<void> {
    const { clock, idleTimeout } = this.#options;
    const frames = new FrameReader();
    for (let chunk: Uint8Array | undefined = first; chunk !== undefined; chunk = await this.#read(stream, reader, idleTimeout)) {
      const receivedAt = clock.now();
      const packets = frames.push(chunk);
      if (packets === undefined) return this.#refuse(stream);
      const from = { host, port: frames.port ?? 0, name: "" };
      for (const packet of packets) this.#listener.packet(packet, from, receivedAt);
    }
    stream.close();
  }

  /** The next bytes; undefined at the end. A stream that keeps silent for too long is closed. */
  async #read(
    stream: TransportStream,
    reader: ReadableStreamDefaultReader<Uint8Array>,
    timeout: number,
  ): Promise<Uint8Array | undefined> {
    const { clock } = this.#options;
    const timer: ClockTimer = clock.setTimeout(() => stream.close(), timeout);
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done || value === undefined) return undefined;
        if (value.length > 0) return value;
      }
    } finally {
      clock.clearTimeout(timer);
    }
  }

  #refuse(stream: TransportStream): void {
    this.refused++;
    stream.close();
  }
}

/** What a reader has read already, then what it reads on. */
function replayed(first: Uint8Array | undefined, reader: ReadableStreamDefaultReader<Uint8Array>): ReadableStream<Uint8Array> {
  let next = first;
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const bytes = next ?? (await reader.read()).value;
        next = undefined;
        if (bytes === undefined) controller.close();
        else controller.enqueue(bytes);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

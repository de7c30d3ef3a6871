import type { Address } from "../api/address.ts";
import { MemberlistError } from "../api/errors.ts";
import { InboundSlots, type InboundSlot, type SlotLimits } from "../transport-kit/inbound-slots.ts";
import type { Clock } from "../ports/clock.ts";
import type { TransportListener, TransportStream } from "../ports/transport.ts";
import { InboundStream } from "./inbound-stream.ts";
import { beginsPackets, FrameReader } from "./packet-frames.ts";

type InboundLimits = SlotLimits<"maxInboundStreams", "maxInboundStreamsPerPeer">["limits"];

export interface PacketInboxOptions {
  readonly clock: Clock;
  /** In ms: until when a stream has to bring a packet that the listener accepts, and how long each frame may take. */
  readonly timeout: number;
  /** In ms: how long a stream that has brought such a packet may keep silent between frames. */
  readonly idleTimeout: number;
  /** Of streams that carry packets, or have not said yet what they carry. */
  readonly limits: InboundLimits;
}

/** Tells streams of packets from the others by their first byte, and takes the packets out. */
export class PacketInbox {
  /** Streams cut because too many were open, they were too slow, or were not what they began as. */
  refused = 0;
  readonly #options: PacketInboxOptions;
  readonly #listener: TransportListener;
  readonly #slots: InboundSlots<"maxInboundStreams", "maxInboundStreamsPerPeer">;
  /** Of each sender, the stream that brought an accepted packet last. */
  readonly #bySender: Map<string, InboundStream> = new Map();

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
    const inbound = new InboundStream(stream, this.#options.clock);
    const slot = this.#slots.enter(from.host, () => this.#refuse(inbound));
    if (typeof slot === "string") {
      this.#refuse(inbound);
      return;
    }
    this.#serve(inbound, from, slot)
      .catch(() => this.#refuse(inbound))
      .finally(() => slot.leave());
  }

  async #serve(inbound: InboundStream, from: Address, slot: InboundSlot): Promise<void> {
    const { clock, timeout } = this.#options;
    const until = clock.now() + timeout;
    const first = await inbound.read(until);
    if (first !== undefined && beginsPackets(first[0])) {
      await this.#takePackets(inbound, first, { host: from.host, slot, until });
      inbound.close();
      return;
    }
    slot.leave();
    this.#listener.stream(inbound.handOver(first), from);
  }

  /** Until the end of the stream. It is held for long only once it has brought a packet that was accepted. */
  async #takePackets(inbound: InboundStream, first: Uint8Array, sender: Sender): Promise<void> {
    const { clock, idleTimeout, timeout } = this.#options;
    const frames = new FrameReader();
    const acks = inbound.acknowledge();
    let { until } = sender;
    let isProven = false;
    try {
      for (let chunk: Uint8Array | undefined = first; chunk !== undefined; chunk = await inbound.read(until)) {
        const receivedAt = clock.now();
        const wasPartial = frames.isPartial;
        const packets = frames.push(chunk);
        if (packets === undefined) throw new MemberlistError("protocol_error", "not a stream of packets");
        acks.add(chunk.length);
        const isAccepted = this.#deliver(packets, { host: sender.host, port: frames.port ?? 0, name: "" }, receivedAt);
        if (isAccepted && !isProven) {
          isProven = true;
          sender.slot.prove();
          this.#supersede(`${sender.host} ${frames.senderId}`, inbound);
        }
        if (!isProven) continue;
        if (!frames.isPartial) until = receivedAt + idleTimeout;
        else if (!wasPartial || packets.length > 0) until = receivedAt + timeout;
      }
    } finally {
      acks.stop();
      const key = `${sender.host} ${frames.senderId}`;
      if (this.#bySender.get(key) === inbound) this.#bySender.delete(key);
    }
  }

  /** Whether one of them was accepted. */
  #deliver(packets: readonly Uint8Array[], from: Address, receivedAt: number): boolean {
    let isAccepted = false;
    for (const packet of packets) if (this.#listener.packet(packet, from, receivedAt) !== false) isAccepted = true;
    return isAccepted;
  }

  /** A sender that has dialled again has given its last connection up: what is still on its way there would be late. */
  #supersede(key: string, inbound: InboundStream): void {
    this.#bySender.get(key)?.cut();
    this.#bySender.set(key, inbound);
  }

  #refuse(inbound: InboundStream): void {
    if (inbound.cut()) this.refused++;
  }
}

interface Sender {
  readonly host: string;
  readonly slot: InboundSlot;
  /** The deadline for its first accepted packet. */
  readonly until: number;
}

import type { Address } from "../api/address.ts";
import { InboundSlots, type InboundSlot, type SlotLimits } from "../util/inbound-slots.ts";
import { nextTurn, type Clock } from "../ports/clock.ts";
import type { TransportListener, TransportStream } from "../ports/transport.ts";
import { InboundStream } from "./inbound-stream.ts";
import { TurnBudget } from "../util/turn-budget.ts";
import { beginsPackets } from "./packet-frames.ts";
import { PacketStream } from "./packet-stream.ts";

type InboundLimits = SlotLimits<"maxInboundStreams", "maxInboundStreamsPerPeer">["limits"];

/** The cost that the packets of all streams may have in one turn of the event loop, as {@link PacketStream.deliver} counts it: some 250 short packets, or one of 64 KiB. */
const costPerTurn = 64 * 1024;

export interface PacketInboxOptions {
  readonly clock: Clock;
  /** In ms: until when a stream has to bring a packet that the listener accepts, and how long each frame may take. */
  readonly timeout: number;
  /** In ms: how long a stream that has brought such a packet may keep silent between frames. */
  readonly idleTimeout: number;
  /** The streams that carry packets, or whose content is not known yet. */
  readonly limits: InboundLimits;
}

/** Finds out by its first byte whether a stream carries packets, and takes the packets out. */
export class PacketInbox {
  /** Streams cut because too many were open, they were too slow, were not what they began as, or brought packets that were refused. */
  refused = 0;
  /** Streams cut because their link has dialled again. */
  superseded = 0;
  readonly #options: PacketInboxOptions;
  readonly #listener: TransportListener;
  readonly #slots: InboundSlots<"maxInboundStreams", "maxInboundStreamsPerPeer">;
  /** Shared by all streams. */
  readonly #budget: TurnBudget;
  /** Of each peer's link to us, the stream that brought an accepted packet last. */
  readonly #byLink: Map<string, InboundStream> = new Map();

  constructor(listener: TransportListener, options: PacketInboxOptions) {
    this.#listener = listener;
    this.#options = options;
    this.#slots = new InboundSlots({
      limits: options.limits,
      inAll: "maxInboundStreams",
      perHost: "maxInboundStreamsPerPeer",
    });
    this.#budget = new TurnBudget(costPerTurn, () => nextTurn(options.clock));
  }

  /** A packet that is being delivered leads to work that costs so much besides. */
  spend(cost: number): void {
    this.#budget.spend(cost);
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
  async #takePackets(inbound: InboundStream, first: Uint8Array, { host, slot, until }: Sender): Promise<void> {
    const { clock } = this.#options;
    const packets = new PacketStream(host, this.#listener, () => {
      slot.prove();
      this.#supersede(packets.linkKey, inbound);
    });
    const acks = inbound.acknowledge();
    let unacked = 0;
    try {
      for (let chunk: Uint8Array | undefined = first; chunk !== undefined; chunk = await inbound.read(until)) {
        packets.push(chunk, clock.now());
        while (await this.#budget.run(() => !inbound.isCut && packets.deliver(this.#budget))) {
          // The other streams get their turn.
        }
        unacked += chunk.length;
        if (!packets.isProven) continue;
        // An acknowledgement says that packets are accepted here. It follows their delivery, so that the window slows a fast sender down.
        acks.add(unacked);
        unacked = 0;
        until = packets.deadline(this.#options);
      }
    } finally {
      acks.stop();
      if (this.#byLink.get(packets.linkKey) === inbound) this.#byLink.delete(packets.linkKey);
    }
  }

  /** A link that has dialled again has given up its last connection: the packets still on their way there would be late. */
  #supersede(key: string, inbound: InboundStream): void {
    if (this.#byLink.get(key)?.cut() === true) this.superseded++;
    this.#byLink.set(key, inbound);
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

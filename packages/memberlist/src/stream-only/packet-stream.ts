import { MemberlistError } from "../api/errors.ts";
import type { TransportListener } from "../ports/transport.ts";
import type { TurnBudget } from "../util/turn-budget.ts";
import { FrameReader } from "./packet-frames.ts";

/** The cost of each packet besides its bytes. */
const costPerPacket = 256;
/** The cost that the packets of one stream may have before other streams get their turn. */
const costPerRun = 8 * 1024;
/** Packets that the listener may refuse before it has accepted one. A sender that changes its key may have a few. */
const refusedMax = 3;
/** The same once it has accepted many: each that it accepts makes up for one that it refuses. */
const refusedMaxProven = 64;

interface Deadlines {
  /** In ms: how long each frame may take. */
  readonly timeout: number;
  /** In ms: how long the stream may keep silent between frames. */
  readonly idleTimeout: number;
}

/** The packets of one inbound stream, on their way to the listener. */
export class PacketStream {
  readonly #host: string;
  readonly #listener: TransportListener;
  readonly #frames: FrameReader = new FrameReader();
  #receivedAt = 0;
  /** When the incomplete frame began; undefined without one. */
  #begunAt = 0;
  #mayRefuse: number = refusedMax;
  readonly #onProven: () => void;
  #isProven = false;

  /** @param onProven the listener has accepted a packet for the first time */
  constructor(host: string, listener: TransportListener, onProven: () => void) {
    this.#host = host;
    this.#listener = listener;
    this.#onProven = onProven;
  }

  get isProven(): boolean {
    return this.#isProven;
  }

  /** The same for all connections of one link of a peer. */
  get linkKey(): string {
    return `${this.#host} ${this.#frames.linkId}`;
  }

  push(bytes: Uint8Array, receivedAt: number): void {
    if (!this.#frames.isPartial) this.#begunAt = receivedAt;
    this.#receivedAt = receivedAt;
    this.#frames.push(bytes);
  }

  /**
   * Delivers the next packets.
   *
   * @param budget gets their cost: their bytes and 256 for each
   * @returns whether it may have more packets: it ends early so that other streams get their turn
   * @throws MemberlistError `protocol_error` when the bytes are not packets, or the listener refuses too many
   */
  deliver(budget: TurnBudget): boolean {
    for (let cost = 0; cost < costPerRun;) {
      const packet = this.#frames.next();
      if (packet === undefined) return false;
      cost += costPerPacket + packet.length;
      budget.spend(costPerPacket + packet.length);
      this.#begunAt = this.#receivedAt;
      const from = { host: this.#host, port: this.#frames.port ?? 0, name: "" };
      this.#judge(this.#listener.packet(packet, from, this.#receivedAt) !== false);
    }
    return true;
  }

  /** When the stream has to bring more, on the clock. */
  deadline({ timeout, idleTimeout }: Deadlines): number {
    return this.#frames.isPartial ? this.#begunAt + timeout : this.#receivedAt + idleTimeout;
  }

  #judge(isAccepted: boolean): void {
    if (!isAccepted) {
      if (--this.#mayRefuse < 0) throw new MemberlistError("protocol_error", "too many of its packets were refused");
      return;
    }
    if (this.#mayRefuse < refusedMaxProven) this.#mayRefuse++;
    if (this.#isProven) return;
    this.#isProven = true;
    this.#onProven();
  }
}

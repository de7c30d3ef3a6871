import type { Channel, Clock, Receiver } from "@memberlist/core";
import { Fifo } from "@memberlist/core/internal";

/** The name of the channel. */
export const channelName = "memberlist.requests";

/** Sends frames: short ones by packet, and others over a bounded number of streams. */
export class Sender {
  readonly #channel: () => Channel;
  readonly #clock: Clock;
  readonly #maxStreams: number;
  readonly #waiting: Fifo<() => void> = new Fifo();
  #streams = 0;

  constructor(channel: () => Channel, clock: Clock, maxStreams: number) {
    this.#channel = channel;
    this.#clock = clock;
    this.#maxStreams = maxStreams;
  }

  /** Whether a frame fits into a packet. */
  isShort(frame: Uint8Array): boolean {
    return frame.length <= this.#channel().maxPayload();
  }

  /** @returns false if packets are queued faster than the network accepts them */
  sendPacket(to: Receiver, frame: Uint8Array): boolean {
    return this.#channel().sendBestEffort(to, frame);
  }

  /**
   * @param until when the wait for a free stream and the stream end
   * @param signal ends them earlier
   * @returns whether the frame was sent: otherwise no stream was free in time
   */
  async sendStream(to: Receiver, frameOf: () => Uint8Array, until: number, signal: AbortSignal): Promise<boolean> {
    if (this.#streams >= this.#maxStreams) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#streams++;
    try {
      const left = Math.ceil(until - this.#clock.now());
      if (signal.aborted || left <= 0) return false;
      await this.#channel().sendReliable(to, frameOf(), { timeout: left, signal });
      return true;
    } finally {
      // The stream's place goes to the next one that waits.
      const next = this.#waiting.shift();
      if (next === undefined) this.#streams--;
      else next();
    }
  }
}

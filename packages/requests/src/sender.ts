import type { Channel, Receiver } from "@memberlist/core";
import { Fifo } from "@memberlist/core/internal";

/** The name of the channel. */
export const channelName = "memberlist.requests";

/** Sends frames: short ones by packet, and others over a bounded number of streams. */
export class Sender {
  readonly #channel: () => Channel;
  readonly #maxStreams: number;
  readonly #waiting: Fifo<() => void> = new Fifo();
  #streams = 0;

  constructor(channel: () => Channel, maxStreams: number) {
    this.#channel = channel;
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

  /** @param signal stops the wait for a free stream, and the stream */
  async sendStream(to: Receiver, frameOf: () => Uint8Array, timeout: number, signal: AbortSignal): Promise<void> {
    if (this.#streams >= this.#maxStreams) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#streams++;
    try {
      if (!signal.aborted) await this.#channel().sendReliable(to, frameOf(), { timeout: Math.ceil(timeout), signal });
    } finally {
      // The stream's place goes to the next one that waits.
      const next = this.#waiting.shift();
      if (next === undefined) this.#streams--;
      else next();
    }
  }
}

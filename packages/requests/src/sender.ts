import type { Channel, Clock, Receiver } from "@memberlist/core";
import { onAbort } from "@memberlist/core/internal";

/** The name of the channel. */
export const channelName = "memberlist.requests";

/** Sends frames: short ones by packet, and others over a bounded number of streams. */
export class Sender {
  readonly #channel: () => Channel;
  readonly #clock: Clock;
  readonly #maxStreams: number;
  /** Each gives a stream's place to a frame that waits for one. The oldest is the first. */
  readonly #waiting: Set<() => void> = new Set();
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
    if (this.#streams < this.#maxStreams) this.#streams++;
    else if (!(await this.#wait(until, signal))) return false;
    try {
      const left = Math.ceil(until - this.#clock.now());
      if (signal.aborted || left <= 0) return false;
      await this.#channel().sendReliable(to, frameOf(), { timeout: left, signal });
      return true;
    } finally {
      const [next] = this.#waiting;
      if (next === undefined) this.#streams--;
      else next();
    }
  }

  /** @returns whether it got the place of a stream */
  #wait(until: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (hasPlace: boolean): void => {
        this.#waiting.delete(enter);
        this.#clock.clearTimeout(timer);
        stopListening();
        resolve(hasPlace);
      };
      const enter = (): void => end(true);
      const giveUp = (): void => end(false);
      this.#waiting.add(enter);
      const timer = this.#clock.setTimeout(giveUp, Math.max(0, until - this.#clock.now()));
      const stopListening = onAbort(signal, giveUp);
      if (signal.aborted) giveUp();
    });
  }
}

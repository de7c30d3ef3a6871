import type { Address } from "../../api/address.ts";
import type { Clock } from "../../ports/clock.ts";
import type { PacketOffload, PacketEncodeJob } from "../../ports/crypto.ts";
import { packPackets, unpackPackets, type BatchedPacket } from "../../wire/packet-batch.ts";

/** Shorter ones are done sooner than they are handed over. In bytes. */
const messageMin = 256;
/** No layers make a packet of this that is over what UDP carries: that it is too large must be told to the caller at once. In bytes. */
const messageMax = 60_000;
/** What is left at the end of a turn, and is fewer than this, is not worth a batch. */
const batchMin = 8;

export interface PacketBatcherOptions {
  readonly offload: PacketOffload;
  readonly clock: Pick<Clock, "defer">;
  /** The layers as they are now, for so many packets; undefined: there are none to put on. */
  readonly job: (count: number) => PacketEncodeJob | undefined;
  /** Does one here. */
  readonly sendInline: (message: Uint8Array, to: Address, crc: boolean, count: number) => void;
  /** Sends what is done, a packet of `count` messages; false when the transport asks for fewer packets. */
  readonly write: (packet: Uint8Array, to: Address, count: number) => boolean;
  /** A packet of `count` messages could not be made. */
  readonly failed: (error: unknown, count: number) => void;
}

interface Waiting extends BatchedPacket {
  readonly to: Address;
  readonly count: number;
}

/**
 * Has the packets of a backlog compressed and encrypted elsewhere, in batches. A backlog is what is sent in one turn of the event loop
 * over a threshold: what is sent now and then is done at once, and on the event loop.
 */
export class PacketBatcher {
  readonly #options: PacketBatcherOptions;
  readonly #underWay: Set<Promise<void>> = new Set();
  #sentInTurn = 0;
  #batch: Waiting[] = [];
  /** What the transport said last. */
  #mayGoOn = true;

  constructor(options: PacketBatcherOptions) {
    this.#options = options;
  }

  /**
   * @param count how many messages of the application are in it
   * @returns undefined when it is to be done inline; else it was taken, and false asks for fewer packets for now
   */
  take(message: Uint8Array, to: Address, crc: boolean, count: number): boolean | undefined {
    const { clock, offload } = this.#options;
    if (this.#sentInTurn++ === 0) clock.defer(() => this.#endTurn());
    if (this.#sentInTurn <= offload.threshold) return undefined;
    if (message.length < messageMin || message.length > messageMax) return undefined;
    if (this.#batch.length === 0 && !(this.#mayGoOn && offload.isReady())) {
      this.#mayGoOn = true;
      return undefined;
    }
    this.#batch.push({ bytes: message, to, crc, count });
    if (this.#batch.length >= offload.batchSize) this.#post();
    return this.#mayGoOn;
  }

  /** Resolves when all that was taken is with the transport. */
  async drain(): Promise<void> {
    this.#flush();
    await Promise.all(this.#underWay);
  }

  #endTurn(): void {
    this.#sentInTurn = 0;
    if (this.#batch.length >= batchMin) this.#post();
    else this.#flush();
  }

  #flush(): void {
    for (const { bytes, to, crc, count } of this.#takeBatch()) this.#options.sendInline(bytes, to, crc, count);
  }

  #post(): void {
    const { failed, job: jobOf, offload, sendInline, write } = this.#options;
    const batch = this.#takeBatch();
    const job = jobOf(batch.length);
    if (job === undefined) {
      for (const { bytes, to, crc, count } of batch) sendInline(bytes, to, crc, count);
      return;
    }
    const work = offload.seal(packPackets(batch), job).then(
      (sealed) => {
        for (const [i, { bytes }] of unpackPackets(sealed).entries()) {
          const { to, count } = batch[i] as Waiting;
          this.#mayGoOn = write(bytes, to, count);
        }
      },
      (error: unknown) => {
        for (const { count } of batch) failed(error, count);
      },
    );
    this.#underWay.add(work);
    work.then(
      () => this.#underWay.delete(work),
      () => undefined,
    );
  }

  #takeBatch(): readonly Waiting[] {
    const batch = this.#batch;
    this.#batch = [];
    return batch;
  }
}

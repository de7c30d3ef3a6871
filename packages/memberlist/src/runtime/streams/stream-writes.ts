import { TurnBudget } from "../../util/turn-budget.ts";
import type { YieldToEventLoop } from "../../ports/clock.ts";

/** Bytes that all streams write in one turn of the event loop. The kernel takes up to 1 ms to copy as many into socket buffers. */
const bytesPerTurn = 128 * 1024;
/** Bytes of all writes under way, about. */
const bytesUnderWay = 1024 * 1024;
/** Bytes of one write. Smaller writes cost more CPU time a byte than they save. */
const minBytesPerWrite = 8 * 1024;
const maxBytesPerWrite = 64 * 1024;

/**
 * Writes the messages of all streams in parts. The kernel copies the bytes of a write before the call returns, so streams that write at the same time share
 * a budget for each turn of the event loop.
 *
 * When a peer does not read, the runtime keeps the rest of a write until the peer does, and then writes it without this budget. So writes are the
 * smaller, the more streams write.
 */
export class StreamWrites {
  readonly #budget: TurnBudget;
  #writing = 0;

  constructor(yieldToEventLoop: YieldToEventLoop) {
    this.#budget = new TurnBudget(bytesPerTurn, yieldToEventLoop);
  }

  /** Resolves when the network has all bytes. Rejects with the error of the stream. */
  async write(writer: WritableStreamDefaultWriter<Uint8Array>, bytes: Uint8Array): Promise<void> {
    this.#writing++;
    try {
      let from = 0;
      const writePart = (): Promise<void> => {
        const end = Math.min(bytes.length, from + this.#bytesPerWrite);
        const part = bytes.subarray(from, end);
        from = end;
        this.#budget.spend(part.length);
        return writer.write(part);
      };
      while (from < bytes.length) await this.#budget.run(writePart);
    } finally {
      this.#writing--;
    }
  }

  get #bytesPerWrite(): number {
    return Math.max(minBytesPerWrite, Math.min(maxBytesPerWrite, Math.floor(bytesUnderWay / this.#writing)));
  }
}

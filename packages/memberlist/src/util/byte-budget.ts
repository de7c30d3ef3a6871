import { limitExceeded } from "../wire/errors.ts";

/** One stream's part of the budget. */
export interface ByteAccount {
  /** @throws MemberlistError `limit_exceeded` when all accounts together are over the budget; it counts all the same */
  readonly charge: (bytes: number) => void;
  /** Releases all charged bytes. Later charges are not counted. */
  readonly close: () => void;
}

/** The bytes that all inbound streams may hold together. */
export class ByteBudget {
  readonly #most: number;
  #held = 0;

  /** @param most `limits.maxInboundStreamBytes` */
  constructor(most: number) {
    this.#most = most;
  }

  get held(): number {
    return this.#held;
  }

  open(): ByteAccount {
    let charged = 0;
    let isClosed = false;
    return {
      charge: (bytes) => {
        if (isClosed) return;
        charged += bytes;
        this.#held += bytes;
        if (this.#held <= this.#most) return;
        throw limitExceeded("maxInboundStreamBytes", "bytes held by all inbound streams", this.#held, this.#most);
      },
      close: () => {
        isClosed = true;
        this.#held -= charged;
        charged = 0;
      },
    };
  }
}

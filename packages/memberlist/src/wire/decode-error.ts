/** Why bytes were refused. Stable: drop counters are labelled with it. */
export type DecodeReason =
  | "empty"
  | "truncated"
  | "malformed"
  | "unknown_type"
  | "wrong_type"
  | "out_of_range"
  | "too_deep"
  | "too_large"
  | "bad_address"
  | "unknown_algorithm"
  | "bad_lzw"
  | "bad_crc"
  | "decrypt_failed"
  | "not_encrypted"
  | "bad_label"
  | "double_label"
  | "label_mismatch";

/** Bytes off the network that are not what the protocol says. Nothing was changed. */
export class DecodeError extends Error {
  override readonly name: string = "DecodeError";
  readonly reason: DecodeReason;

  constructor(reason: DecodeReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

import type { AesGcm } from "../ports/codec.ts";
import { emptyBytes, equalBytes } from "../wire/bytes.ts";
import { BlockGcm } from "./block-gcm.ts";
import { gcmMachine, type GcmMachine } from "./gcm-machine.ts";
import type { EncryptBlocks } from "./key-streams.ts";

/** So many messages of a key are done by the runtime first: tables and key streams for fewer would be a waste. */
const countedFirst = 16;
/** Of nonce and tag, in bytes. */
const overhead = 28;
/** What a key is tried with: more than a block. */
const sample = new Uint8Array(40);

export interface SharedGcmOptions {
  /** AES by the runtime. Called once, with the key's first use. */
  readonly newEncryptBlocks: () => EncryptBlocks;
  /** The longest plaintext that WebAssembly is faster to seal, and to open, in bytes. */
  readonly sealMax: number;
  readonly openMax: number;
}

/**
 * AES-GCM with one key, each message done by whichever is faster: the runtime's own, or {@link BlockGcm}.
 *
 * @param native for what is long, and for everything where there is no WebAssembly, or no AES that agrees with it
 */
export function shareGcm(native: AesGcm, options: SharedGcmOptions): Pick<AesGcm, "seal" | "open"> {
  const machine = gcmMachine();
  if (machine === undefined) return native;
  const { newEncryptBlocks, sealMax, openMax } = options;
  let counted = 0;
  let prepared: AesGcm | undefined;
  const chosen = (length: number, max: number, additionalData: Uint8Array): AesGcm => {
    if (length > max || length > machine.dataMax || additionalData.length > machine.additionalMax) return native;
    if (prepared !== undefined) return prepared;
    if (counted++ < countedFirst) return native;
    return (prepared = blockGcmOf(newEncryptBlocks, machine, native));
  };
  return {
    seal: (plaintext, additionalData, headroom) =>
      chosen(plaintext.length, sealMax, additionalData).seal(plaintext, additionalData, headroom),
    open: (sealed, additionalData) => chosen(sealed.length - overhead, openMax, additionalData).open(sealed, additionalData),
  };
}

/** @returns `native` where the runtime has no AES of that kind, or one that does not agree with its own AES-GCM: it may keep blocks back, say */
function blockGcmOf(newEncryptBlocks: () => EncryptBlocks, machine: GcmMachine, native: AesGcm): AesGcm {
  try {
    const gcm = new BlockGcm(newEncryptBlocks(), machine);
    const opened = native.open(gcm.seal(sample, emptyBytes, 0), emptyBytes);
    return opened !== undefined && equalBytes(opened, sample) ? gcm : native;
  } catch {
    return native;
  }
}

import { createHash } from "node:crypto";

/** Returns a name for a key that does not reveal it: keys are random, so a hash does not lead to the key. */
export function fingerprint(key: Uint8Array): string {
  return createHash("sha256").update(key).digest("hex").slice(0, 12);
}

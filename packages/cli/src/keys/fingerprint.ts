import { createHash } from "node:crypto";

/** Names a key without showing it: keys are random, so that nobody finds one by its hash. */
export function fingerprint(key: Uint8Array): string {
  return createHash("sha256").update(key).digest("hex").slice(0, 12);
}

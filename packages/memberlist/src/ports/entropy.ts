import { MemberlistError } from "../errors.ts";

/** The web-standard source of cryptographic randomness: Node 20, Deno, Bun and browsers all have it. */
interface CryptoSource {
  getRandomValues(target: Uint8Array): Uint8Array;
}

/** What `getRandomValues` fills in one call, at most, in bytes. */
const bytesAtOnce = 65_536;

/**
 * Fresh bytes for keys and nonces, which nobody can predict. Never seeded, unlike {@link Random}: not in tests either.
 *
 * @throws MemberlistError `unsupported` where the runtime has no such source; there is no weaker one to fall back on
 */
export function randomBytes(size: number): Uint8Array {
  const { crypto } = globalThis as unknown as { readonly crypto?: CryptoSource };
  if (crypto === undefined) throw new MemberlistError("unsupported", "this runtime has no crypto.getRandomValues");
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += bytesAtOnce) crypto.getRandomValues(bytes.subarray(at, at + bytesAtOnce));
  return bytes;
}

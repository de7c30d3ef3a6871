import { MemberlistError } from "../api/errors.ts";

/** The part of the web-standard cryptography that the core uses: Node 20, Deno, Bun and browsers all have it. */
interface WebCrypto {
  getRandomValues(target: Uint8Array): Uint8Array;
  readonly subtle: {
    digest(algorithm: "SHA-256", bytes: Uint8Array): Promise<ArrayBuffer>;
    generateKey(algorithm: object, extractable: boolean, usages: readonly string[]): Promise<{ readonly privateKey: object }>;
    exportKey(format: "pkcs8", key: object): Promise<ArrayBuffer>;
    importKey(
      format: "spki" | "pkcs8",
      bytes: Uint8Array,
      algorithm: object,
      extractable: boolean,
      usages: readonly string[],
    ): Promise<object>;
    sign(algorithm: string, key: object, bytes: Uint8Array): Promise<ArrayBuffer>;
    verify(algorithm: string, key: object, signature: Uint8Array, bytes: Uint8Array): Promise<boolean>;
  };
}

/** What `getRandomValues` fills in one call, at most, in bytes. */
const bytesAtOnce = 65_536;

/** @throws MemberlistError `unsupported` where the runtime has none; there is nothing weaker to fall back on */
export function webCrypto(): WebCrypto {
  const { crypto } = globalThis as unknown as { readonly crypto?: WebCrypto };
  if (crypto === undefined) throw new MemberlistError("unsupported", "this runtime has no crypto.getRandomValues");
  return crypto;
}

/**
 * Fresh bytes for keys and nonces, which nobody can predict. Never seeded, unlike {@link Random}: not in tests either.
 *
 * @throws MemberlistError `unsupported` as {@link webCrypto}
 */
export function randomBytes(size: number): Uint8Array {
  const crypto = webCrypto();
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += bytesAtOnce) crypto.getRandomValues(bytes.subarray(at, at + bytesAtOnce));
  return bytes;
}

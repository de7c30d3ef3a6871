import type { ResolvedConfig } from "../config/config.ts";
import type { Crypto } from "../ports/crypto.ts";
import { loadFallbackCrypto } from "./fallback-crypto.ts";
import { Keyring } from "./keyring.ts";

/** The keys, and what encrypts with them. */
export interface Encryption {
  readonly keyring: Keyring;
  readonly crypto: Crypto;
}

/**
 * The keys that a config asks for: those of its `keyring`, and its `secretKey` as the one that encrypts. Undefined without either.
 *
 * @param crypto the transport's; undefined: pure JavaScript, which is loaded for it
 */
export async function encryptionOf(
  config: Pick<ResolvedConfig, "keyring" | "secretKey">,
  crypto: Crypto | undefined,
): Promise<Encryption | undefined> {
  const keyring = keyringOf(config);
  return keyring && { keyring, crypto: crypto ?? (await loadFallbackCrypto()) };
}

/** The keyring of a config, with its `secretKey` as the primary key; undefined without either. */
export function keyringOf({ keyring, secretKey }: Pick<ResolvedConfig, "keyring" | "secretKey">): Keyring | undefined {
  const ring = keyring ?? (secretKey === undefined ? undefined : new Keyring([], secretKey));
  if (ring === undefined || secretKey === undefined) return ring;
  ring.addKey(secretKey);
  ring.useKey(secretKey);
  return ring;
}

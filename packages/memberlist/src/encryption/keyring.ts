import { MemberlistError } from "../api/errors.ts";
import { checkKey } from "./key.ts";
import { copyBytes, equalBytes } from "../wire/bytes.ts";

let watch: (keyring: Keyring, onChange: () => void) => () => void;

/** Calls `onChange` after each change of a keyring, until the returned function is called. */
export function watchKeyring(keyring: Keyring, onChange: () => void): () => void {
  return watch(keyring, onChange);
}

/** What `console.log` asks for: in Node and Bun, and in Deno. */
const inspectHooks: readonly string[] = ["nodejs.util.inspect.custom", "Deno.customInspect"];

/**
 * The keys of a cluster. The first is the primary: it encrypts, and is tried first to decrypt. Changes take effect on a running
 * node at once. To rotate: `addKey` on every member, then `useKey` on every member, then `removeKey` of the old one.
 *
 * Keys are copied on their way in and out, and never shown: printed or serialised, a ring shows only the number of its keys.
 * Source: PROTOCOL.md section 8.
 */
export class Keyring {
  #keys: Uint8Array[] = [];
  #revision = 0;
  readonly #watchers: Set<() => void> = new Set();

  static {
    watch = (keyring, onChange) => {
      keyring.#watchers.add(onChange);
      return () => keyring.#watchers.delete(onChange);
    };
  }

  /**
   * @param keys further keys that decrypt; may hold the primary key, too
   * @param primaryKey the key that encrypts, 16, 24 or 32 bytes; empty, and no `keys`: an empty ring, no encryption
   * @throws MemberlistError `invalid_argument` for keys without a primary one, or a key of another length
   */
  constructor(keys: readonly Uint8Array[] = [], primaryKey: Uint8Array = new Uint8Array(0)) {
    for (const hook of inspectHooks) Object.defineProperty(this, Symbol.for(hook), { value: () => this.toString() });
    if (keys.length === 0 && primaryKey.length === 0) return;
    if (primaryKey.length === 0) throw new MemberlistError("invalid_argument", "a keyring with keys needs a primary key");
    this.addKey(primaryKey);
    for (const key of keys) this.addKey(key);
  }

  /** The number of keys; with 0, messages are not encrypted. */
  get size(): number {
    return this.#keys.length;
  }

  /** Goes up with every change, for those who keep something made from the keys. */
  get revision(): number {
    return this.#revision;
  }

  /**
   * Accepts one more key. A key that the ring has already changes nothing. On an empty ring it becomes the primary key.
   *
   * @throws MemberlistError `invalid_argument` unless it is 16, 24 or 32 bytes long
   */
  addKey(key: Uint8Array): void {
    checkKey(key);
    if (this.#indexOf(key) < 0) this.#install([...this.#keys, copyBytes(key)]);
  }

  /**
   * Makes a key of the ring the primary one. Peers must know it before.
   *
   * @throws MemberlistError `invalid_argument` when it is not in the ring
   */
  useKey(key: Uint8Array): void {
    const index = this.#indexOf(key);
    const chosen = this.#keys[index];
    if (chosen === undefined) throw new MemberlistError("invalid_argument", "the key is not in the keyring");
    if (index > 0) this.#install([chosen, ...this.#keys.filter((other) => other !== chosen)]);
  }

  /**
   * Drops a key. Nothing happens when it is not there.
   *
   * @throws MemberlistError `invalid_argument` for the primary key
   */
  removeKey(key: Uint8Array): void {
    const index = this.#indexOf(key);
    if (index === 0) throw new MemberlistError("invalid_argument", "the primary key cannot be removed");
    if (index > 0) this.#install(this.#keys.filter((_, position) => position !== index));
  }

  /** All keys, the primary one first. */
  getKeys(): Uint8Array[] {
    return this.#keys.map(copyBytes);
  }

  /** The key that encrypts; undefined when the ring is empty. */
  getPrimaryKey(): Uint8Array | undefined {
    const [primary] = this.#keys;
    return primary === undefined ? undefined : copyBytes(primary);
  }

  /** The number of keys and their sizes in bytes; never a key. */
  toString(): string {
    const sizes = this.#keys.map((key) => key.length);
    return `Keyring(${sizes.length} ${sizes.length === 1 ? "key" : "keys"}; bytes: ${sizes.join(", ") || "none"})`;
  }

  /** The number of keys and their sizes in bytes; never a key. */
  toJSON(): { keys: number; sizes: number[] } {
    return { keys: this.#keys.length, sizes: this.#keys.map((key) => key.length) };
  }

  #install(keys: Uint8Array[]): void {
    this.#keys = keys;
    this.#revision++;
    for (const onChange of this.#watchers) onChange();
  }

  #indexOf(key: Uint8Array): number {
    return this.#keys.findIndex((other) => equalBytes(other, key));
  }
}

import { webCrypto } from "./crypto.ts";

/** Randomness, as the core sees it. The simulator brings a seeded one, so that a run is a function of its seed. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
}

/** Numbers that are drawn at once, of 8 bytes each. */
const drawnAtOnce = 256;
const u32 = 2 ** 32;

/**
 * The runtime's own generator, which nobody can predict: whoever knows the numbers that have been used does not know the next one. Never
 * for keys or nonces, for which {@link randomBytes} is.
 *
 * @throws MemberlistError `unsupported`, from `next()`, where the runtime has no `crypto.getRandomValues`
 */
export function systemRandom(): Random {
  const words = new Uint32Array(2 * drawnAtOnce);
  let at = words.length;
  return {
    next: () => {
      if (at === words.length) {
        webCrypto().getRandomValues(new Uint8Array(words.buffer));
        at = 0;
      }
      const high = words[at++] as number;
      const low = words[at++] as number;
      // 53 bits, as many as a number holds.
      return (high + (low >>> 11) / 2 ** 21) / u32;
    },
  };
}

/** A whole number in [0, n); 0 when n is 0. */
export function randomOffset(random: Random, n: number): number {
  return Math.floor(random.next() * n);
}

/** Shuffles in place (Fisher-Yates). */
export function shuffle(random: Random, items: unknown[]): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = randomOffset(random, i + 1);
    const item = items[i];
    items[i] = items[j];
    items[j] = item;
  }
}

/** Any u32. */
export function randomU32(random: Random): number {
  return randomOffset(random, u32);
}

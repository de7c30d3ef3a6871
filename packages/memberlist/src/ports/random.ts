/** Randomness, as the core sees it. The simulator brings a seeded one, so that a run is a function of its seed. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
}

/** The runtime's own generator. Good for choosing peers; never for keys or nonces. */
export function systemRandom(): Random {
  return { next: () => Math.random() };
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

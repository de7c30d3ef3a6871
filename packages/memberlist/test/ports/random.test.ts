import { afterEach, describe, expect, it, vi } from "vitest";
import { randomU32, systemRandom } from "../../src/ports/random.ts";

describe("systemRandom", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("draws hundreds of numbers at once from the runtime's cryptographic generator", () => {
    const filled = vi.spyOn(globalThis.crypto, "getRandomValues");
    vi.spyOn(Math, "random").mockImplementation(() => {
      throw new Error("predictable");
    });
    const random = systemRandom();
    const numbers = Array.from({ length: 1_000 }, () => random.next());
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
    expect(new Set(numbers).size).toBe(1_000);
    const mean = numbers.reduce((sum, number) => sum + number, 0) / 1_000;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.1);
    expect(filled.mock.calls.length).toBeLessThan(10);
  });

  it("returns less than 1 if all bits are set, and 0 if none is", () => {
    vi.spyOn(globalThis.crypto, "getRandomValues").mockImplementation((array) => {
      (array as Uint8Array).fill(0xff);
      return array;
    });
    const random = systemRandom();
    expect(random.next()).toBe(1 - 2 ** -53);
    expect(randomU32(random)).toBe(0xffff_ffff);
    vi.spyOn(globalThis.crypto, "getRandomValues").mockImplementation((array) => array);
    expect(randomU32(systemRandom())).toBe(0);
  });
});

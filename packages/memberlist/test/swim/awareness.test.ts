import { describe, expect, it } from "vitest";
import { Awareness } from "../../src/swim/awareness.ts";

describe("Awareness", () => {
  it("keeps the score from 0 to the multiplier less one, and scales timeouts by score + 1 [Awareness]", () => {
    const awareness = new Awareness(8);
    const steps: [delta: number, score: number][] = [
      [0, 0],
      [-1, 0],
      [-10, 0],
      [1, 1],
      [-1, 0],
      [10, 7],
      [-1, 6],
      [-1, 5],
      [-1, 4],
      [-1, 3],
      [-1, 2],
      [-1, 1],
      [-1, 0],
      [-1, 0],
    ];
    for (const [delta, score] of steps) {
      const before = awareness.score;
      expect(awareness.applyDelta(delta)).toBe(score !== before);
      expect(awareness.score).toBe(score);
      expect(awareness.scaleTimeout(1000)).toBe((score + 1) * 1000);
    }
  });

  it("never leaves 0 with a multiplier of 1", () => {
    const awareness = new Awareness(1);
    expect(awareness.applyDelta(5)).toBe(false);
    expect(awareness.scaleTimeout(250)).toBe(250);
  });
});

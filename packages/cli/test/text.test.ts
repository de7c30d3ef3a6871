import { describe, expect, it } from "vitest";
import { cut, fold, painter, width } from "../src/terminal/text.ts";

const red = painter(true)("red", "dead");

describe("cut", () => {
  it("returns a string that fits, and marks a cut", () => {
    expect(cut("abcdef", 6)).toBe("abcdef");
    expect(cut("abcdef", 4)).toBe("abc…");
    expect(cut("abcdef", 1)).toBe("…");
    expect(cut("abcdef", 0)).toBe("");
  });

  it("does not count colours, and closes them", () => {
    expect(width(red)).toBe(4);
    expect(cut(red, 4)).toBe(red);
    expect(width(cut(red, 3))).toBe(3);
    expect(cut(red, 3).replace("…", "")).toBe(red.replace("ad", ""));
  });
});

describe("width and cut", () => {
  it("counts two columns for a wide character, and never cuts one in half", () => {
    expect(width("日本")).toBe(4);
    expect(cut("日本語", 4)).toBe("日…");
    expect(cut("👩‍👩‍👧 family", 5)).toBe("👩‍👩‍👧 f…");
    expect(width("e\u0301")).toBe(1);
  });
});

describe("fold", () => {
  it("breaks lines only between words, and indents all lines but the first", () => {
    expect(fold(["a", "bb", "ccc", "dddddddd"], 6, "> ", " ")).toEqual(["a bb", "> ccc", "> dddddddd"]);
    expect(fold([], 6, "> ", " ")).toEqual([]);
  });
});

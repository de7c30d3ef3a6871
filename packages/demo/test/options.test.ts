import { describe, expect, it } from "vitest";
import { parseOptions, usage } from "../src/options.ts";

describe("the command line", () => {
  it("uses defaults without options", () => {
    expect(parseOptions([])).toMatchObject({ json: false, keep: false, agents: 5, noGo: false, join: [], deadlineScale: 1 });
  });

  it("takes the options with and without the -- that pnpm hands on", () => {
    for (const args of [
      ["--keep", "--json"],
      ["--", "--keep", "--json"],
    ]) {
      expect(parseOptions(args)).toMatchObject({ keep: true, json: true });
    }
  });

  it("takes addresses one by one and with commas", () => {
    expect(parseOptions(["--join", "127.0.0.1:1,127.0.0.1:2", "--join", "[::1]:3"]).join).toEqual([
      "127.0.0.1:1",
      "127.0.0.1:2",
      "[::1]:3",
    ]);
  });

  it.each([
    [["--agents", "4"], "from 5 to 15"],
    [["--agents", "16"], "from 5 to 15"],
    [["--agents", "five"], "from 5 to 15"],
    [["--deadline-scale", "0"], "above 0"],
    [["--deadline-scale", "x"], "above 0"],
    [["--keeps"], "'--keeps'"],
    [["keep"], "'keep'"],
  ])("refuses %j and gives the cause", (args, why) => {
    expect(() => parseOptions(args)).toThrow(why);
  });

  it("prints its help in 80 columns", () => {
    for (const line of usage.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    for (const option of ["--keep", "--json", "--agents", "--no-go", "--thread", "--join", "--name", "--deadline-scale"])
      expect(usage).toContain(option);
  });
});

import { expect, it } from "vitest";
import { closestName } from "../../src/util/closest-name.ts";

const names = ["label", "timeout", "signal", "concurrency", "minReached", "probeInterval", "probeTimeout", "cidrsAllowed", "on"];

it.each([
  ["timeuot", "timeout"],
  ["Timeout", "timeout"],
  ["TIMEOUTS", "timeout"],
  ["minreached", "minReached"],
  ["minReach", "minReached"],
  ["probeInterval", "probeInterval"],
  ["probInterval", "probeInterval"],
  ["probTimeout", "probeTimeout"],
  ["CIDRsAllowed", "cidrsAllowed"],
  ["of", "on"],
  ["lable", "label"],
])("takes %s for %s", (given, name) => {
  expect(closestName(given, names)).toBe(name);
});

it.each(["", "x", "nothing", "concur", "signalling", "interval", "t".repeat(1_000_000)])(
  "finds no name close to %.20s",
  (given) => {
    expect(closestName(given, names)).toBeUndefined();
  },
);

it("returns the first of two equally close names", () => {
  expect(closestName("probe", ["probes", "prober"])).toBe("probes");
});

it("counts a replaced, inserted or omitted letter as one edit", () => {
  const name = "abcdefghi";
  const wrong = ["abXdefghi", "abcXdefghi", "abdefghi"];
  expect(wrong.map((given) => closestName(given, [name]))).toEqual([name, name, name]);
  expect(closestName("XXXdefghi", [name])).toBe(name);
  expect(closestName("XXXXefghi", [name])).toBeUndefined();
});

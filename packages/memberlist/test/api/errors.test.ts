import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { ConfigError, JoinError, MemberlistError } from "../../src/index.ts";

describe("the printed form of an error", () => {
  it("shows each failed address of a join once, in the message", () => {
    const error = new MemberlistError("dial_failed", "connection refused");
    const result = {
      reached: 0,
      conflicts: [],
      attempts: ["10.0.0.1", "10.0.0.2"].map((address) => ({ seed: address, address, elapsed: 1, error })),
      seeds: ["10.0.0.1", "10.0.0.2"].map((seed) => ({ seed, reached: 0, elapsed: 1, error })),
    };
    const message = "could not join\n  10.0.0.1: connection refused\n  10.0.0.2: connection refused";
    const failed = new JoinError("join_failed", message, result);
    const printed = inspect(failed, { depth: 9 });
    expect(printed.match(/10\.0\.0\.\d/g)).toEqual(["10.0.0.1", "10.0.0.2"]);
    expect(printed).toContain("code: 'join_failed'");
    expect(failed).toMatchObject(result);
  });

  it("shows each issue of a config once, in the message", () => {
    const issue = { field: "bindPort", value: -1, expected: "a port", message: "bindPort must be a port" };
    const wrong = new ConfigError([issue]);
    expect(inspect(wrong, { depth: 9 }).match(/must be a port/g)).toHaveLength(1);
    expect(wrong.issues).toEqual([issue]);
  });
});

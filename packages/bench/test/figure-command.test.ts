import { describe, expect, it } from "vitest";
import { UsageError } from "../../simulator/src/cli/usage-error.ts";
import { chosen } from "../src/figure-command.ts";

describe("--only", () => {
  const experiments = [{ name: "blocked" }, { name: "acks" }, { name: "cost" }];

  it("keeps the named experiments, in the order of the list", () => {
    expect(chosen(experiments, "cost,blocked")).toEqual([{ name: "blocked" }, { name: "cost" }]);
    expect(chosen(experiments, undefined)).toEqual(experiments);
  });

  it("refuses unknown names, and names the known ones", () => {
    expect(() => chosen(experiments, "cost,speed")).toThrow(
      new UsageError("--only: unknown speed; use names of blocked, acks, cost"),
    );
    expect(() => chosen(experiments, "")).toThrow(/unknown empty name/);
  });
});

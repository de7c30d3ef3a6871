import { describe, expect, it } from "vitest";
import { Figure, ReleaseChecks } from "../src/release-checks.ts";

describe("ReleaseChecks", () => {
  it("counts the checks of each step, and prints a table with their figures", async () => {
    const lines: string[] = [];
    const checks = new ReleaseChecks((line) => void lines.push(line));
    const size = checks.step("size");
    await size("small enough", () => Promise.resolve(new Figure("3 of 4 KiB")));
    await checks.step("projects")("runs", () => Promise.reject(new Error("it printed: nothing")));
    await size("still small", () => Promise.resolve("any value"));
    expect({ passed: checks.passed, failed: checks.failed }).toEqual({ passed: 2, failed: 1 });
    expect(lines).toEqual(["ok: small enough", "NOT OK: runs\nit printed: nothing", "ok: still small"]);
    expect(checks.table()).toMatch(
      /^step {6}checks {9}time\nsize {6}2 ok {11}0\.0 s {2}3 of 4 KiB\nprojects {2}1 of 1 FAILED {2}0\.0 s\n$/,
    );
  });

  it("fails a check without a network, in one line", async () => {
    const lines: string[] = [];
    const checks = new ReleaseChecks((line) => void lines.push(line));
    const npm = "npm install:\nnpm error code ECONNREFUSED\nnpm error errno ECONNREFUSED\nnpm error FetchError";
    await checks.step("projects")("npm installs them", () => Promise.reject(new Error(npm)));
    expect(lines).toEqual(["NO NETWORK: npm installs them: npm cannot reach its registry"]);
    expect(checks.failed).toBe(1);
  });
});

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InvalidArgumentError } from "commander";
import { afterEach, beforeEach, expect, it } from "vitest";
import { outputFile, outputFolder } from "../src/cli/output-path.ts";
import { RunLog } from "../src/cli/run-log.ts";
import { UsageError } from "../src/cli/usage-error.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "output-path-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

it("creates the folder and its parents", () => {
  const wanted = join(folder, "a", "b");
  expect(outputFolder(wanted)).toBe(wanted);
  expect(existsSync(wanted)).toBe(true);
  expect(outputFolder(wanted)).toBe(wanted);
});

it("refuses a path that cannot be written, before any work", () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  for (const wrong of [file, join(file, "below"), ""]) expect(() => outputFolder(wrong)).toThrow(InvalidArgumentError);
  for (const wrong of [folder, join(file, "below"), join(folder, "none", "log")]) {
    expect(() => outputFile(wrong)).toThrow(InvalidArgumentError);
  }
});

it.runIf(process.platform === "linux")("refuses where the system says ENOENT of a folder that it will not make", () => {
  expect(() => outputFolder("/proc/nope")).toThrow(InvalidArgumentError);
});

it("continues a log, and reports the line that is invalid", () => {
  const file = join(folder, "log");
  const log = new RunLog<{ seed: number }, string>(outputFile(file));
  log.add({ seed: 1 }, "one");
  expect(new RunLog<{ seed: number }, string>(file).get({ seed: 1 })).toBe("one");
  for (const line of ["not JSON", "{}", "7"]) {
    writeFileSync(file, `${JSON.stringify({ input: 1, outcome: 2 })}\n${line}\n`);
    expect(() => new RunLog(file)).toThrow(UsageError);
    expect(() => new RunLog(file)).toThrow("line 2");
  }
});

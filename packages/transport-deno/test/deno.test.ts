import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

/** The path of a Deno; CI fetches one. Without it this suite is skipped. */
const deno = process.env["DENO"] ?? "";
if (deno === "") process.stdout.write("DENO is not set to the path of a Deno: its tests are skipped\n");

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));

describe.skipIf(deno === "")("on Deno, from the TypeScript sources", () => {
  it("type-checks", async () => {
    const files = ["packages/transport-deno/src/index.ts", "packages/transport-deno/test/deno-test.ts"];
    await expect(run(deno, ["check", ...files], { cwd: root })).resolves.toBeDefined();
  }, 60_000);

  it("passes its own tests, which leak nothing, with no permission but the network's", async () => {
    const args = [
      "test",
      "--no-check",
      "--no-prompt",
      "--allow-net",
      "--unstable-net",
      "packages/transport-deno/test/deno-test.ts",
    ];
    const { stdout } = await run(deno, args, { cwd: root, env: { ...process.env, NO_COLOR: "1" }, timeout: 50_000 });
    expect(stdout).toMatch(/ok \| \d+ passed \| 0 failed/);
  }, 60_000);
});

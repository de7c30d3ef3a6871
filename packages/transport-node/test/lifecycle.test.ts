import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "tsup";
import { expect, it } from "vitest";

it("lets the process exit by itself after a shutdown", async () => {
  const folder = await mkdtemp(join(tmpdir(), "memberlist-smoke-"));
  try {
    await build({
      entry: [fileURLToPath(new URL("./fixtures/smoke.ts", import.meta.url))],
      outDir: folder,
      outExtension: () => ({ js: ".mjs" }),
      format: ["esm"],
      platform: "node",
      target: "node20",
      config: false,
      silent: true,
      noExternal: [/.*/],
      banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
      esbuildOptions: (options) => {
        options.conditions = ["@memberlist/source"];
      },
    });
    const run = promisify(execFile)(process.execPath, [join(folder, "smoke.mjs")], { timeout: 10_000 });
    expect((await run).stdout).toBe("done\n");
  } finally {
    await rm(folder, { recursive: true });
  }
});

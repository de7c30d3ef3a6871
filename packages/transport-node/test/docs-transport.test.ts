import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, expect, it } from "vitest";
import { transportConformance } from "@memberlist/core/testing";
import { nodeHarness } from "./conformance-support.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
/** Inside the package, so that the bundles find its dependencies. */
const folder = join(here, "../node_modules/.cache/node-test");
mkdirSync(folder, { recursive: true });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ruleCount = transportConformance(nodeHarness(() => ({ host: "", port: 0, name: "" }))).length;

/** Runs TypeScript under `node --test`. Returns how many tests passed, and the output if some failed. */
async function nodeTest(contents: string): Promise<{ passed: number; failures: string }> {
  const outfile = join(folder, "transport.test.mjs");
  await build({
    stdin: { contents, resolveDir: here, loader: "ts" },
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    conditions: ["@memberlist/source"],
    external: ["dns-packet", "piscina"],
    logLevel: "error",
  });
  const { stdout, stderr } = spawnSync(process.execPath, ["--test", "--test-reporter=tap", outfile], {
    encoding: "utf8",
    timeout: 60_000,
  });
  const count = (kind: string): number => Number(new RegExp(`^# ${kind} (\\d+)`, "m").exec(stdout)?.[1] ?? Number.NaN);
  return { passed: count("pass"), failures: count("fail") === 0 ? "" : stdout + stderr };
}

it("passes the conformance suite under node:test with the transport of docs/guide/transports.md, in under 110 lines", async () => {
  const page = readFileSync(join(here, "../../../docs/guide/transports.md"), "utf8");
  const program = /```ts\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
  expect(program.split("\n").length).toBeLessThan(110);
  const { passed, failures } = await nodeTest(program);
  expect(failures).toBe("");
  expect(passed).toBe(ruleCount);
}, 90_000);

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { cliProgram } from "../../cli/test/program.ts";
import { seededBytes, toBase64 } from "../src/peer-protocol.ts";
import { findRuntime } from "../src/runtimes.ts";
import { quiet, useCluster } from "./support.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const key = toBase64(seededBytes(32, 7));
const deno = findRuntime("deno");
const bun = findRuntime("bun");
const permissions = ["--no-prompt", "--no-check", "--allow-net", "--allow-env", "--allow-read", "--allow-sys", "--unstable-net"];

/** If a runtime is missing, deno.test.ts or bun.test.ts prints a line. */
const runtimes: readonly (readonly [string, () => Promise<readonly string[]>])[] = [
  ...(bun === undefined ? [] : [["Bun", async () => [bun, await cliProgram()]] as const]),
  ...(deno === undefined
    ? []
    : [
        [
          "Deno",
          async () => [deno, "run", "--quiet", "--conditions=@memberlist/source", ...permissions, "packages/cli/src/deno.ts"],
        ] as const,
      ]),
];

describe.skipIf(runtimes.length === 0)("the command line on other runtimes", () => {
  const cluster = useCluster();

  it.each(runtimes)("%s: lists an encrypted cluster, and examines it", { timeout: 60_000 }, async (_name, command) => {
    const [a, b] = [
      await cluster.start("node", "a", { ...quiet, secretKey: key }),
      await cluster.start("node", "b", { ...quiet, secretKey: key }),
    ];
    await cluster.form(a, b);
    const [program, ...before] = (await command()) as [string, ...string[]];
    const run = (
      ...args: readonly string[]
    ): { readonly status: number | null; readonly stdout: string; readonly stderr: string } =>
      spawnSync(program, [...before, ...args], {
        cwd: root,
        encoding: "utf8",
        env: { ...process.env, NO_COLOR: "1", MEMBERLIST_KEY: key },
      });
    const listed = run("members", a.address, "--json");
    expect(listed.stderr).toBe("");
    expect(JSON.parse(listed.stdout)).toMatchObject({ members: [{ name: "a" }, { name: "b" }] });
    const rtt = run("rtt", a.address, "--count", "2", "--interval", "0.1");
    expect(rtt.stdout).toMatch(/^b .* 0 of 2$/m);
    const examined = run("doctor", a.address, "--json", "--duration", "1");
    expect(JSON.parse(examined.stdout)).toMatchObject({
      members: [
        { name: "a", lost: 0 },
        { name: "b", lost: 0 },
      ],
      pairsTried: 1,
    });
    expect(run("members", "127.0.0.1:1").status).toBe(3);
  });
});

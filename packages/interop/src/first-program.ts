import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createMemberlist, decodeKey, generateKey, lanConfig } from "@memberlist/transport-node";
import { workspace } from "./packed-tarball.ts";
import { until } from "./until.ts";

/** The command that runs README.md's first program on a runtime, and its project. */
export interface FirstProgram {
  /** A project with the packages installed. */
  readonly folder: string;
  readonly file: string;
  /** The program that runs it, and the arguments before the file. */
  readonly command: readonly [string, ...string[]];
  readonly transport: "@memberlist/transport-node" | "@memberlist/transport-deno";
}

const seedName = "seed-1";

/** Runs README.md's first program in a project beside a member that is its seed, until it reports that member. */
export async function runFirstProgram({ folder, file, command, transport }: FirstProgram): Promise<void> {
  const key = generateKey();
  const loopback = { bindAddr: "127.0.0.1", bindPort: 0 };
  const label = "shop-production";
  const seed = await createMemberlist({ ...lanConfig(), ...loopback, name: seedName, label, secretKey: decodeKey(key) });
  try {
    const { addr, port } = seed.localNode();
    await writeFile(join(folder, file), await firstProgram(transport, `${addr}:${port}`));
    const [program, ...args] = command;
    const child = spawn(program, [...args, file], { cwd: folder, env: { ...process.env, GOSSIP_KEY: key, NO_COLOR: "1" } });
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (printed += text));
    const closed = new Promise<void>((resolve) => {
      child.once("error", (error) => ((printed += String(error)), resolve()));
      child.once("close", () => resolve());
    });
    try {
      await until(() => printed.includes(`join ${seedName}\n`), {
        what: "README.md's first program reports the other member",
        timeout: 60_000,
        details: () => printed,
      });
      if (seed.numMembers() !== 2) throw new Error("the seed does not list README.md's first program");
    } finally {
      child.kill("SIGKILL");
      await closed;
    }
  } finally {
    await seed.shutdown();
  }
}

/** The first example of README.md, on loopback, with the seed's address. */
async function firstProgram(transport: string, seed: string): Promise<string> {
  const readme = await readFile(join(workspace, "README.md"), "utf8");
  const [, program = ""] = /```ts\n([\s\S]*?)```/.exec(readme) ?? [];
  const changes = [
    ["@memberlist/transport-node", transport],
    ["...lanConfig(),", '...lanConfig(), bindAddr: "127.0.0.1", bindPort: 0,'],
    ['["10.0.0.5:7946", "10.0.0.6:7946"]', JSON.stringify([seed])],
  ] as const;
  return changes.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`README.md's first program does not contain ${from}:\n${text}`);
    return text.replace(from, to);
  }, program);
}

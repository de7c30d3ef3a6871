import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nameServer, searchedDomain } from "../src/lookup-run.ts";
import { buildNodeProgram } from "../src/node-toolchain.ts";
import { findRuntime } from "../src/runtimes.ts";
import { canUseNamespaces } from "./linked-namespaces.ts";

const run = promisify(execFile);
const isPossible = canUseNamespaces("name servers that do not answer");

/** The installed runtimes: this file fetches none. */
const runtimes = (["node20", "node26", "bun", "deno"] as const).filter((id) => findRuntime(id) !== undefined);

/** Its own loopback, and its own configuration of names. */
const script = 'ip link set lo up && mount --bind "$0" /etc/resolv.conf && exec "$@"';

async function programOf(
  id: (typeof runtimes)[number],
  allowed: readonly string[] = ["--no-prompt", "--allow-net"],
): Promise<string[]> {
  const program = findRuntime(id) as string;
  if (id !== "deno") return [program, await buildNodeProgram("lookup-node")];
  const source = fileURLToPath(new URL("../src/lookup-deno.ts", import.meta.url));
  return [program, "run", "--quiet", "--no-check", ...allowed, "--unstable-net", source];
}

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), "memberlist-dns-"))));
afterAll(() => rm(folder, { recursive: true }));

/** What runs a program where the system has this resolv.conf. */
async function withConfig(config: string, program: readonly string[]): Promise<string[]> {
  const path = join(folder, `${randomUUID()}.conf`);
  await writeFile(path, config);
  return ["-n", "-m", "sh", "-c", script, path, ...program];
}

describe.runIf(isPossible)("a process whose name server never answers", () => {
  it.each(runtimes.flatMap((id) => [0, 2_000].map((timeout) => ({ id, timeout }))))(
    "ends soon after a shutdown: $id, join with a timeout of $timeout ms (0: shut down in the middle)",
    async ({ id, timeout }) => {
      const command = await withConfig(`nameserver ${nameServer}\n`, [...(await programOf(id)), String(timeout)]);
      const { stdout } = await run("unshare", command, { timeout: 40_000 });
      // The system's resolver gives up after 10 s.
      expect(Date.now() - Number(stdout)).toBeLessThan(4_000);
    },
    45_000,
  );
});

/** As in a cluster whose uplink is down: names outside the domains of the search list get no answer. */
const searching = `nameserver ${nameServer}\nsearch ns.${searchedDomain} ${searchedDomain}\noptions ndots:5\n`;

describe.runIf(isPossible)("a process whose name server answers for the domains of the search list alone", () => {
  async function output(program: readonly string[]): Promise<string> {
    const server = [process.execPath, await buildNodeProgram("lookup-node"), "serve"];
    const { stdout } = await run("unshare", await withConfig(searching, [...server, ...program]), { timeout: 20_000 });
    return stdout.trim();
  }

  it.each(runtimes)("finds a host in one of them by its short name: %s", async (id) => {
    expect(await output([...(await programOf(id)), "searched"])).toBe("1");
  });

  // Where Deno asks for a permission it waits for an answer on the terminal.
  it.runIf(runtimes.includes("deno")).each([
    ["the members and the host", ["--allow-net=127.0.0.1,0.0.0.0,node-0.pool"]],
    ["these and the name server", [`--allow-net=127.0.0.1,0.0.0.0,node-0.pool,${nameServer}`, "--allow-read=/etc/resolv.conf"]],
  ])("prompts for nothing on a terminal, on Deno with a network limited to %s", async (_, allowed) => {
    const program = [...(await programOf("deno", allowed)), "searched"];
    expect(await output(["script", "-qec", program.join(" "), "/dev/null"])).toBe("1");
  });
});

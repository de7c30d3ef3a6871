import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silentServer } from "../src/lookup-run.ts";
import { buildNodeProgram } from "../src/node-toolchain.ts";
import { findRuntime } from "../src/runtimes.ts";
import { whyNoNamespaces } from "./linked-namespaces.ts";

const run = promisify(execFile);
const why = whyNoNamespaces();
if (why !== undefined) process.stdout.write(`${why}: no name server is silent\n`);

/** Nothing is fetched here: a runtime that is not there is left out. */
const runtimes = (["node20", "node26", "bun", "deno"] as const).filter((id) => findRuntime(id) !== undefined);

/** Its own loopback, and its own configuration of names. */
const script = 'ip link set lo up && mount --bind "$0" /etc/resolv.conf && exec "$@"';

describe.skipIf(why !== undefined)("where the system's name server never answers", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "memberlist-dns-"));
    await writeFile(join(folder, "resolv.conf"), `nameserver ${silentServer}\n`);
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function programOf(id: (typeof runtimes)[number]): Promise<string[]> {
    const program = findRuntime(id) as string;
    if (id !== "deno") return [program, await buildNodeProgram("lookup-node")];
    const source = fileURLToPath(new URL("../src/lookup-deno.ts", import.meta.url));
    return [program, "run", "--quiet", "--no-prompt", "--no-check", "--allow-net", "--unstable-net", source];
  }

  it.each(runtimes.flatMap((id) => [0, 2_000].map((timeout) => ({ id, timeout }))))(
    "the process ends soon after a shutdown: $id, join with a timeout of $timeout ms (0: shut down in the middle)",
    async ({ id, timeout }) => {
      const command = ["-n", "-m", "sh", "-c", script, join(folder, "resolv.conf"), ...(await programOf(id)), String(timeout)];
      const { stdout } = await run("unshare", command, { timeout: 40_000 });
      // The system's resolver gives up after 10 s.
      expect(Date.now() - Number(stdout)).toBeLessThan(4_000);
    },
    45_000,
  );
});

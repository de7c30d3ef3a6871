import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface Runtime {
  readonly name: "node" | "bun" | "go" | "dgram";
  /** Program and arguments of one node. */
  readonly command: readonly [string, ...string[]];
}

/** This file's code runs from `bin/`, next to the node's program. */
const program = fileURLToPath(new URL("node-program.mjs", import.meta.url));
const goSources = fileURLToPath(new URL("../go-node/", import.meta.url));
const goProgram = fileURLToPath(new URL(process.platform === "win32" ? "go-node.exe" : "go-node", import.meta.url));

/**
 * Whoever can take part on this machine. Bun is found through the environment variable BUN, as in the tests.
 *
 * @param skipped told in one line why one does not take part
 */
export async function runtimes(skipped: (line: string) => void): Promise<readonly Runtime[]> {
  const found: Runtime[] = [{ name: "node", command: [process.execPath, program, "memberlist"] }];
  const bun = process.env["BUN"];
  if (bun === undefined) skipped("bun: skipped, BUN is not set to the path of a Bun");
  else found.push({ name: "bun", command: [bun, program, "memberlist"] });
  try {
    await run("go", ["build", "-trimpath", "-o", goProgram, "."], { cwd: goSources });
    found.push({ name: "go", command: [goProgram] });
  } catch (error) {
    skipped(`go: skipped, its node cannot be built: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`);
  }
  found.push({ name: "dgram", command: [process.execPath, program, "dgram"] });
  return found;
}

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { goAvailable } from "@memberlist/interop";

const run = promisify(execFile);
/** This file's code runs from `bin/`. */
const sources = fileURLToPath(new URL("../go-node/", import.meta.url));
const program = fileURLToPath(new URL(process.platform === "win32" ? "go-node.exe" : "go-node", import.meta.url));

/** The path of the Go node, built; undefined where there is no Go. */
export async function buildGoNode(): Promise<string | undefined> {
  if (!(await goAvailable())) return undefined;
  await run("go", ["build", "-trimpath", "-o", program, "."], { cwd: sources });
  return program;
}

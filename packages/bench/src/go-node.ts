import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { goAvailable } from "@memberlist/interop";

const run = promisify(execFile);

/** Builds the Go node, and returns its path; undefined without Go. */
export function buildGoNode(): Promise<string | undefined> {
  return buildGo("go-node", "../go-node/", ".");
}

/** The same for the Go peer of the interop suite. */
export function buildGoPeer(): Promise<string | undefined> {
  return buildGo("go-peer", "../../interop/go-peer/", "./cmd");
}

/** @param sources relative to `bin/`, from where this file's code runs */
async function buildGo(name: string, sources: string, goPackage: string): Promise<string | undefined> {
  if (!(await goAvailable())) return undefined;
  const program = fileURLToPath(new URL(process.platform === "win32" ? `${name}.exe` : name, import.meta.url));
  await run("go", ["build", "-trimpath", "-o", program, goPackage], { cwd: fileURLToPath(new URL(sources, import.meta.url)) });
  return program;
}

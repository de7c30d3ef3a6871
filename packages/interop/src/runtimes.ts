import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export type RuntimeId = "node20" | "node22" | "node24" | "node26" | "deno" | "bun";

interface RuntimePackage {
  /** The npm package that brings the program, and its exact version. */
  readonly name: string;
  readonly version: string;
  /** The program inside of an installed package; undefined when the install has not brought one for this machine. */
  readonly program: (modules: string) => string | undefined;
}

const exe = process.platform === "win32" ? ".exe" : "";
const nodeProgram = (modules: string): string => join(modules, "node", "bin", `node${exe}`);

/** A runtime of the environment's choice is named by the id in capitals: NODE22, DENO, BUN. */
const runtimePackages: Readonly<Record<RuntimeId, RuntimePackage>> = {
  node20: { name: "node", version: "20.20.2", program: nodeProgram },
  node22: { name: "node", version: "22.23.3", program: nodeProgram },
  node24: { name: "node", version: "24.21.0", program: nodeProgram },
  node26: { name: "node", version: "26.10.0", program: nodeProgram },
  deno: { name: "deno", version: "2.9.6", program: denoProgram },
  bun: { name: "bun", version: "1.4.5", program: (modules) => join(modules, "bun", "bin", "bun.exe") },
};

export const runtimeIds: readonly RuntimeId[] = Object.keys(runtimePackages) as RuntimeId[];

const cache = fileURLToPath(new URL("../../../node_modules/.cache/runtimes/", import.meta.url));
const run = promisify(execFile);

/** Deno's own launcher is a Node script: killing that one would leave the program alive. */
function denoProgram(modules: string): string | undefined {
  const folder = join(modules, "@deno");
  const [platform] = existsSync(folder) ? readdirSync(folder) : [];
  return platform === undefined ? undefined : join(folder, platform, `deno${exe}`);
}

/**
 * The program of a runtime, without fetching anything: the one that the environment names (even if it is not there: then what runs
 * it fails), this process's own if it is that Node, or the one that was fetched before.
 */
export function findRuntime(id: RuntimeId): string | undefined {
  const named = process.env[id.toUpperCase()];
  if (named !== undefined && named !== "") return named;
  const own = process.versions["bun"] === undefined && process.versions["deno"] === undefined;
  if (own && id === `node${process.versions.node.split(".")[0]}`) return process.execPath;
  return fetched(id);
}

/**
 * The program of a runtime, by npm if it is not there yet. `progress` gets one line before a download.
 * Rejects with npm's own words when it cannot be fetched.
 */
export async function fetchRuntime(id: RuntimeId, progress: (line: string) => void): Promise<string> {
  const found = findRuntime(id);
  if (found !== undefined) return found;
  const { name, version } = runtimePackages[id];
  progress(`fetching ${name}@${version} (once; kept in node_modules/.cache/runtimes)`);
  const unfinished = `${folderOf(id)}.${process.pid}`;
  try {
    await mkdir(unfinished, { recursive: true });
    await install(unfinished, `${name}@${version}`);
    // Another process may have been faster: its install is the same.
    await rename(unfinished, folderOf(id)).catch((error: unknown) => {
      if (fetched(id) === undefined) throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  const program = fetched(id);
  if (program === undefined) throw new Error(`${name}@${version} brings no program for ${process.platform} on ${process.arch}`);
  return program;
}

async function install(folder: string, what: string): Promise<void> {
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const args = ["install", "--no-audit", "--no-fund", "--no-save", "--loglevel=error", "--prefix", folder, what];
  try {
    await run(npm, args, { cwd: folder, timeout: 300_000, shell: process.platform === "win32" });
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim() ?? "";
    const reason = said === "" ? String(error) : said;
    throw new Error(`${what} could not be fetched by npm (does this machine have a network?):\n${reason}`, { cause: error });
  }
}

function fetched(id: RuntimeId): string | undefined {
  const program = runtimePackages[id].program(join(folderOf(id), "node_modules"));
  return program !== undefined && existsSync(program) ? program : undefined;
}

function folderOf(id: RuntimeId): string {
  const { name, version } = runtimePackages[id];
  return join(cache, `${name}-${version}`);
}

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const packageDir = fileURLToPath(new URL("..", import.meta.url));
const sourceDir = join(packageDir, "go-peer");

/** Where built peers are kept; not committed. */
export const binDir: string = join(packageDir, "bin");

let version: Promise<string | undefined> | undefined;
let building: Promise<string> | undefined;

/** What `go version` says, or undefined where there is no Go. Asked once. */
export function goVersion(): Promise<string | undefined> {
  version ??= run("go", ["version"]).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
  return version;
}

/**
 * Whether the Go peer can be built here. If not, says so in one line (once); in CI that is an error instead, so that the
 * suite never passes there without having met Go.
 */
export async function goAvailable(): Promise<boolean> {
  if ((await goVersion()) !== undefined) return true;
  const line = "interop: Go was not found, so nothing here runs against the Go library (install Go 1.25 or newer)";
  if (process.env["CI"]) throw new Error(line);
  if (!shown) process.stderr.write(`${line}\n`);
  shown = true;
  return false;
}
let shown = false;

/** Builds the Go peer unless that has been done for these sources, and returns the path of the program. */
export function buildGoPeer(): Promise<string> {
  building ??= build();
  return building;
}

async function build(): Promise<string> {
  const toolchain = await goVersion();
  if (toolchain === undefined) throw new Error("the Go peer cannot be built: Go was not found");
  const program = join(binDir, `go-peer-${sourceHash(toolchain)}${process.platform === "win32" ? ".exe" : ""}`);
  if (existsSync(program)) return program;
  await mkdir(binDir, { recursive: true });
  const unfinished = `${program}.${process.pid}`;
  try {
    await run("go", ["build", "-trimpath", "-o", unfinished, "."], { cwd: sourceDir });
    // Several test processes may build at once; whichever renames last has made the same program.
    await rename(unfinished, program);
  } finally {
    await rm(unfinished, { force: true });
  }
  return program;
}

function sourceHash(toolchain: string): string {
  const hash = createHash("sha256").update(toolchain);
  for (const file of readdirSync(sourceDir)
    .filter((name) => /\.(go|mod|sum)$/.test(name))
    .sort()) {
    hash.update(`\0${file}\0`).update(readFileSync(join(sourceDir, file)));
  }
  return hash.digest("hex").slice(0, 16);
}

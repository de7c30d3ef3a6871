import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const packageDir = fileURLToPath(new URL("..", import.meta.url));

/** Where built peers are kept; not committed. */
export const binDir: string = join(packageDir, "bin");

/** The Go programs of this package, each in a folder and a Go module of its own. All are built on go-peer. */
export type GoProgram = "go-peer" | "go-alertmanager" | "go-dskit" | "go-serf";

/** Extra arguments of `go build`, and the package. */
const buildArguments: Readonly<Record<GoProgram, readonly string[]>> = {
  "go-peer": ["./cmd"],
  "go-alertmanager": ["."],
  // The fork of memberlist that dskit uses takes its metrics from another module by default.
  "go-dskit": ["-tags", "hashicorpmetrics", "."],
  "go-serf": ["."],
};

let version: Promise<string | undefined> | undefined;
const building = new Map<GoProgram, Promise<string>>();

/** The output of `go version`, or undefined without Go. */
export function goVersion(): Promise<string | undefined> {
  version ??= run("go", ["version"]).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
  return version;
}

/**
 * Whether Go programs can be built here. If not, prints so in one line (once); in CI it throws instead, so that the
 * suite never passes there without the Go library.
 */
export async function goAvailable(): Promise<boolean> {
  if ((await goVersion()) !== undefined) return true;
  const line = "interop: Go was not found, so nothing here runs against the Go library (install Go 1.26 or newer)";
  if (process.env["CI"]) throw new Error(line);
  if (!shown) process.stderr.write(`${line}\n`);
  shown = true;
  return false;
}
let shown = false;

/** Builds the Go peer unless that has been done for these sources, and returns the path of the program. */
export function buildGoPeer(): Promise<string> {
  return buildGoProgram("go-peer");
}

/** The same for any of the Go programs. The first build fetches Go modules and takes a minute or two. */
export function buildGoProgram(name: GoProgram): Promise<string> {
  const known = building.get(name) ?? build(name);
  building.set(name, known);
  return known;
}

async function build(name: GoProgram): Promise<string> {
  const toolchain = await goVersion();
  if (toolchain === undefined) throw new Error(`${name} cannot be built: Go was not found`);
  const suffix = process.platform === "win32" ? ".exe" : "";
  const program = join(binDir, `${name}-${sourceHash(name, toolchain)}${suffix}`);
  if (existsSync(program)) return program;
  await mkdir(binDir, { recursive: true });
  const unfinished = `${program}.${process.pid}`;
  try {
    await run("go", ["build", "-trimpath", "-o", unfinished, ...buildArguments[name]], { cwd: join(packageDir, name) });
    // Several test processes may build at once. They make the same program, so the last one to rename wins.
    await rename(unfinished, program);
  } finally {
    await rm(unfinished, { force: true });
  }
  return program;
}

function sourceHash(name: GoProgram, toolchain: string): string {
  const hash = createHash("sha256").update(toolchain);
  for (const folder of new Set(["go-peer", "go-peer/cmd", name])) {
    const files = readdirSync(join(packageDir, folder)).filter((file) => /\.(go|mod|sum)$/.test(file));
    for (const file of files.sort()) hash.update(`\0${file}\0`).update(readFileSync(join(packageDir, folder, file)));
  }
  return hash.digest("hex").slice(0, 16);
}

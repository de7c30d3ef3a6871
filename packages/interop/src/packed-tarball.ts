import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly license?: string;
  readonly engines?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly repository?: { readonly url: string };
  readonly homepage?: string;
  readonly bugs?: { readonly url: string };
}

/** A package as `pnpm pack` makes it. */
export interface Tarball {
  readonly name: string;
  readonly file: string;
  /** The folder that it was packed from. */
  readonly source: string;
  /** Where its content lies unpacked. */
  readonly content: string;
}

export const workspace: string = fileURLToPath(new URL("../../../", import.meta.url));

const run = promisify(execFile);
const shell = process.platform === "win32";

/** What a program prints to its standard output; see {@link sayAll}. */
export async function say(cwd: string, command: string, ...args: readonly string[]): Promise<string> {
  return (await sayAll(cwd, command, args)).stdout;
}

/**
 * Runs a program to its end. Rejects with all that it printed when its exit code is not 0, or when it takes longer than `timeout`, in ms: by default
 * 5 minutes, because the machine may be busy.
 */
export async function sayAll(
  cwd: string,
  command: string,
  args: readonly string[],
  timeout: number = 300_000,
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  try {
    return await run(command, args, { cwd, shell, timeout, env: { ...process.env, NO_COLOR: "1" } });
  } catch (error) {
    const { stdout = "", stderr = "", killed = false } = error as { stdout?: string; stderr?: string; killed?: boolean };
    const end = killed ? `${stderr}it took longer than ${timeout / 1000} s` : stderr || String(error);
    throw new Error(`${command} ${args.join(" ")}:\n${stdout}${end}`, { cause: error });
  }
}

/** Packs all packages that are not private, as they are built. */
export async function packAll(folder: string): Promise<Tarball[]> {
  const tarballs: Tarball[] = [];
  for (const name of readdirSync(join(workspace, "packages"))) {
    const source = join(workspace, "packages", name);
    if (!existsSync(join(source, "package.json"))) continue;
    const manifest = manifestOf(source);
    if (manifest.private) continue;
    const file = join(folder, `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`);
    await say(source, "npx", "-y", "pnpm@12", "pack", "--pack-destination", folder);
    const unpacked = join(folder, name);
    await mkdir(unpacked);
    await say(folder, "tar", "-xzf", file, "-C", unpacked);
    tarballs.push({ name: manifest.name, file, source, content: join(unpacked, "package") });
  }
  return tarballs;
}

/** What is wrong with the content of a tarball, in the eyes of somebody who installs it. */
export function contentProblems({ name, content }: Pick<Tarball, "name" | "content">): string[] {
  const problems = addressProblems(content);
  const { license, engines, dependencies = {}, exports = {} } = manifestOf(content);
  for (const [file, least] of [
    ["README.md", 500],
    ["LICENSE", 10_000],
  ] as const) {
    const size = statSync(join(content, file), { throwIfNoEntry: false })?.size ?? 0;
    if (size < least) problems.push(`${file} has ${size} bytes`);
  }
  const readme = join(content, "README.md");
  if (existsSync(readme) && !readFileSync(readme, "utf8").startsWith(`# ${name}\n`)) {
    problems.push(`README.md is not about ${name}`);
  }
  if (license !== "MPL-2.0") problems.push("package.json names no license");
  if (engines === undefined) problems.push("package.json names no engines");
  for (const [dependency, version] of Object.entries(dependencies)) {
    if (!/^\d+\.\d+\.\d+$/.test(version)) problems.push(`${dependency} is wanted as ${version}`);
  }
  const targets = Object.values(exports).flatMap((entry) => (typeof entry === "string" ? [entry] : Object.values(entry)));
  if (targets.length === 0) problems.push("the package exports no path");
  for (const target of targets) if (!existsSync(join(content, target))) problems.push(`${target} is exported and is not there`);
  for (const file of readdirSync(content)) {
    if (!["README.md", "LICENSE", "package.json", "dist", "src"].includes(file)) problems.push(`${file} does not belong there`);
  }
  return problems;
}

/** Fields and links that lead to another repository than the workspace's. */
function addressProblems(content: string): string[] {
  const url = manifestOf(workspace).repository?.url ?? "";
  const address = url.replace(/^git\+|\.git$/g, "");
  const { repository, homepage = "", bugs } = manifestOf(content);
  const problems: string[] = [];
  if (repository?.url !== url) problems.push(`repository is ${repository?.url}, but that of the workspace is ${url}`);
  if (!homepage.startsWith(`${address}/`)) problems.push(`homepage is ${homepage}, which is not in ${address}`);
  if (bugs?.url !== `${address}/issues`) problems.push(`bugs is ${bugs?.url}, but the issues are at ${address}/issues`);
  const readme = join(content, "README.md");
  const text = existsSync(readme) ? readFileSync(readme, "utf8") : "";
  const foreign = [...text.matchAll(/\]\((https:\/\/[^)\s]+\/(?:blob|tree)\/main\/[^)\s]+)\)/g)].filter(
    ([, link = ""]) => !link.startsWith(`${address}/`),
  );
  return [...problems, ...foreign.map(([, link]) => `README.md: the link ${link} does not lead to ${address}`)];
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

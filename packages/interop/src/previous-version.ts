import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { say, workspace } from "./packed-tarball.ts";

const run = promisify(execFile);
const sources = ["packages/memberlist/src", "packages/transport-node/src"];
const packages = ["memberlist", "transport-node"];
const cache = join(workspace, "node_modules/.cache/previous");
const program = "pod-member.mjs";

/** A commit whose packages a running cluster may have. */
export interface PreviousVersion {
  readonly commit: string;
  /** How it was found. */
  readonly what: string;
}

/**
 * The last release; without one, the last commit with other sources of the packages than now; without one, as in a shallow clone, HEAD. Undefined
 * where the sources are not in a Git repository.
 */
export async function findPreviousVersion(): Promise<PreviousVersion | undefined> {
  const tag = await git("describe", "--tags", "--abbrev=0", "--match", "@memberlist/core@*", "HEAD^").catch(() => "");
  if (tag !== "") return { commit: await git("rev-parse", `${tag}^{commit}`), what: `the release ${tag}` };
  const head = await git("rev-parse", "HEAD").catch(() => "");
  if (head === "") return undefined;
  const commits = (await git("log", "-2", "--format=%H", "--", ...sources)).split("\n");
  const isChanged = (await git("status", "--porcelain", "--", ...sources)) !== "";
  const commit = isChanged ? commits[0] : commits[1];
  if (commit === undefined || commit === "") return { commit: head, what: "HEAD, because this clone has no earlier commit" };
  return { commit, what: `commit ${commit.slice(0, 8)}` };
}

/**
 * Builds and packs the packages of a commit, installs the tarballs in an empty project, and returns the path of the commit's pod-member there. A
 * second call for the same commit returns the path at once.
 */
export async function packPreviousVersion({ commit }: PreviousVersion): Promise<string> {
  const folder = join(cache, commit);
  if (existsSync(join(folder, program))) return join(folder, program);
  await mkdir(cache, { recursive: true });
  const unfinished = await mkdtemp(join(cache, "unfinished-"));
  try {
    const tree = join(unfinished, "tree");
    const project = join(unfinished, "project");
    await mkdir(tree);
    await mkdir(project);
    await say(workspace, "sh", "-c", 'git archive "$0" | tar -x -C "$1"', commit, tree);
    const filters = ["--filter", "memberlist-workspace", "--filter", "@memberlist/transport-node..."];
    await say(tree, "npx", "-y", "pnpm@12", "install", "--frozen-lockfile", "--prefer-offline", "--ignore-scripts", ...filters);
    for (const name of packages) {
      const source = join(tree, "packages", name);
      // Declarations take most of the time of a build, and pod-member does not need them.
      await say(source, process.execPath, join(tree, "node_modules/tsup/dist/cli-default.js"), "--no-dts");
      await say(source, "npx", "-y", "pnpm@12", "pack", "--pack-destination", project);
    }
    await writeFile(join(project, "package.json"), JSON.stringify({ name: "previous", private: true, type: "module" }));
    const tarballs = readdirSync(project).filter((file) => file.endsWith(".tgz"));
    await say(project, "npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline", ...tarballs);
    await build({
      entryPoints: [join(tree, "packages/interop/src/pod-member.ts")],
      outfile: join(project, program),
      bundle: true,
      packages: "external",
      format: "esm",
      platform: "node",
      target: "node20",
    });
    // Another process may have been faster: its build is the same.
    await rename(project, folder).catch((error: unknown) => {
      if (!existsSync(join(folder, program))) throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return join(folder, program);
}

async function git(...args: readonly string[]): Promise<string> {
  return (await run("git", args, { cwd: workspace })).stdout.trim();
}

import { mkdir, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { say, sayAll } from "./packed-tarball.ts";
import { Figure, type Check } from "./release-checks.ts";
import { fetchRuntime, type RuntimeId } from "./runtimes.ts";

/** What npm installs beside the tarballs. */
export const bundlers: readonly string[] = [
  "esbuild@0.27.7",
  "webpack@5.113.0",
  "rollup@4.68.8",
  "@rollup/plugin-node-resolve@16.0.3",
  "@rollup/plugin-commonjs@29.0.3",
  "@vercel/ncc@0.45.0",
];

/** The bytes that the core and the Node transport may add to an application, with all dependencies and minified by esbuild. */
const bundleBudget: number = 364 * 1024;

const inline = "all is well, without threads\n";
/** The error of a bundle without the program of members' threads, up to the words of the system. */
const noProgram =
  "thread_unavailable: the member's thread did not start: its program is not next to this module, as in a bundle: bundle";

/** The program of members' threads, bundled as the application that starts it. */
const threadEntry = "thread-entry.js";
const threadPrograms = { "out/app.cjs": "out/thread.cjs", "out/app.mjs": "out/thread.mjs" } as const;

interface Bundle {
  readonly name: string;
  readonly command: readonly string[];
  readonly outfile: string;
  readonly runtime: RuntimeId;
}

const app = "bundle-app.js";

const webpackProgram = `
import webpack from "webpack";
const output = { path: process.cwd() + "/out/webpack", filename: "app.cjs" };
webpack({ mode: "production", target: "node", entry: "./${app}", output }, (error, stats) => {
  if (error) throw error;
  process.stdout.write(stats.toString("errors-warnings"));
  if (stats.hasErrors()) process.exitCode = 1;
});`;

/** The bundlers with their defaults, as by a user who has not read our docs: without a banner or external packages. */
function bundlesOf(bun: string): readonly Bundle[] {
  const esbuild = ["node_modules/.bin/esbuild", app, "--bundle", "--platform=node"];
  const rollup = ["node_modules/.bin/rollup", app, "-f", "es", "-d", "out/rollup", "--entryFileNames", "app.mjs", "--silent"];
  const plugins = ["-p", "@rollup/plugin-node-resolve", "-p", "@rollup/plugin-commonjs"];
  const node20 = (name: string, outfile: string, ...command: readonly string[]): Bundle => {
    return { name, command, outfile, runtime: "node20" };
  };
  return [
    node20("esbuild as CommonJS", "out/app.cjs", ...esbuild, "--format=cjs", "--outfile=out/app.cjs"),
    node20("esbuild as an ES module", "out/app.mjs", ...esbuild, "--format=esm", "--outfile=out/app.mjs"),
    node20("esbuild minified", "out/app.min.mjs", ...esbuild, "--format=esm", "--minify", "--outfile=out/app.min.mjs"),
    node20("webpack", "out/webpack/app.cjs", "node", "webpack.mjs"),
    node20("rollup", "out/rollup/app.mjs", ...rollup, ...plugins),
    node20("ncc", "out/ncc/index.js", "node_modules/.bin/ncc", "build", app, "-o", "out/ncc", "--quiet"),
    {
      name: "bun build",
      command: [bun, "build", app, "--target=bun", "--outfile", "out/bun/app.js"],
      outfile: "out/bun/app.js",
      runtime: "bun",
    },
  ];
}

/**
 * Bundles the application, moves all that is installed away, and runs each bundle.
 *
 * @param folder a project with the tarballs and the {@link bundlers}, and the application compiled
 * @param steps the checks of the bundles, and of their size
 */
export async function checkBundles(
  folder: string,
  { check, size }: { readonly check: Check; readonly size: Check },
): Promise<void> {
  const made = await makeBundles(folder, check);
  await size(`the minified bundle has at most ${bundleBudget} bytes`, async () => {
    const { size: bytes } = await stat(join(folder, "out/app.min.mjs"));
    if (bytes > bundleBudget) throw new Error(`it has ${bytes}`);
    return new Figure(`core and Node transport, minified: ${(bytes / 1024).toFixed(1)} of ${bundleBudget / 1024} KiB`);
  });
  await mkdir(join(folder, "away"));
  await rename(join(folder, "node_modules"), join(folder, "away/node_modules"));
  await runBundles(folder, made, check);
}

const progress = (line: string): void => void process.stderr.write(`${line}\n`);

/** Makes the bundles of the application and of the threads' program. Returns those that a bundler made without warnings. */
async function makeBundles(folder: string, check: Check): Promise<readonly Bundle[]> {
  await writeFile(join(folder, "webpack.mjs"), webpackProgram);
  const made: Bundle[] = [];
  for (const bundle of bundlesOf(await fetchRuntime("bun", progress))) {
    await check(`${bundle.name} bundles an application without warnings`, async () => {
      const [command = "", ...args] = bundle.command;
      const { stdout, stderr } = await sayAll(folder, command, args);
      if (/warn/i.test(stdout + stderr)) throw new Error(stdout + stderr);
      made.push(bundle);
    });
  }
  for (const [outfile, program] of Object.entries(threadPrograms)) {
    await check(`esbuild bundles the program of members' threads to ${program}`, async () => {
      await writeFile(join(folder, threadEntry), 'import "@memberlist/transport-node/thread";\n');
      const format = outfile.endsWith(".cjs") ? "--format=cjs" : "--format=esm";
      await say(
        folder,
        "node_modules/.bin/esbuild",
        threadEntry,
        "--bundle",
        "--platform=node",
        format,
        `--outfile=${program}`,
        "--log-level=error",
      );
    });
  }
  return made;
}

async function runBundles(folder: string, made: readonly Bundle[], check: Check): Promise<void> {
  for (const { name, outfile, runtime } of made) {
    await check(`the bundle of ${name} starts, joins, sends 6 MiB and ends on ${runtime}`, async () => {
      const printed = await say(folder, await fetchRuntime(runtime, progress), outfile);
      if (printed !== inline) throw new Error(`it printed: ${printed}`);
    });
    await check(
      `the bundle of ${name} reports that a member's thread has no program, or runs without a preferred thread`,
      async () => {
        const program = await fetchRuntime(runtime, progress);
        const refused = await say(folder, program, outfile, "refused");
        if (!refused.startsWith(noProgram)) throw new Error(`it printed: ${refused}`);
        const preferred = await say(folder, program, outfile, "prefer");
        if (preferred !== inline) throw new Error(`it printed: ${preferred}`);
      },
    );
  }
  for (const [outfile, threadProgram] of Object.entries(threadPrograms)) {
    await check(`the members of ${outfile} run in threads of ${threadProgram}`, async () => {
      for (const runtime of ["node20", "node26"] as const) {
        const printed = await say(folder, await fetchRuntime(runtime, progress), outfile, threadProgram);
        if (printed !== inline) throw new Error(`it printed on ${runtime}: ${printed}`);
      }
    });
  }
}

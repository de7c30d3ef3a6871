/** The main job, `npx -y pnpm@12 start`: builds what the demonstration needs, the Go peer at the same time, and runs it. */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { BuildJob, type BuildResult } from "./build-job.ts";
import { chooseProgress } from "./build-progress.ts";
import { Interruption } from "./interruption.ts";
import { optionsOf, usage, type DemoOptions } from "./options.ts";

/** Where Go's cache is cold, compiling may take so long, in ms, before the run goes on without: it should not take over a minute. */
const goPatience = 45_000;

// Relative to the folder of interop in which the bundle of this file lies, and to its own folder alike.
const workspaceUrl = new URL("../../../", import.meta.url);
const workspace = fileURLToPath(workspaceUrl);
/** Runs a program of this package from the sources. */
const fromSources = ["scripts/run.mjs", "--bin", "packages/interop/bin"];

/** @returns the arguments that name the Go peer for the demonstration, or undefined when it cannot be run */
async function build({ json, noGo, join }: DemoOptions, interruption: Interruption): Promise<readonly string[] | undefined> {
  const progress = chooseProgress(json, process.stdout);
  const wantsGo = !noGo && join.length === 0;
  progress.begin(wantsGo ? ["the packages", "the Go peer"] : ["the packages"]);
  const turbo = createRequire(workspaceUrl).resolve("turbo/bin/turbo");
  const packages = new BuildJob(
    [process.execPath, turbo, "run", "build", "--filter=@memberlist/demo", "--output-logs=errors-only"],
    workspace,
  );
  const go = wantsGo ? new BuildJob([process.execPath, ...fromSources, "packages/demo/src/build-go.ts"], workspace) : undefined;
  const stop = (): void => [packages, go].forEach((job) => job?.kill());
  interruption.signal.addEventListener("abort", stop);
  try {
    const goArgs =
      go === undefined
        ? Promise.resolve([])
        : awaitGo(go).then((found) => {
            progress.done("the Go peer", found.failure);
            return found.args;
          });
    const built = await packages.done;
    progress.done("the packages", built.ok ? undefined : "failed");
    if (!built.ok) {
      stop();
      await goArgs;
      progress.end();
      if (!interruption.signal.aborted) process.stderr.write(`${built.output}\nthe build failed\n`);
      return undefined;
    }
    return await goArgs;
  } finally {
    progress.end();
    interruption.signal.removeEventListener("abort", stop);
  }
}

async function awaitGo(go: BuildJob): Promise<{ readonly args: readonly string[]; readonly failure?: string }> {
  const timer = setTimeout(() => go.kill(), goPatience);
  const result = await go.done;
  clearTimeout(timer);
  if (result.ok) return { args: ["--go-program", result.stdout] };
  const failure = whyNot(result);
  return { args: ["--without-go", failure], failure };
}

/** One line: the first that describes a failure. */
function whyNot({ code, output, durationMs }: BuildResult): string {
  if (code === 3) return "Go was not found";
  if (code === null && durationMs >= goPatience) {
    return `not built in ${goPatience / 1_000} s (the next start goes on from there)`;
  }
  const first = output.split("\n").find((line) => line.trim() !== "" && !/^(Command failed|#|go: downloading)/.test(line));
  return `it could not be built: ${first?.trim() ?? "ended"}`;
}

async function start(): Promise<number | undefined> {
  const args = process.argv.slice(2);
  const parsed = optionsOf(args);
  if (parsed === undefined) return 2;
  if (parsed.help) {
    process.stdout.write(usage);
    return 0;
  }
  const interruption = new Interruption();
  const goArgs = await build(parsed, interruption);
  interruption.dispose();
  if (interruption.signal.aborted) return interruption.exitCode;
  if (goArgs === undefined) return 1;
  const main = new URL("packages/demo/dist/main.js", workspaceUrl);
  process.argv = [process.execPath, fileURLToPath(main), ...args, ...goArgs];
  await import(main.href);
  return undefined;
}

process.exitCode = (await start()) ?? process.exitCode;

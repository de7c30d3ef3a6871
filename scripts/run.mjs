// Runs a TypeScript program from the sources of all packages, since Node 20 reads no TypeScript. It needs no build.
//
//   node scripts/run.mjs [--bin <folder>] [--memory] <program.ts, or a folder and a name in it> [arguments]
//
// The script bundles the program to the `bin` folder of its package, or to the one given. If its package has programs that it starts
// (`src/**/*-program.ts`), the script bundles them and the threads of the Node transport beside it. If the arguments contain `--thread`, it also
// bundles the program of members' threads. With `--memory` the program may use most of the memory.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { constants, totalmem } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { bundle } from "./bundle.mjs";

/** The file names of the published package, where the transport looks for the programs of its threads. */
const publishedNames = { thread: "memberlist-thread.js", worker: "worker.js" };

const args = process.argv.slice(2);
const option = (name) => args[0] === name && args.shift() !== undefined;
const givenBin = option("--bin") ? resolve(args.shift()) : undefined;
const wantsMemory = option("--memory");
const program = programOf(resolve(args.shift() ?? ""));
const root = packageOf(program);
const bin = givenBin ?? join(root, "bin");

const memberThreads = args.includes("--thread") ? [threadProgram("thread")] : [];
await Promise.all([...new Set([program, ...startedPrograms(root), ...memberThreads])].map((source) => bundleTo(bin, source)));
const outfile = join(bin, `${basename(program, ".ts")}.mjs`);
if (wantsMemory) await runWithMemory(outfile);
else {
  process.argv = [process.execPath, outfile, ...args];
  await import(pathToFileURL(outfile).href);
}

/** A file, or that of the folder which the next argument names. */
function programOf(path) {
  if (path.endsWith(".ts")) return path;
  const names = readdirSync(path)
    // Each program begins with its command.
    .filter((file) => file.endsWith(".ts") && readFileSync(join(path, file), "utf8").startsWith("// "))
    .map((file) => basename(file, ".ts"));
  const name = args.shift();
  if (names.includes(name)) return join(path, `${name}.ts`);
  console.error(`which program? ${names.join("|")} [--help]`);
  return process.exit(2);
}

function packageOf(path) {
  const folder = dirname(path);
  return existsSync(join(folder, "package.json")) ? folder : packageOf(folder);
}

function startedPrograms(folder) {
  const sources = join(folder, "src");
  if (!existsSync(sources)) return [];
  const found = readdirSync(sources, { recursive: true }).filter((file) => file.endsWith("-program.ts"));
  return found.length === 0
    ? []
    : [...found.map((file) => join(sources, file)), threadProgram("worker"), threadProgram("thread")];
}

/** One of the Node transport. */
function threadProgram(name) {
  return fileURLToPath(new URL(`../packages/transport-node/src/${name}.ts`, import.meta.url));
}

function bundleTo(folder, source) {
  const name = basename(source, ".ts");
  return bundle(pathToFileURL(source), pathToFileURL(join(folder, publishedNames[name] ?? `${name}.mjs`)));
}

/** Thousands of simulated nodes take gigabytes. */
async function runWithMemory(file) {
  const memory = Math.min(totalmem(), process.constrainedMemory() || Infinity);
  // Most of what a run makes is short-lived: a larger nursery saves a tenth of the time.
  const flags = [`--max-old-space-size=${Math.floor((0.8 * memory) / 2 ** 20)}`, "--max-semi-space-size=64"];
  // The channel closes when this process is gone, however that was ended.
  const child = spawn(process.execPath, [...flags, file, ...args], { stdio: ["inherit", "inherit", "inherit", "ipc"] });
  // The terminal's signals reach the child, too; what ends this process alone has to end the child.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  const [code, signal] = await new Promise((done, failed) => {
    child.once("error", failed);
    child.once("exit", (...ended) => done(ended));
  });
  // As shells report it: 130 for Ctrl-C.
  process.exitCode = code ?? 128 + constants.signals[signal];
}

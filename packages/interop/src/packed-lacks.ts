import { say } from "./packed-tarball.ts";
import type { Check } from "./release-checks.ts";
import { fetchRuntime, type RuntimeId } from "./runtimes.ts";

const inline = "all is well, without threads\n";
const well = "all is well\n";
const files = ["--allow-fs-read=*", "--allow-fs-write=*"];
/** Node's permission model with all that a member needs on the event loop. */
const permissions = {
  node20: ["--experimental-permission", ...files],
  node22: ["--permission", ...files],
  node24: ["--permission", ...files],
  node26: ["--permission", "--allow-net", ...files],
} as const;

interface Lack {
  readonly what: string;
  readonly runtime: RuntimeId;
  readonly args: readonly string[];
  /** All that it prints, or how that begins. */
  readonly prints: string;
}

function lack(what: string, runtime: RuntimeId, prints: string, ...args: readonly string[]): Lack {
  return { what, runtime, args, prints };
}

/** The same on each Node that has a permission model. */
function underPermissions(what: string, prints: string, ...args: readonly string[]): Lack[] {
  return Object.entries(permissions).map(([runtime, flags]) => lack(what, runtime as RuntimeId, prints, ...flags, ...args));
}

/** The installed application of the bundles: two members, a join, a message of 6 MiB, a lookup, the end of the process. */
const nodeLacks: readonly Lack[] = [
  lack("without threads", "node20", inline, "--import", "./no-threads.mjs", "bundle-app.js"),
  lack("without threads", "node26", inline, "--import", "./no-threads.mjs", "bundle-app.js"),
  lack("without threads", "bun", inline, "--preload", "./no-threads.mjs", "bundle-app.js"),
  ...underPermissions("without the permission for threads", inline, "bundle-app.js"),
  ...underPermissions("in threads with the permission for them", well, "--allow-worker", "bundle-app.js", "thread"),
  lack("without the permission for preferred threads", "node24", inline, ...permissions.node24, "bundle-app.js", "prefer"),
  lack("without preferred threads", "node26", inline, "--import", "./no-threads.mjs", "bundle-app.js", "prefer"),
  lack("without WebAssembly", "node20", well, "--jitless", "bundle-app.js"),
  lack("without WebAssembly", "node24", well, "--jitless", "bundle-app.js"),
  lack("with no file descriptor left for a while", "node20", well, "few-files-app.js"),
  lack("with no file descriptor left for a while", "node26", well, "few-files-app.js"),
  lack("with no file descriptor left for a while", "bun", well, "few-files-app.js"),
];

const noNetwork = "bind_failed: Node's permission model denies the network to this process: start Node with --allow-net\n";
const noThread = "thread_unavailable: the member's thread did not start: start Node with --allow-worker";
const noUdp = "bind_failed: UDP and QUIC are unstable in Deno: start Deno with --unstable-net";
const noDenoNetwork = "bind_failed: binding TCP 127.0.0.1 port 0: Requires net access";
const deno = ["run", "--quiet", "--no-prompt"];

/** The error of a member that cannot run: it names the missing flag. */
const nodeDenied: readonly Lack[] = [
  lack("fails without the permission for the network", "node26", noNetwork, "--permission", ...files, "denied-app.js"),
  ...underPermissions("fails without the permission for threads", noThread, "bundle-app.js", "refused"),
];

const denoDenied: readonly Lack[] = [
  lack("fails without --unstable-net", "deno", noUdp, ...deno, "--allow-net", "denied-deno.ts"),
  lack("fails without --allow-net", "deno", noDenoNetwork, ...deno, "--unstable-net", "denied-deno.ts"),
  lack(
    "starts without --unstable-net if it uses streams alone",
    "deno",
    "started\n",
    ...deno,
    "--allow-net",
    "denied-deno.ts",
    "stream-only",
  ),
];

/** Runs the programs of ../packed on runtimes that lack something: the process survives, or its error names the missing flag. */
export async function checkLacks(nodeProject: string, denoProject: string, check: Check): Promise<void> {
  for (const one of nodeLacks) {
    await check(`the application runs on ${one.runtime} ${one.what}`, () => expectPrint(nodeProject, one));
  }
  for (const one of nodeDenied) await check(`a member on ${one.runtime} ${one.what}`, () => expectPrint(nodeProject, one));
  for (const one of denoDenied) await check(`a member on ${one.runtime} ${one.what}`, () => expectPrint(denoProject, one));
}

async function expectPrint(folder: string, { runtime, args, prints }: Lack): Promise<void> {
  const program = await fetchRuntime(runtime, (line) => void process.stderr.write(`${line}\n`));
  const isLimited = args.includes("few-files-app.js");
  // The program opens files up to the limit: a low limit makes that quick.
  const limited = ["-c", 'ulimit -n 64 && exec "$0" "$@"', program, ...args];
  const printed = isLimited ? await say(folder, "sh", ...limited) : await say(folder, program, ...args);
  if (prints.endsWith("\n") ? printed !== prints : !printed.startsWith(prints)) throw new Error(`it printed: ${printed}`);
}

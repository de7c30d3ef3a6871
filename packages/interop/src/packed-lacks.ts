import { say } from "./packed-tarball.ts";
import { fetchRuntime, type RuntimeId } from "./runtimes.ts";

type Check = (what: string, act: () => Promise<unknown>) => Promise<void>;

const files = ["--allow-fs-read=*", "--allow-fs-write=*"];
const inline = "all is well, without threads\n";

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

/** The application of the bundles, as it is installed: two members, a join, a message of 6 MiB, a lookup, the end of the process. */
const nodeLacks: readonly Lack[] = [
  lack("where no thread can be started", "node20", inline, "--import", "./no-threads.mjs", "bundle-app.js"),
  lack("where no thread can be started", "node26", inline, "--import", "./no-threads.mjs", "bundle-app.js"),
  lack("where no thread can be started", "bun", inline, "--preload", "./no-threads.mjs", "bundle-app.js"),
  lack("without the permission for threads", "node20", inline, "--experimental-permission", ...files, "bundle-app.js"),
  lack("without the permission for threads", "node22", inline, "--permission", ...files, "bundle-app.js"),
  lack("without the permission for threads", "node24", inline, "--permission", ...files, "bundle-app.js"),
  lack("without the permission for threads", "node26", inline, "--permission", "--allow-net", ...files, "bundle-app.js"),
  lack(
    "in threads with the permission for them",
    "node20",
    "all is well\n",
    "--experimental-permission",
    ...files,
    "--allow-worker",
    "bundle-app.js",
    "thread",
  ),
  lack(
    "in threads with the permission for them",
    "node22",
    "all is well\n",
    "--permission",
    ...files,
    "--allow-worker",
    "bundle-app.js",
    "thread",
  ),
  lack(
    "in threads with the permission for them",
    "node24",
    "all is well\n",
    "--permission",
    ...files,
    "--allow-worker",
    "bundle-app.js",
    "thread",
  ),
  lack(
    "in threads with the permission for them",
    "node26",
    "all is well\n",
    "--permission",
    ...files,
    "--allow-net",
    "--allow-worker",
    "bundle-app.js",
    "thread",
  ),
  lack(
    "where threads are preferred and cannot be started",
    "node24",
    inline,
    "--permission",
    ...files,
    "bundle-app.js",
    "prefer",
  ),
  lack(
    "where threads are preferred and cannot be started",
    "node26",
    inline,
    "--import",
    "./no-threads.mjs",
    "bundle-app.js",
    "prefer",
  ),
  lack("without WebAssembly", "node20", "all is well\n", "--jitless", "bundle-app.js"),
  lack("without WebAssembly", "node24", "all is well\n", "--jitless", "bundle-app.js"),
  lack("with no file descriptor left for a while", "node20", "all is well\n", "few-files-app.js"),
  lack("with no file descriptor left for a while", "node26", "all is well\n", "few-files-app.js"),
  lack("with no file descriptor left for a while", "bun", "all is well\n", "few-files-app.js"),
];

const noNetwork = "bind_failed: Node's permission model denies the network to this process: start Node with --allow-net\n";
const noThread = "thread_unavailable: the member's thread did not start: start Node with --allow-worker";
const noUdp = "bind_failed: UDP and QUIC are unstable in Deno: start Deno with --unstable-net";
const noDenoNetwork = "bind_failed: binding TCP 127.0.0.1 port 0: Requires net access";
const deno = ["run", "--quiet", "--no-prompt"];

/** What cannot be done without: an error that names the flag. */
const nodeDenied: readonly Lack[] = [
  lack("fails without the permission for the network", "node26", noNetwork, "--permission", ...files, "denied-app.js"),
  lack(
    "fails without the permission for threads",
    "node20",
    noThread,
    "--experimental-permission",
    ...files,
    "bundle-app.js",
    "refused",
  ),
  lack("fails without the permission for threads", "node22", noThread, "--permission", ...files, "bundle-app.js", "refused"),
  lack("fails without the permission for threads", "node24", noThread, "--permission", ...files, "bundle-app.js", "refused"),
  lack(
    "fails without the permission for threads",
    "node26",
    noThread,
    "--permission",
    ...files,
    "--allow-net",
    "bundle-app.js",
    "refused",
  ),
];

const denoDenied: readonly Lack[] = [
  lack("fails without --unstable-net", "deno", noUdp, ...deno, "--allow-net", "denied-deno.ts"),
  lack("fails without --allow-net", "deno", noDenoNetwork, ...deno, "--unstable-net", "denied-deno.ts"),
  lack("needs no --unstable-net without UDP", "deno", "started\n", ...deno, "--allow-net", "denied-deno.ts", "stream-only"),
];

/** Runs the programs of ../packed on runtimes that lack something: the process survives, or its error says which flag is missing. */
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
  // The program fills what is left up to the limit; a lower one makes that short.
  const limited = ["-c", 'ulimit -n 64 && exec "$0" "$@"', program, ...args];
  const printed = isLimited ? await say(folder, "sh", ...limited) : await say(folder, program, ...args);
  if (prints.endsWith("\n") ? printed !== prints : !printed.startsWith(prints)) throw new Error(`it printed: ${printed}`);
}

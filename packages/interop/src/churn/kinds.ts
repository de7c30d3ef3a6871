import { join } from "node:path";
import { binDir, buildGoPeer, goAvailable } from "../go-toolchain.ts";
import { buildNodePeer } from "../node-toolchain.ts";
import { findRuntime, runtimeIds, type RuntimeId } from "../runtimes.ts";

/** A program that a process of the churn runs. */
export interface ChurnKind {
  /** Such as `node22-thread`: names of members begin with it. */
  readonly name: string;
  readonly isGo: boolean;
  readonly command: readonly string[];
}

/** Deno runs its peer from the sources. */
const denoPeer = join(binDir, "../src/deno-peer.ts");
/** Its thread has to read them. */
const denoReads = `--allow-read=${join(binDir, "../../..")}`;

/** In this order members are started: few members are of many kinds. */
const order: readonly (readonly [RuntimeId | "go", isInThread: boolean])[] = [
  ["node20", false],
  ["go", false],
  ["deno", false],
  ["bun", false],
  ["node26", true],
  ["deno", true],
  ["bun", true],
  ["node22", true],
  ["node24", false],
  ["go", false],
  ["deno", false],
  ["bun", false],
  ["node20", true],
  ["node22", false],
];

/**
 * The kinds that this machine can run, in the order in which to start members; it repeats from its start.
 *
 * @param report gets one line for all runtimes that are missing
 */
export async function churnKinds(report: (line: string) => void): Promise<ChurnKind[]> {
  const hasGo = await goAvailable();
  const missing = runtimeIds.filter((id) => findRuntime(id) === undefined);
  if (missing.length > 0) report(`missing here, and left out: ${missing.join(", ")} (\`pnpm matrix\` fetches them)`);
  const [goPeer, nodePeer] = [hasGo ? await buildGoPeer() : undefined, await buildNodePeer()];
  const kinds: ChurnKind[] = [];
  for (const [id, isInThread] of order) {
    const program = id === "go" ? goPeer : findRuntime(id);
    if (program === undefined) continue;
    const peer = id === "go" ? [] : id === "deno" ? denoArgs(isInThread) : [nodePeer];
    const thread = isInThread ? ["--thread"] : [];
    kinds.push({ name: isInThread ? `${id}-thread` : id, isGo: id === "go", command: [program, ...peer, ...thread] });
  }
  return kinds;
}

function denoArgs(isInThread: boolean): string[] {
  const read = isInThread ? [denoReads] : [];
  return ["run", "--quiet", "--no-prompt", "--no-check", "--allow-net", "--unstable-net", ...read, denoPeer];
}

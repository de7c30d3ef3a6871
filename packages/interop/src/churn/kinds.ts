import { buildGoPeer, goAvailable } from "../go-toolchain.ts";
import { peerArgs } from "../peer-args.ts";
import { findRuntime, runtimeIds, type RuntimeId } from "../runtimes.ts";

/** A program that a process of the churn runs. */
export interface ChurnKind {
  /** Such as `node22-thread`. The names of its members begin with it. */
  readonly name: string;
  readonly isGo: boolean;
  readonly command: readonly string[];
}

/** Members start in this order, so that a small cluster has many kinds. */
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
 * The kinds that this machine can run, in the order in which to start members. After the last one, begin again.
 *
 * @param report gets one line that names the missing runtimes
 */
export async function churnKinds(report: (line: string) => void): Promise<ChurnKind[]> {
  const missing = runtimeIds.filter((id) => findRuntime(id) === undefined);
  if (missing.length > 0)
    report(`runs without these runtimes, which are missing: ${missing.join(", ")} (\`pnpm matrix\` fetches them)`);
  const goPeer = (await goAvailable()) ? await buildGoPeer() : undefined;
  const kinds: ChurnKind[] = [];
  for (const [id, isInThread] of order) {
    const program = id === "go" ? goPeer : findRuntime(id);
    if (program === undefined) continue;
    const args = id === "go" ? [] : await peerArgs(id, isInThread);
    kinds.push({ name: isInThread ? `${id}-thread` : id, isGo: id === "go", command: [program, ...args] });
  }
  return kinds;
}

/** What `node --cpu-prof` writes, as far as it is used here. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** Ids of nodes, one for each sample. */
  readonly samples: readonly number[];
  /** In µs, one for each sample: since the one before. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

/** A function in a place of the call tree. */
export interface Frame {
  readonly name: string;
  /** 0 for the outermost. */
  readonly depth: number;
  /** Shares of the time in all, from 0 to 1. */
  readonly from: number;
  readonly to: number;
}

export interface SelfTime {
  readonly name: string;
  /** Of the time in all, without what it calls. */
  readonly share: number;
}

/** Says where a function comes from, given where it is in the program that was run; the name alone where that is not known. */
export type Naming = (frame: ProfileNode["callFrame"]) => string;

/**
 * Functions of a bundle by name and source file: esbuild writes the path of each file as a comment in front of what came of it.
 *
 * @param source the bundle's text
 */
export function bundleNaming(source: string): Naming {
  const files: string[] = [];
  let file = "";
  for (const line of source.split("\n")) {
    const path = /^\s*\/\/ (?:\S*\/)?([\w.-]+\.(?:ts|js|mjs|cjs))$/.exec(line);
    if (path !== null) file = path[1] ?? "";
    files.push(file);
  }
  return ({ functionName, url, lineNumber }) => {
    const name = functionName === "" ? "(anonymous)" : functionName;
    if (url.startsWith("node:")) return `${name} ${url}`;
    const from = url === "" ? undefined : files[lineNumber];
    return from === undefined || from === "" ? name : `${name} ${from}`;
  };
}

/** The call tree, the widest of siblings first. What takes less than `least` of the time is left out, with all that it calls. */
export function framesOf(profile: CpuProfile, naming: Naming, least: number): Frame[] {
  const { total, selfOf } = selfTimes(profile);
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const totals = new Map<number, number>();
  const totalOf = (node: ProfileNode): number => {
    const known = totals.get(node.id);
    if (known !== undefined) return known;
    const time = childrenOf(node).reduce((sum, child) => sum + totalOf(child), selfOf.get(node.id) ?? 0);
    totals.set(node.id, time);
    return time;
  };
  const childrenOf = ({ children = [] }: ProfileNode): ProfileNode[] =>
    children.map((id) => byId.get(id)).filter((child) => child !== undefined);
  const frames: Frame[] = [];
  const place = (node: ProfileNode, depth: number, from: number): void => {
    const share = totalOf(node) / total;
    if (share < least) return;
    frames.push({ name: naming(node.callFrame), depth, from, to: from + share });
    let at = from;
    for (const child of childrenOf(node).sort((a, b) => totalOf(b) - totalOf(a))) {
      place(child, depth + 1, at);
      at += totalOf(child) / total;
    }
  };
  const [root] = profile.nodes;
  if (root !== undefined && total > 0) place(root, 0, 0);
  return frames;
}

/** The functions that take the most time themselves, wherever they are called. */
export function heaviest(profile: CpuProfile, naming: Naming, count: number): SelfTime[] {
  const { total, selfOf } = selfTimes(profile);
  const byName = new Map<string, number>();
  for (const { id, callFrame } of profile.nodes) {
    const name = naming(callFrame);
    byName.set(name, (byName.get(name) ?? 0) + (selfOf.get(id) ?? 0));
  }
  return [...byName]
    .map(([name, time]) => ({ name, share: time / total }))
    .sort((a, b) => b.share - a.share)
    .slice(0, count);
}

/** The end of a profile, of so many µs: without the start of the program. What was idle is left out, so that shares are of the work. */
export function workAtTheEnd(profile: CpuProfile, micros: number): CpuProfile {
  const idle = new Set(profile.nodes.filter(({ callFrame }) => callFrame.functionName === "(idle)").map(({ id }) => id));
  const { samples, timeDeltas } = profile;
  let first = samples.length;
  for (let time = 0; first > 0; first--) {
    time += Math.max(0, timeDeltas[first - 1] ?? 0);
    if (time > micros) break;
  }
  const kept = samples.map((_, i) => i).filter((i) => i >= first && !idle.has(samples[i] as number));
  return {
    nodes: profile.nodes,
    samples: kept.map((i) => samples[i] as number),
    timeDeltas: kept.map((i) => timeDeltas[i] ?? 0),
  };
}

function selfTimes({ samples, timeDeltas }: CpuProfile): {
  readonly total: number;
  readonly selfOf: ReadonlyMap<number, number>;
} {
  const selfOf = new Map<number, number>();
  let total = 0;
  for (const [i, id] of samples.entries()) {
    const time = Math.max(0, timeDeltas[i] ?? 0);
    total += time;
    selfOf.set(id, (selfOf.get(id) ?? 0) + time);
  }
  return { total, selfOf };
}

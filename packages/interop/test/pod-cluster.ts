import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKey } from "@memberlist/core";
import { until } from "../src/until.ts";
import { MemberProcess } from "./member-process.ts";
import { PodNetwork, type Pod } from "./pod-network.ts";

/** A line that src/pod-member.ts prints. */
export interface Line {
  readonly at: number;
  readonly members?: number;
  readonly joined?: string;
  readonly address?: string;
  readonly left?: string;
  readonly cause?: string;
  readonly signal?: string;
  readonly received?: number;
}

/** A member in a pod, with the environment that the manifests of deploy/kubernetes give it. */
export interface RunningPod {
  readonly name: string;
  readonly pod: Pod;
  readonly process: MemberProcess;
}

export interface PodOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** The words before the command that take its privileges away. */
  readonly confine?: readonly string[];
}

/** The output of the members of a group while all of them were replaced. */
export interface Roll {
  /** For each replacement, the time at which the old pod got SIGTERM, and at which all pods saw all others again. In ms of the wall clock. */
  readonly restarts: readonly { readonly from: number; readonly to: number }[];
  /** The last line of each old pod. */
  readonly lastLines: readonly Line[];
  /** The lines of old and new pods from their first sight of all others until their stop. */
  readonly seen: readonly Line[];
}

/** Encrypted members in pods, behind a headless service that is their seed. */
export class PodCluster implements AsyncDisposable {
  readonly network: PodNetwork;
  /** Holds the key, `gossip.key`. */
  readonly folder: string;
  readonly #running: Set<RunningPod> = new Set();

  private constructor(network: PodNetwork, folder: string) {
    this.network = network;
    this.folder = folder;
  }

  static async open(): Promise<PodCluster> {
    const folder = await mkdtemp(join(tmpdir(), "memberlist-pods-"));
    await writeFile(join(folder, "gossip.key"), `${generateKey()}\n`);
    return new PodCluster(await PodNetwork.open(), folder);
  }

  async start(name: string, program: string, { env = {}, confine = [] }: PodOptions = {}): Promise<RunningPod> {
    const pod = await this.network.add();
    const started = new MemberProcess(program, {
      enter: [...this.network.enter(pod), ...confine],
      env: {
        MEMBERLIST_PRESET: "kubernetes",
        MEMBERLIST_LABEL: "shop-test",
        MEMBERLIST_SEEDS: "shop-gossip",
        MEMBERLIST_KEY_FILE: join(this.folder, "gossip.key"),
        POD_NAME: name,
        POD_IP: pod.address,
        ...env,
      },
    });
    const made = { name, pod, process: started };
    this.#running.add(made);
    return made;
  }

  /** Stops a pod's member as the kubelet does, and deletes the pod. */
  async stop(stopped: RunningPod, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    stopped.process.kill(signal);
    await stopped.process.ended;
    await this.network.remove(stopped.pod);
    this.#running.delete(stopped);
  }

  /** Starts pods of these names, and replaces one after another by a pod of the same name at another address, which runs `next`. */
  async roll(names: readonly string[], program: string, next: string): Promise<Roll> {
    const size = names.length;
    const pods = await Promise.all(names.map((name) => this.start(name, program)));
    await allSee(pods, size);
    const restarts: { readonly from: number; readonly to: number }[] = [];
    const ended: { readonly pod: RunningPod; readonly from: number }[] = [];
    for (const [i, name] of names.entries()) {
      const from = Date.now();
      const old = pods[i] as RunningPod;
      await this.stop(old);
      ended.push({ pod: old, from });
      pods[i] = await this.start(name, next);
      await allSee(pods, size);
      restarts.push({ from, to: Date.now() });
    }
    return {
      restarts,
      lastLines: ended.map(({ pod }) => linesOf(pod).at(-1) ?? { at: 0 }),
      seen: [
        ...ended.flatMap(({ pod, from }) => seenInCluster(pod, size, from)),
        ...pods.flatMap((pod) => seenInCluster(pod, size)),
      ],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running].map(({ process: each }) => each[Symbol.asyncDispose]()));
    await this.network[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Lists faults of a roll: a member that misses two others, or one outside of a replacement; a pod without load; an end other than a leave. */
export function problemsOf({ restarts, lastLines, seen }: Roll): string[] {
  const others = restarts.length - 1;
  const isDuring = (at: number): boolean => restarts.some(({ from, to }) => at >= from && at <= to);
  const isGap = ({ at, members = restarts.length }: Line): boolean =>
    members < others || (members === others && !isDuring(at)) || members > restarts.length;
  const isFailure = ({ cause = "left" }: Line): boolean => cause !== "left";
  return [
    ...lastLines.filter(({ signal }) => signal !== "SIGTERM").map((line) => `not stopped by SIGTERM: ${JSON.stringify(line)}`),
    ...lastLines.filter(({ received = 0 }) => received === 0).map((line) => `received no message: ${JSON.stringify(line)}`),
    ...seen.filter((line) => isGap(line)).map((line) => `a gap in the members seen: ${JSON.stringify(line)}`),
    ...seen.filter((line) => isFailure(line)).map((line) => `not a leave: ${JSON.stringify(line)}`),
    ...(seen.some(({ cause }) => cause === "left") ? [] : ["no member reported a leave"]),
  ];
}

export function linesOf({ process: { stdout } }: RunningPod): Line[] {
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}

/** The lines of a member from its first sight of all others until its stop. */
function seenInCluster(pod: RunningPod, size: number, end: number = Infinity): Line[] {
  const all = linesOf(pod);
  const joined = all.findIndex(({ members }) => members === size);
  return all.slice(joined).filter(({ at }) => at < end);
}

function membersSeenBy(pod: RunningPod): number {
  return linesOf(pod).findLast(({ members }) => members !== undefined)?.members ?? 0;
}

export async function allSee(pods: readonly RunningPod[], count: number, timeout: number = 40_000): Promise<void> {
  const details = (): string =>
    pods.map((pod) => `${pod.name}: ${membersSeenBy(pod)} ${pod.process.stderr.slice(-500)}`).join("\n");
  await until(() => pods.every((pod) => membersSeenBy(pod) === count), {
    what: `all see ${count} members`,
    timeout,
    interval: 50,
    details,
  });
}

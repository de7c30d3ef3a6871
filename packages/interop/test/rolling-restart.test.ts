import { execFile } from "node:child_process";
import { chmod, chown, copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { generateKey } from "@memberlist/core";
import { buildNodeProgram, buildService } from "../src/node-toolchain.ts";
import { until } from "../src/until.ts";
import { canUseNamespaces } from "./linked-namespaces.ts";
import { MemberProcess } from "./member-process.ts";
import { PodNetwork, type Pod } from "./pod-network.ts";

const run = promisify(execFile);
const isPossible = canUseNamespaces("pods with addresses that change");

/** As in the Dockerfile and the manifests. */
const user = 10_001;
const privileges = [
  `--reuid=${user}`,
  `--regid=${user}`,
  "--clear-groups",
  "--no-new-privs",
  "--bounding-set=-all",
  "--inh-caps=-all",
];
const confine = ["sh", "-c", 'mount -o remount,bind,ro / && exec setpriv "$@"', "sh", ...privileges];

interface Line {
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
interface RunningPod {
  readonly name: string;
  readonly pod: Pod;
  readonly process: MemberProcess;
}

let network: PodNetwork;
let folder: string;
const running = new Set<RunningPod>();

interface PodOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** The words before the command that take its privileges away. */
  readonly confine?: readonly string[];
}

async function startPod(name: string, program: string, { env = {}, confine = [] }: PodOptions = {}): Promise<RunningPod> {
  const pod = await network.add();
  const started = new MemberProcess(program, {
    enter: [...network.enter(pod), ...confine],
    env: {
      MEMBERLIST_PRESET: "kubernetes",
      MEMBERLIST_LABEL: "shop-test",
      MEMBERLIST_SEEDS: "shop-gossip",
      MEMBERLIST_KEY_FILE: join(folder, "gossip.key"),
      POD_NAME: name,
      POD_IP: pod.address,
      ...env,
    },
  });
  const made = { name, pod, process: started };
  running.add(made);
  return made;
}

/** Stops a pod's member as the kubelet does, and deletes the pod. */
async function stopPod(stopped: RunningPod, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  stopped.process.kill(signal);
  await stopped.process.ended;
  await network.remove(stopped.pod);
  running.delete(stopped);
}

function lines({ process: { stdout } }: RunningPod): Line[] {
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}

/** The lines of a member from its first sight of all others until its stop. */
function seenInCluster(pod: RunningPod, end: number = Infinity): Line[] {
  const all = lines(pod);
  const joined = all.findIndex(({ members }) => members === 9);
  return all.slice(joined).filter(({ at }) => at < end);
}

async function output([command = "", ...args]: readonly string[]): Promise<string> {
  return (await run(command, args)).stdout;
}

function membersSeenBy(pod: RunningPod): number {
  return lines(pod).findLast(({ members }) => members !== undefined)?.members ?? 0;
}

async function allSee(pods: readonly RunningPod[], count: number, timeout = 40_000): Promise<void> {
  const details = (): string =>
    pods.map((pod) => `${pod.name}: ${membersSeenBy(pod)} ${pod.process.stderr.slice(-500)}`).join("\n");
  await until(() => pods.every((pod) => membersSeenBy(pod) === count), {
    what: `all see ${count} members`,
    timeout,
    interval: 50,
    details,
  });
}

describe.runIf(isPossible)("a group of pods behind a headless service", () => {
  beforeEach(async () => {
    network = await PodNetwork.open();
    folder = await mkdtemp(join(tmpdir(), "memberlist-pods-"));
    await writeFile(join(folder, "gossip.key"), `${generateKey()}\n`);
  });
  afterEach(async () => {
    await Promise.all([...running].map(({ process: each }) => each[Symbol.asyncDispose]()));
    running.clear();
    await network[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it(
    "restarts one pod after another under load: the others see one missing at a time, and report no failure",
    { timeout: 240_000 },
    async () => {
      const program = await buildNodeProgram("pod-member");
      const names = Array.from({ length: 9 }, (_, i) => `shop-${i}`);
      const pods = await Promise.all(names.map((name) => startPod(name, program)));
      await allSee(pods, 9);
      const restarts: { readonly from: number; readonly to: number }[] = [];
      const ended: { readonly pod: RunningPod; readonly from: number }[] = [];
      for (const [i, name] of names.entries()) {
        const from = Date.now();
        const old = pods[i] as RunningPod;
        await stopPod(old);
        ended.push({ pod: old, from });
        pods[i] = await startPod(name, program);
        await allSee(pods, 9);
        restarts.push({ from, to: Date.now() });
      }
      for (const { pod } of ended) expect(lines(pod).at(-1)).toMatchObject({ signal: "SIGTERM" });
      expect(Math.min(...ended.map(({ pod }) => lines(pod).at(-1)?.received ?? 0))).toBeGreaterThan(0);
      const seen = [...ended.flatMap(({ pod, from }) => seenInCluster(pod, from)), ...pods.flatMap((pod) => seenInCluster(pod))];
      expect(seen.filter(({ members }) => members !== undefined && members < 8)).toEqual([]);
      const outside = seen.filter(({ at, members }) => members === 8 && !restarts.some(({ from, to }) => at >= from && at <= to));
      expect(outside).toEqual([]);
      const causes = new Set(seen.flatMap(({ cause }) => cause ?? []));
      expect(causes).toEqual(new Set(["left"]));
    },
  );

  it(
    "gets its names back at other addresses after a node was lost, and finds them by SRV records",
    { timeout: 120_000 },
    async () => {
      const program = await buildNodeProgram("pod-member");
      const seeds = { env: { MEMBERLIST_SEEDS: `_gossip-tcp._tcp.${network.service}` } };
      const pods = await Promise.all(["shop-0", "shop-1", "shop-2"].map((name) => startPod(name, program, seeds)));
      await allSee(pods, 3);
      await stopPod(pods[2] as RunningPod, "SIGKILL");
      pods[2] = await startPod("shop-2", program, seeds);
      // Until it is declared dead, and for deadNodeReclaimTime after that, the others keep the name for the lost one.
      const [first, second, third] = pods as [RunningPod, RunningPod, RunningPod];
      const isBack = ({ joined, address }: Line): boolean => joined === "shop-2" && address === third.pod.address;
      const what = "the others list shop-2 at its new address";
      const details = (): string => `${first.process.stdout}${third.process.stderr}`;
      await until(() => [first, second].every((pod) => lines(pod).some(isBack)), {
        what,
        timeout: 90_000,
        interval: 100,
        details,
      });
      await allSee(pods, 3);
      expect(lines(first).find(({ left }) => left === "shop-2")?.cause).not.toBe("left");
    },
  );

  it(
    "runs the program of deploy/ as the manifests do: not as root, without privileges, on a read-only file system",
    { timeout: 60_000 },
    async () => {
      // Where user 10001 can read it, and the key by its group.
      const program = join(folder, "service.mjs");
      await copyFile(await buildService(), program);
      await chmod(folder, 0o755);
      await chmod(join(folder, "gossip.key"), 0o440);
      await chown(join(folder, "gossip.key"), 0, user);
      const pods = await Promise.all(["shop-0", "shop-1"].map((name) => startPod(name, program, { confine })));
      for (const { pod, process: each } of pods) {
        const command = [
          ...network.enter(pod),
          process.execPath,
          "-e",
          "fetch('http://127.0.0.1:8080/members').then(async (r) => console.log(await r.text()), () => undefined)",
        ];
        await until(async () => (await output(command)) === "shop-0\nshop-1\n\n", {
          what: "it sees both",
          timeout: 30_000,
          interval: 300,
          details: () => each.stderr,
        });
      }
      const status = await readFile(`/proc/${pods[0]?.process.pid}/status`, "utf8");
      expect(status).toMatch(/^Uid:\t10001\t10001\t10001\t10001$/m);
      expect(status).toMatch(/^CapEff:\t0+$/m);
      for (const pod of pods) await stopPod(pod);
      expect(pods.map((pod) => pod.process.stdout)).toEqual(
        ["shop-0", "shop-1"].map((name) => `${name} has left the cluster: SIGTERM\n`),
      );
    },
  );
});

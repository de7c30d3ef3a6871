import { execFile } from "node:child_process";
import { chmod, chown, copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildNodeProgram, buildService } from "../src/node-toolchain.ts";
import { until } from "../src/until.ts";
import { canUseNamespaces } from "./linked-namespaces.ts";
import { allSee, linesOf, PodCluster, problemsOf, type Line, type RunningPod } from "./pod-cluster.ts";

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

async function output([command = "", ...args]: readonly string[]): Promise<string> {
  return (await run(command, args)).stdout;
}

describe.runIf(isPossible)("a group of pods behind a headless service", () => {
  let cluster: PodCluster;
  beforeEach(async () => {
    cluster = await PodCluster.open();
  });
  afterEach(() => cluster[Symbol.asyncDispose]());

  it(
    "restarts one pod after another under load: the others see one missing at a time, and report no failure",
    { timeout: 240_000 },
    async () => {
      const program = await buildNodeProgram("pod-member");
      const names = Array.from({ length: 9 }, (_, i) => `shop-${i}`);
      expect(problemsOf(await cluster.roll(names, program, program)).join("\n")).toBe("");
    },
  );

  it(
    "gets its names back at other addresses after a node was lost, and finds them by SRV records",
    { timeout: 120_000 },
    async () => {
      const program = await buildNodeProgram("pod-member");
      const seeds = { env: { MEMBERLIST_SEEDS: `_gossip-tcp._tcp.${cluster.network.service}` } };
      const pods = await Promise.all(["shop-0", "shop-1", "shop-2"].map((name) => cluster.start(name, program, seeds)));
      await allSee(pods, 3);
      await cluster.stop(pods[2] as RunningPod, "SIGKILL");
      pods[2] = await cluster.start("shop-2", program, seeds);
      // Until it is declared dead, and for deadNodeReclaimTime after that, the others keep the name for the lost one.
      const [first, second, third] = pods as [RunningPod, RunningPod, RunningPod];
      const isBack = ({ joined, address }: Line): boolean => joined === "shop-2" && address === third.pod.address;
      const what = "the others list shop-2 at its new address";
      const details = (): string => `${first.process.stdout}${third.process.stderr}`;
      await until(() => [first, second].every((pod) => linesOf(pod).some(isBack)), {
        what,
        timeout: 90_000,
        interval: 100,
        details,
      });
      await allSee(pods, 3);
      expect(linesOf(first).find(({ left }) => left === "shop-2")?.cause).not.toBe("left");
    },
  );

  it(
    "runs the program of deploy/ as the manifests do: not as root, without privileges, on a read-only file system",
    { timeout: 60_000 },
    async () => {
      // Where user 10001 can read it, and the key by its group.
      const program = join(cluster.folder, "service.mjs");
      await copyFile(await buildService(), program);
      await chmod(cluster.folder, 0o755);
      await chmod(join(cluster.folder, "gossip.key"), 0o440);
      await chown(join(cluster.folder, "gossip.key"), 0, user);
      const pods = await Promise.all(["shop-0", "shop-1"].map((name) => cluster.start(name, program, { confine })));
      for (const { pod, process: each } of pods) {
        const command = [
          ...cluster.network.enter(pod),
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
      for (const pod of pods) await cluster.stop(pod);
      expect(pods.map((pod) => pod.process.stdout)).toEqual(
        ["shop-0", "shop-1"].map((name) => `${name} has left the cluster: SIGTERM\n`),
      );
    },
  );
});

import { describe, expect, it } from "vitest";
import { buildNodeProgram } from "../src/node-toolchain.ts";
import { findPreviousVersion, packPreviousVersion } from "../src/previous-version.ts";
import { canUseNamespaces } from "./linked-namespaces.ts";
import { PodCluster, problemsOf } from "./pod-cluster.ts";

const previous = await findPreviousVersion();
const isPossible = canUseNamespaces("a rolling upgrade") && previous !== undefined;
if (previous === undefined) process.stdout.write("interop: this folder is not a Git clone; skipped: a rolling upgrade\n");
else process.stdout.write(`interop: the rolling upgrade begins with ${previous.what}\n`);

describe.runIf(isPossible)("a group of pods behind a headless service", () => {
  it(
    "upgrades one pod after another from the packed previous version under load: at most one is missing at a time, and none is reported as failed",
    { timeout: 600_000 },
    async () => {
      if (previous === undefined) throw new Error("this folder is not a Git clone");
      const [old, next] = await Promise.all([packPreviousVersion(previous), buildNodeProgram("pod-member")]);
      await using cluster = await PodCluster.open();
      const names = Array.from({ length: 9 }, (_, i) => `shop-${i}`);
      expect(problemsOf(await cluster.roll(names, old, next)).join("\n")).toBe("");
    },
  );
});

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { transportConformance } from "@memberlist/core/testing";
import { memoryHarness } from "../../memberlist/test/testing/conformance-support.ts";

/** The path of a Deno; CI fetches one. Without it this suite is skipped. */
const deno = process.env["DENO"] ?? "";
if (deno === "") process.stdout.write("DENO is not set to the path of a Deno: the tests of QUIC are skipped\n");

const ruleCount = transportConformance(memoryHarness()).length;
const run = promisify(execFile);
const cwd = fileURLToPath(new URL("../../..", import.meta.url));
const fileOf = (name: string): string => `packages/transport-deno/test/${name}-test.ts`;

describe.skipIf(deno === "")(
  "QUIC on Deno, from the TypeScript sources, with no permission but the network's,",
  { timeout: 120_000 },
  () => {
    it("passes the type check", async () => {
      const files = ["quic-conformance", "quic-identity", "quic", "quic-ends"].map(fileOf);
      await expect(run(deno, ["check", ...files], { cwd })).resolves.toBeDefined();
    });

    it.each([
      ["passes the conformance suite, and leaves nothing open", "quic-conformance", ruleCount + 1],
      ["accepts peers that prove their identity, and no others", "quic-identity", 20],
      ["keeps a bounded number of connections, one for each peer, and members form clusters", "quic", 26],
      ["ends stalled handshakes and streams in time, and loses no packets at its shutdown", "quic-ends", 6],
    ])("%s", async (_, name, count) => {
      const args = ["test", "--no-check", "--no-prompt", "--allow-net", "--unstable-net", fileOf(name)];
      const ran = run(deno, args, { cwd, env: { ...process.env, NO_COLOR: "1" }, timeout: 110_000 });
      const { stdout } = await ran.catch((error: Error & { stdout?: string }) => ({
        stdout: `${error.message}\n${error.stdout}`,
      }));
      expect(stdout).toContain(`ok | ${count} passed | 0 failed`);
    });
  },
);

import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode, encode, type Answer } from "dns-packet";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generateKey } from "@memberlist/core";
import { transportConformance } from "@memberlist/core/testing";
import { memoryHarness } from "../../memberlist/test/testing/conformance-support.ts";
import { silentPort, type SilentPort } from "../../transport-node/test/silent-port.ts";
import { deno, denoTest, root, run, tests } from "./deno-runs.ts";

const network = ["--allow-net", "--unstable-net"];

describe.skipIf(deno === "")(
  "the Deno transport, from the TypeScript sources, with no permission but those named,",
  { timeout: 90_000 },
  () => {
    let silent: SilentPort;
    let folder: string;
    beforeAll(async () => {
      silent = await silentPort();
      folder = await mkdtemp(join(tmpdir(), "memberlist-deno-"));
    });
    afterAll(async () => {
      await silent.close();
      await rm(folder, { recursive: true });
    });

    it("passes the type check", async () => {
      const files = [
        "transport",
        "conformance",
        "deployment",
        "stream-only",
        "stream-floods",
        "files",
        "file-store",
        "thread",
      ].map((name) => `${tests}/${name}-test.ts`);
      await expect(run(deno, ["check", "packages/transport-deno/src/index.ts", ...files], { cwd: root })).resolves.toBeDefined();
    });

    it.each(["memberlist", "requests", "ring", "status", "topics", "transport-deno"])(
      "passes JSR's checks of %s as it is, and publishes its sources alone",
      async (name) => {
        const options = { cwd: `${root}packages/${name}`, env: { ...process.env, NO_COLOR: "1" } };
        const { stderr } = await run(deno, ["publish", "--dry-run", "--allow-dirty"], options);
        expect(stderr).toMatch(/Success Dry run complete/);
        const sent = [...stderr.matchAll(/file:\/\/\S+?\/packages\/[^/]+\/(\S+)/g)].map(([, path = ""]) => path);
        expect(sent).toContain("src/index.ts");
        expect(sent.filter((path) => !/^(README\.md|deno\.json|src\/.*)$/.test(path))).toEqual([]);
      },
    );

    it("passes its own tests, without leaks", async () => {
      expect(await denoTest("transport-test.ts", network)).toMatch(/ok \| \d+ passed \| 0 failed/);
    });

    it("passes the conformance suite, with UDP and over streams alone, and leaves nothing open", async () => {
      const printed = await denoTest("conformance-test.ts", network, [String(silent.address.port)]);
      const ruleCount = transportConformance(memoryHarness()).length;
      expect(printed).toContain(`ok | ${2 * (ruleCount + 1)} passed | 0 failed`);
    });

    it("forms a cluster without UDP and without --unstable-net", async () => {
      expect(await denoTest("stream-only-test.ts", ["--allow-net"])).toMatch(/ok \| \d+ passed \| 0 failed/);
    });

    it("reads the environment by configFromEnv, and leaves at a signal by runUntilSignal", async () => {
      await writeFile(join(folder, "key"), `${generateKey()}\n`);
      const system = ["--allow-env", "--allow-sys=hostname,networkInterfaces", "--allow-run", `--allow-read=${folder}`];
      const env = { MEMBERLIST_NAME: "of-the-process" };
      expect(await denoTest("deployment-test.ts", [...network, ...system], [folder], { env })).toMatch(
        /ok \| 3 passed \| 0 failed/,
      );
    });

    const patience = { timeout: 300_000 };
    it("runs members in workers with the permission to read the workers' files, and names it without", patience, async () => {
      const read = "--allow-read=packages,node_modules";
      expect(await denoTest("thread-test.ts", [...network, read], [], { timeout: 240_000 })).toMatch(
        /ok \| 12 passed \| 0 failed/,
      );
      expect(await denoTest("thread-test.ts", network, ["denied"])).toMatch(/ok \| 1 passed \| 0 failed/);
    });

    it("keeps the path of fileStore, and never opens a file that others put there", async () => {
      const printed = await denoTest("file-store-test.ts", ["--allow-read", "--allow-write"], [folder]);
      expect(printed).toMatch(/ok \| 3 passed \| 0 failed/);
    });

    it("allows SRV look-ups and fileStore with the permission for a folder, and names the missing permission without it", async () => {
      await using server = await nameServer(folder);
      await writeFile(join(folder, "resolv.conf"), `nameserver 127.0.0.1:${server.port}\n`);
      const files = [`--allow-read=${folder}`, `--allow-write=${folder}`];
      expect(await denoTest("files-test.ts", [...network, ...files], [folder])).toMatch(/ok \| 5 passed \| 0 failed/);
      expect(await denoTest("files-test.ts", network, [folder, "denied"])).toMatch(/ok \| 1 passed \| 0 failed/);
    });
  },
);

/** A DNS server for the names that files-test.ts asks for; the port of the live service stands in a file of `folder`. One name gets no answer. */
async function nameServer(folder: string): Promise<AsyncDisposable & { readonly port: number }> {
  const srv = (name: string, target: string, port: number, priority: number, weight: number): Answer => ({
    type: "SRV",
    name,
    data: { target, port, priority, weight },
  });
  const known: Readonly<Record<string, (name: string) => Answer[] | undefined>> = {
    "SRV _memberlist._tcp.example.test": (name) => [
      srv(name, "a.example.test", 7001, 2, 5),
      srv(name, "b.example.test", 7002, 1, 0),
    ],
    "SRV _live._tcp.example.test": (name) => [
      srv(name, "a.example.test", Number(readFileSync(join(folder, "seed-port"), "utf8")), 1, 1),
    ],
    "SRV _slow._tcp.example.test": () => undefined,
    "A a.example.test": (name) => [{ type: "A", name, data: "127.0.0.1" }],
    "AAAA a.example.test": (name) => [{ type: "AAAA", name, data: "::1" }],
  };
  const socket = createSocket("udp4");
  socket.on("message", (bytes, { address, port }) => {
    const { id, questions = [] } = decode(bytes);
    const { type, name } = questions[0] ?? { type: "", name: "" };
    const look = known[`${type} ${name.toLowerCase()}`] ?? (() => []);
    const answers = look(name);
    if (answers !== undefined) socket.send(encode({ type: "response", id, questions, answers }), port, address);
  });
  await new Promise<void>((resolve) => void socket.bind(0, "127.0.0.1", resolve));
  return {
    port: socket.address().port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => void socket.close(() => resolve())),
  };
}

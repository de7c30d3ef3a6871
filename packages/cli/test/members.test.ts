import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Server } from "node:net";
import { writeFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  createMemberlist,
  decodeKey,
  generateKey,
  localConfig,
  type Memberlist,
  type NodeConfig,
} from "@memberlist/transport-node";
import { CliRun, runCli } from "./program.ts";

const running: Memberlist[] = [];
const servers: Server[] = [];
const limit = { timeout: 60_000 };
let folder = "";
const key = generateKey();
const secretKey = decodeKey(key);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "memberlist-members-"));
  await writeFile(join(folder, "key"), `# the cluster's\n${key}\n`);
  await writeFile(join(folder, "other"), `${generateKey()}\n`);
  await writeFile(join(folder, "bad"), "not a key, but secret\n");
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((members) => members.shutdown()));
  for (const server of servers.splice(0)) server.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function start(name: string, config: Partial<NodeConfig> = {}): Promise<Memberlist> {
  const logOutput = { write: () => undefined };
  const members = await createMemberlist({ ...localConfig(), bindAddr: "127.0.0.1", bindPort: 0, logOutput, ...config, name });
  running.push(members);
  return members;
}

async function cluster(config: Partial<NodeConfig> = {}): Promise<string> {
  const first = await start("web-1", { ...config, meta: Buffer.from('{"role":"web"}') });
  const second = await start("db-1\u001B[31m", { ...config, meta: Buffer.from("plain text") });
  await second.join([first.toJSON().address]);
  return first.toJSON().address;
}

function listening(server: Server): Promise<string> {
  servers.push(server);
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve(`127.0.0.1:${(server.address() as AddressInfo).port}`)),
  );
}

describe("memberlist members", () => {
  it("prints a table of a cluster without joining it, and escapes control characters of names", limit, async () => {
    const address = await cluster();
    const { code, stdout, stderr } = await runCli(["members", address]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^NAME +ADDRESS +STATE +INCARNATION +PROTOCOL +DELEGATE +METADATA\n/);
    expect(stdout).toMatch(/^web-1 +127\.0\.0\.1:\d+ +alive +1 +2 \(1-5\) +0 \(0-0\) +\{"role":"web"\}$/m);
    expect(stdout).toMatch(/^db-1\\u\{1b\}\[31m .* plain text$/m);
    expect(stdout).toContain(`2 members: 2 alive · from ${address} in `);
    expect(running.map((members) => members.members({}).length)).toEqual([2, 2]);
  });

  it("prints the members that match a filter as JSON", limit, async () => {
    const address = await cluster();
    const { stdout } = await runCli(["members", address, "--json", "--filter", "role=w*", "--filter", "state!=dead"]);
    expect(JSON.parse(stdout)).toMatchObject({
      from: address,
      members: [{ name: "web-1", state: "alive", address, metadata: { format: "json", value: { role: "web" } } }],
      skipped: 0,
    });
    const none = await runCli(["members", address, "--filter", "nobody"]);
    expect(none.stdout).toMatch(/^2 members: 2 alive · 0 shown/);
    expect(await runCli(["members", address, "--filter", "state=bogus"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("the states are alive, suspect, dead, left"),
    });
  });

  it("takes key and label from a file, the environment or options, and shows no part of a key", limit, async () => {
    const address = await cluster({ secretKey, label: "shop" });
    const file = join(folder, "key");
    const byFile = await runCli(["members", address, "--key-file", file, "--label", "shop"]);
    expect(byFile).toMatchObject({ code: 0, stdout: expect.stringContaining("2 members") });
    const byEnv = await runCli(["members", address], { env: { MEMBERLIST_KEY: key, MEMBERLIST_LABEL: "shop" } });
    expect(byEnv.code).toBe(0);
    const both = await runCli(["members", address, "--key-file", file, "--key", key]);
    expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining("exclude each other") });
    const bad = await runCli(["members", address, "--key-file", join(folder, "bad")]);
    expect(bad.code).toBe(2);
    expect(bad.stderr).not.toContain("secret");
    expect(bad.stderr).toContain("must be a string of base64");
  });

  it("names the cause: a wrong key, no key, a wrong label, a closed port, an HTTP port, a wrong option", limit, async () => {
    const address = await cluster({ secretKey, label: "shop" });
    const wrongKey = await runCli(["members", address, "--key-file", join(folder, "other"), "--label", "shop"]);
    expect(wrongKey).toMatchObject({ code: 4, stderr: expect.stringContaining("uses another key") });
    const noKey = await runCli(["members", address, "--label", "shop"]);
    expect(noKey).toMatchObject({ code: 4, stderr: expect.stringContaining("is encrypted, and no key was given") });
    const wrongLabel = await runCli(["members", address, "--key-file", join(folder, "key"), "--label", "other"]);
    expect(wrongLabel).toMatchObject({ code: 4, stderr: expect.stringContaining('its label is not "other"') });
    const server = createServer();
    const closed = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    const nobody = await runCli(["members", closed]);
    expect(nobody).toMatchObject({ code: 3, stderr: expect.stringContaining(`nobody listens at ${closed}`) });
    const http = await listening(createHttpServer((_request, response) => response.end("hello")));
    const web = await runCli(["members", http]);
    expect(web).toMatchObject({ code: 4, stderr: expect.stringContaining("speaks HTTP") });
    const nowhere = await runCli(["members", "nowhere.invalid"]);
    expect(nowhere).toMatchObject({ code: 3, stderr: expect.stringContaining("Check the name, or pass an IP address") });
    const seedBehind = await runCli(["members", "--watch", address]);
    expect(seedBehind).toMatchObject({ code: 2, stderr: expect.stringContaining("Put the seed before --watch") });
    const tooOften = await runCli(["members", address, "--watch=0.001"]);
    expect(tooOften).toMatchObject({ code: 2, stderr: expect.stringContaining("a number of seconds from 0.1 to 86400") });
    const unknown = await runCli(["members", address, "--lable", "x"]);
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining("--label") });
  });

  it("prints each member that changes with --watch, until it is interrupted", limit, async () => {
    const address = await cluster();
    await using watching = await CliRun.start(["members", address, "--watch", "0.1", "--json"]);
    const seen = (name: string, state: string): boolean =>
      watching.json.some(
        (line) => (line as { name: string; state: string }).name === name && (line as { state: string }).state === state,
      );
    const patience = { timeout: 15_000 };
    await expect.poll(() => seen("web-1", "alive"), patience).toBe(true);
    const third = await start("web-3");
    await third.join([address]);
    await expect.poll(() => seen("web-3", "alive"), patience).toBe(true);
    await third.leave();
    await expect.poll(() => seen("web-3", "left"), patience).toBe(true);
    watching.interrupt();
    expect(await watching.ended).toBe(0);
  });
});

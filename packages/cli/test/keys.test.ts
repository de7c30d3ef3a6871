import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeKey, generateKey } from "@memberlist/core";
import { fingerprint } from "../src/keys/fingerprint.ts";
import type { KeysRequest } from "../src/keys/keys-handler.ts";
import { CliRun, runCli, type CliResult } from "./program.ts";

const patience = { timeout: 30_000 };
const limit = { timeout: 60_000 };
const token = "a-token-of-the-test-0123456789";
const oldKey = generateKey();
const env = { MEMBERLIST_HTTP_TOKEN: token, MEMBERLIST_KEY: oldKey };
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "memberlist-keys-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Agent extends CliRun {
  readonly address: string;
  readonly http: string;
}

async function agent(name: string, seeds: readonly string[] = []): Promise<Agent> {
  const args = ["agent", "--json", "--preset", "local", "--name", name, "--bind", "127.0.0.1:0", "--http", "127.0.0.1:0"];
  const run = await CliRun.start([...args, ...seeds], { env });
  await expect.poll(() => run.json.length, { ...patience, message: run.stderr }).toBeGreaterThan(0);
  const { address, http } = run.json[0] as { address: string; http: string };
  return Object.assign(run, { address, http });
}

function rotate(agents: readonly string[], file: string, ...more: readonly string[]): Promise<CliResult> {
  return runCli(
    ["keys", "rotate", ...agents.flatMap((url) => ["--agent", url]), "--new-key-file", join(folder, file), "--yes", ...more],
    { env },
  );
}

async function countMembers(address: string, key: string): Promise<number> {
  const { stdout } = await runCli(["members", address, "--json"], { env: { MEMBERLIST_KEY: key } });
  return stdout === "" ? 0 : (JSON.parse(stdout) as { members: unknown[] }).members.length;
}

interface TestServer extends AsyncDisposable {
  readonly url: string;
}

async function serve(listener: RequestListener): Promise<TestServer> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): Promise<void> => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, [Symbol.asyncDispose]: close };
}

interface TestAgent extends TestServer {
  readonly actions: string[];
  keys: string[];
  members: string[];
}

/** Answers requests to `/keys` like an agent, without a member. */
async function testAgent(node: string, onAction: (agent: TestAgent, action: string) => void): Promise<TestAgent> {
  const server = await serve((request, response) => {
    const answer = async (): Promise<void> => {
      const { action, key = "" } = (await json(request)) as KeysRequest;
      const mark = key === "" ? "" : fingerprint(decodeKey(key));
      agent.actions.push(action);
      if (action === "add") agent.keys.push(mark);
      if (action === "use") agent.keys = [mark, ...agent.keys.filter((other) => other !== mark)];
      if (action === "keep") agent.keys = [mark];
      const { keys, members } = agent;
      response.end(JSON.stringify({ node, keys, members }));
      onAction(agent, action);
    };
    answer().catch((error: unknown) => response.destroy(error as Error));
  });
  const start = { actions: [], keys: [fingerprint(decodeKey(oldKey))], members: ["a", "b"] };
  const agent: TestAgent = { ...start, ...server };
  return agent;
}

describe("memberlist keygen", () => {
  it("prints a key of the requested size", limit, async () => {
    const { stdout } = await runCli(["keygen"]);
    expect(decodeKey(stdout.trim())).toHaveLength(32);
    expect(decodeKey((await runCli(["keygen", "--bytes", "16"])).stdout.trim())).toHaveLength(16);
    expect((await runCli(["keygen", "--bytes", "17"])).code).toBe(2);
  });
});

describe("memberlist keys rotate", () => {
  it("replaces the key of a running cluster, and prints each answer without a key", limit, async () => {
    await using first = await agent("a");
    await using second = await agent("b", [first.address]);
    await expect.poll(() => countMembers(first.address, oldKey), patience).toBe(2);
    const { code, stdout, stderr } = await rotate([first.http, second.http], "new");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const newKey = (await readFile(join(folder, "new"), "utf8")).trim();
    expect((await stat(join(folder, "new"))).mode & 0o777).toBe(0o600);
    for (const key of [oldKey, newKey]) expect(stdout + stderr).not.toContain(key);
    expect(stdout.match(/^✓ http:\S+ a: /gm)).toHaveLength(4);
    expect(stdout).toMatch(/3 of 3: remove the old keys [0-9a-f]{12} from every agent\n/);
    expect(await countMembers(first.address, newKey)).toBe(2);
    expect(await countMembers(second.address, newKey)).toBe(2);
    expect(await countMembers(first.address, oldKey)).toBe(0);
    expect(stdout).toContain("put the new key into its key file or MEMBERLIST_KEY, and take the old key out");
    const again = await rotate([first.http, second.http], "new");
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining("the rotation is complete") });
  });

  it("refuses to begin without --yes and without a terminal, before it makes a key", limit, async () => {
    const file = join(folder, "never");
    const asked = await runCli(["keys", "rotate", "--agent", "http://127.0.0.1:1", "--new-key-file", file], { env });
    expect(asked).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("pass --yes") });
    await expect(stat(file)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("stops when an agent does not answer or is not given, and continues when it is run again", limit, async () => {
    await using first = await agent("a");
    await using second = await agent("b", [first.address]);
    await expect.poll(() => countMembers(first.address, oldKey), patience).toBe(2);
    const partial = await rotate([first.http], "next");
    expect(partial).toMatchObject({ code: 2, stderr: expect.stringContaining("no --agent is given for these members: b") });
    const gone = await rotate([first.http, second.http, "http://127.0.0.1:1"], "next");
    expect(gone).toMatchObject({ code: 3, stderr: expect.stringContaining("run the same command again") });
    expect(gone.stdout).toContain("✗ http://127.0.0.1:1 does not answer: ");
    expect(await countMembers(first.address, oldKey)).toBe(2);
    // This is the state after a run that ended during its first step.
    const newKey = generateKey();
    await writeFile(join(folder, "next"), newKey);
    const body = JSON.stringify({ action: "add", key: newKey });
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${first.http}/keys`, { method: "POST", headers, body })).status).toBe(200);
    expect(await rotate([first.http, second.http], "next")).toMatchObject({ code: 0 });
    expect(await countMembers(second.address, newKey)).toBe(2);
  });

  it("removes no key when an agent has restarted with its old key, or a member has joined meanwhile", limit, async () => {
    const nothing = (): void => undefined;
    await using first = await testAgent("a", nothing);
    const before = [...first.keys];
    await using restarted = await testAgent("b", (agent, action) => {
      if (action === "use" && agent.actions.filter((one) => one === "use").length === 1) agent.keys = [...before];
    });
    const agents = [first.url, restarted.url];
    const lost = await rotate(agents, "restarted");
    expect(lost).toMatchObject({ code: 1, stderr: expect.stringContaining("have lost the keys of the step before") });
    expect(lost.stdout).toContain(`✓ ${restarted.url} b: ${before.join()} (encrypts)`);
    expect(first.actions).not.toContain("keep");
    first.members = ["a", "b", "c"];
    const uncovered = await rotate(agents, "restarted");
    expect(uncovered).toMatchObject({ code: 2, stderr: expect.stringContaining("no --agent is given for these members: c") });
    first.members = ["a", "b"];
    expect(await rotate(agents, "restarted")).toMatchObject({ code: 0 });
    expect(first.keys).toEqual(restarted.keys);
    expect(first.keys).toHaveLength(1);
    await using joined = await testAgent("a", (agent, action) => {
      if (action === "use") agent.members = ["a", "b", "c"];
    });
    await using other = await testAgent("b", nothing);
    const late = await rotate([joined.url, other.url], "joined");
    expect(late).toMatchObject({ code: 2, stderr: expect.stringContaining("no --agent is given for these members: c") });
    expect([...joined.actions, ...other.actions]).not.toContain("keep");
    expect(await rotate([joined.url, other.url], "joined", "--partial")).toMatchObject({ code: 0 });
  });

  it("follows no redirect, and accepts only the answer of an agent", limit, async () => {
    let requests = 0;
    await using elsewhere = await serve((_, response) => {
      requests++;
      response.end('{"node":"a","keys":["\\u001b[2J"],"members":["a"]}');
    });
    await using redirecting = await serve((_, response) => {
      response.writeHead(307, { location: `${elsewhere.url}/keys` }).end();
    });
    expect(await rotate([redirecting.url], "redirected")).toMatchObject({ code: 3 });
    expect(requests).toBe(0);
    const listed = await rotate([elsewhere.url], "redirected");
    expect(listed).toMatchObject({ code: 1, stdout: expect.stringContaining("does not answer as an agent") });
    expect(requests).toBe(1);
  });

  it("refuses a wrong token and a missing one", limit, async () => {
    await using first = await agent("a");
    const list = (url: string, own: string): Promise<CliResult> =>
      runCli(["keys", "list", "--agent", url], { env: { MEMBERLIST_HTTP_TOKEN: own } });
    expect(await list(first.http, token)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/ a: [0-9a-f]{12} \(encrypts\)\n$/),
    });
    expect(await list(first.http, "another-token-of-the-test")).toMatchObject({
      code: 4,
      stdout: `✗ ${first.http} answered 401: the token is wrong: compare --token-file (or MEMBERLIST_HTTP_TOKEN) with the agent's --http-token-file\n`,
    });
    expect(await list(first.http, "")).toMatchObject({ code: 2, stderr: expect.stringContaining("token") });
    expect(await list("127.0.0.1:7980", token)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("pass http://127.0.0.1:7980"),
    });
    const page = await fetch(`${first.http}/keys`, { method: "POST", body: "{}" });
    expect(page.status).toBe(401);
  });
});

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generateKey } from "@memberlist/core";
import { CliRun, runCli, type CliOptions } from "./program.ts";

const patience = { timeout: 30_000 };
const limit = { timeout: 60_000 };
const token = "a-token-of-the-test-0123456789";
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "memberlist-agent-"));
  await writeFile(join(folder, "token"), `${token}\n`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Running {
  readonly type: "running";
  readonly name: string;
  readonly address: string;
  readonly http?: string;
}

interface Event {
  readonly type: string;
  readonly node?: { readonly name: string; readonly state: string };
}

/** An agent on a free port of loopback, with JSON lines. */
async function agent(
  name: string,
  args: readonly string[] = [],
  options: CliOptions = {},
): Promise<CliRun & { running: Running }> {
  const run = await CliRun.start(
    ["agent", "--json", "--preset", "local", "--name", name, "--bind", "127.0.0.1:0", ...args],
    options,
  );
  await expect.poll(() => run.json.length, { ...patience, message: run.stderr }).toBeGreaterThan(0);
  return Object.assign(run, { running: run.json[0] as Running });
}

function sees(run: CliRun, type: string, name: string): () => boolean {
  return () => run.json.some((line) => (line as Event).type === type && (line as Event).node?.name === name);
}

describe("memberlist agent", () => {
  it("joins, prints events, and leaves on SIGINT, so that the others see that it left", limit, async () => {
    await using first = await agent("a");
    await using second = await agent("b", [first.running.address]);
    await expect.poll(sees(first, "join", "b"), patience).toBe(true);
    await expect.poll(sees(second, "join", "a"), patience).toBe(true);
    second.interrupt();
    expect(await second.ended).toBe(0);
    await expect.poll(sees(first, "leave", "b"), patience).toBe(true);
    const left = first.json.find((line) => (line as Event).type === "leave");
    expect(left).toMatchObject({ node: { name: "b", state: "left" }, cause: { code: "left" } });
  });

  it("joins, prints events and leaves in a thread, too", limit, async () => {
    await using first = await agent("a");
    await using second = await agent("b", ["--thread", first.running.address]);
    await expect.poll(sees(first, "join", "b"), patience).toBe(true);
    await expect.poll(sees(second, "join", "a"), patience).toBe(true);
    second.interrupt();
    expect(await second.ended).toBe(0);
    await expect.poll(sees(first, "leave", "b"), patience).toBe(true);
    expect(second.stderr).toBe("");
  });

  it.each(["SIGTERM", "SIGHUP"] as const)("leaves on %s", limit, async (signal) => {
    await using first = await agent("a");
    await using second = await agent("b", [first.running.address]);
    await expect.poll(sees(first, "join", "b"), patience).toBe(true);
    second.interrupt(signal);
    expect(await second.ended).toBe(0);
    await expect.poll(sees(first, "leave", "b"), patience).toBe(true);
    expect(first.json).toContainEqual(expect.objectContaining({ type: "leave", cause: { code: "left" } }));
  });

  it("takes seeds, the key file and an interface to advertise from the environment, as configFromEnv does", limit, async () => {
    const keyFile = join(folder, "gossip.key");
    await writeFile(keyFile, `${generateKey()}\n`);
    const env = { MEMBERLIST_KEY_FILE: keyFile, MEMBERLIST_LABEL: "shop" };
    await using first = await agent("a", [], { env });
    await using second = await agent("b", ["--bind", "0.0.0.0:0"], {
      env: { ...env, MEMBERLIST_SEEDS: `, ${first.running.address}`, MEMBERLIST_ADVERTISE: "lo" },
    });
    expect(second.running.address).toMatch(/^127\.0\.0\.1:/);
    await expect.poll(sees(second, "join", "a"), patience).toBe(true);
  });

  it("refuses variables that do not exist, and names the flags of wrong values", limit, async () => {
    const key = generateKey();
    const unknown = await runCli(["agent", "--name", "a"], { env: { MEMBERLIST_LABLE: key } });
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain("MEMBERLIST_LABLE: nothing reads this variable: did you mean MEMBERLIST_LABEL?");
    expect(unknown.stderr).not.toContain(key);
    const wrong = await runCli(["agent", "--bind", "localhost", "--advertise", "eth99", "10.0.0.5:x"]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain("--bind (or MEMBERLIST_BIND): the host must be a literal IP");
    expect(wrong.stderr).toContain("--advertise (or MEMBERLIST_ADVERTISE): no interface has this name");
    expect(wrong.stderr).toContain("the seeds (or MEMBERLIST_SEEDS): seed 1: the port must be a number");
  });

  it("takes options from flags first, then from the environment, then from its file", limit, async () => {
    const file = join(folder, "agent.json");
    await writeFile(file, JSON.stringify({ name: "of-file", meta: "of file", preset: "local", bind: "127.0.0.1:0", json: true }));
    await using run = await CliRun.start(["agent", "--config", file, "--meta", "of flag"], {
      env: { MEMBERLIST_NAME: "of-env" },
    });
    await expect.poll(() => run.json[0], patience).toMatchObject({ type: "running", name: "of-env" });
    const { stdout } = await runCli(["members", (run.json[0] as Running).address, "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ members: [{ name: "of-env", metadata: { text: "of flag" } }] });
    await writeFile(file, JSON.stringify({ nmae: "x" }));
    expect(await runCli(["agent", "--config", file])).toMatchObject({ code: 2, stderr: expect.stringContaining("nmae") });
    await writeFile(file, JSON.stringify({ name: 7 }));
    expect(await runCli(["agent", "--config", file])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("must be a string"),
    });
  });

  it("prefers flags and the environment to the key, the label and the token of its file", limit, async () => {
    const file = join(folder, "other.json");
    await writeFile(join(folder, "key"), generateKey());
    const fields = { keyFile: join(folder, "key"), label: "of-file", httpTokenFile: join(folder, "token"), preset: "local" };
    await writeFile(file, JSON.stringify({ ...fields, bind: "127.0.0.1:0", http: "127.0.0.1:0", json: true }));
    const env = { MEMBERLIST_LABEL: "of-env", MEMBERLIST_HTTP_TOKEN: "the-token-of-the-environment" };
    const key = generateKey();
    await using run = await CliRun.start(["agent", "--config", file, "--key", key, "--name", "a"], { env });
    await expect.poll(() => run.json[0], { ...patience, message: run.stderr }).toMatchObject({ type: "running" });
    const { address, http = "" } = run.json[0] as Running;
    const members = await runCli(["members", address, "--json"], { env: { MEMBERLIST_KEY: key, MEMBERLIST_LABEL: "of-env" } });
    expect(members).toMatchObject({ code: 0, stderr: "" });
    const status = async (own: string): Promise<number> =>
      (await fetch(http, { headers: { accept: "application/json", authorization: `Bearer ${own}` } })).status;
    expect(await status(env.MEMBERLIST_HTTP_TOKEN)).toBe(200);
    expect(await status(token)).toBe(401);
  });

  it.each([
    [{ preset: "constructor" }, "preset must be one of lan, wan, local, kubernetes"],
    [{ json: "yes" }, "json must be true or false"],
    [{ seeds: "10.0.0.5" }, "seeds must be a list of strings"],
    [{ key: "x" }, "use keyFile"],
    [[], "a JSON object"],
  ])("refuses the file %j", limit, async (fields, problem) => {
    const file = join(folder, "wrong.json");
    await writeFile(file, JSON.stringify(fields));
    expect(await runCli(["agent", "--config", file])).toMatchObject({ code: 2, stderr: expect.stringContaining(problem) });
  });

  it(
    "runs event handlers as Serf does, with the event in the environment and members as lines, but without the agent's secrets",
    limit,
    async () => {
      const out = join(folder, "handled");
      const command = `{ echo "$SERF_EVENT $MEMBERLIST_EVENT $MEMBERLIST_SELF_NAME [$MEMBERLIST_KEY]"; cat; } >> ${out}`;
      const env = { MEMBERLIST_KEY: generateKey() };
      await using first = await agent(
        "a",
        ["--event-handler", `member-join,member-leave=${command}`, "--event-handler", `user=cat >> ${out}`],
        {
          env,
        },
      );
      await using second = await agent("b", ["--meta", '{"role":"web"}', first.running.address], { env });
      await expect.poll(() => readFile(out, "utf8").catch(() => ""), patience).toContain("b\t127.0.0.1\tweb\trole=web");
      const sent = await runCli(["send", first.running.address, "a", "hello handlers"], { env });
      expect(sent).toMatchObject({ code: 0, stdout: "sent 14 bytes to 1 of 1 member\n" });
      await expect.poll(() => readFile(out, "utf8"), patience).toContain("hello handlers");
      expect(first.json).toContainEqual({ type: "message", bytes: 14, from: "127.0.0.1", at: expect.stringMatching(/^2.*Z$/) });
      second.interrupt("SIGTERM");
      await second.ended;
      await expect
        .poll(() => readFile(out, "utf8"), patience)
        .toContain("member-leave member-leave a []\nb\t127.0.0.1\tweb\trole=web\n");
      expect(await readFile(out, "utf8")).not.toContain(env.MEMBERLIST_KEY);
      for (const events of ["member-jion", "user:deploy"]) {
        expect(await runCli(["agent", "--event-handler", `${events}=x`])).toMatchObject({
          code: 2,
          stderr: expect.stringContaining(`${events} is not an event`),
        });
      }
    },
  );

  it("prints only events to standard output, and the output of handlers to standard error", limit, async () => {
    await using run = await agent("a", ["--event-handler", "user=echo handled"]);
    await runCli(["send", run.running.address, "a", "x"]);
    await expect.poll(() => run.stderr, patience).toContain("handled\n");
    await expect.poll(() => run.json, patience).toContainEqual(expect.objectContaining({ type: "message" }));
    expect(run.stdout).not.toContain("handled");
  });

  it("answers malformed requests without a log line", limit, async () => {
    await using run = await agent("a", ["--http", "127.0.0.1:0"]);
    const { hostname, port } = new URL(run.running.http ?? "");
    const lines = ["GET / HTTP/1.1\r\nHost: a b", "GET / HTTP/1.1\r\nHost: [::bad", "TRACE / HTTP/1.1\r\nHost: 127.0.0.1"];
    for (const head of lines) {
      const socket = connect(Number(port), hostname).end(`${head}\r\nConnection: close\r\n\r\n`);
      expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /);
    }
    run.interrupt();
    await run.ended;
    expect(run.stderr).not.toContain("Error");
  });

  it("serves the status page on loopback without a token, and requires a token on other addresses", limit, async () => {
    await using run = await agent("a", ["--http", "127.0.0.1:0"]);
    const url = run.running.http ?? "";
    const page = await fetch(url, { headers: { accept: "application/json" } });
    expect(await page.json()).toMatchObject({ node: { name: "a" }, members: [{ name: "a", state: "alive" }] });
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const keys = await fetch(`${url}/keys`, { method: "POST", body: '{"action":"list"}' });
    expect(keys.status).toBe(403);
    const open = await runCli(["agent", "--name", "x", "--bind", "127.0.0.1:0", "--http", "0.0.0.0:0"]);
    expect(open).toMatchObject({ code: 2, stderr: expect.stringContaining("beyond loopback needs a token") });
  });
});

describe("memberlist agent with a problem at its start", () => {
  it("tries its seeds again until one answers, and reports this once", limit, async () => {
    // A loopback address that no other test uses, with a port below those that the system hands out.
    const address = `127.${64 + ((process.pid >> 14) & 63)}.${(process.pid >> 7) & 127}.${1 + (process.pid & 127)}:17946`;
    await using second = await agent("b", [address]);
    await expect.poll(() => second.stderr, patience).toContain("tries its seeds again until one answers");
    await using first = await agent("a", ["--bind", address]);
    await expect.poll(sees(second, "join", "a"), patience).toBe(true);
    expect(first.running.address).toBe(address);
    expect(second.stderr.match(/tries its seeds again/g)).toHaveLength(1);
    second.interrupt();
    expect(await second.ended).toBe(0);
    await expect.poll(sees(first, "leave", "b"), patience).toBe(true);
  });

  it("stops its attempts to join on SIGINT", limit, async () => {
    await using run = await agent("b", ["127.0.0.1:1"]);
    await expect.poll(() => run.stderr, patience).toContain("tries its seeds again until one answers");
    run.interrupt();
    expect(await run.ended).toBe(0);
  });

  it("ends when a seed refuses it", limit, async () => {
    await using first = await agent("a", [], { env: { MEMBERLIST_KEY: generateKey() } });
    const options = ["--preset", "local", "--name", "b", "--bind", "127.0.0.1:0"];
    const refused = await runCli(["agent", ...options, first.running.address, "127.0.0.1:1"], {
      env: { MEMBERLIST_KEY: generateKey() },
    });
    expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining("could not join any of 2 addresses") });
  });

  it("names the option to change when an address is in use", limit, async () => {
    await using first = await agent("a", ["--http", "127.0.0.1:0"]);
    const { address, http = "" } = first.running;
    expect(await runCli(["agent", "--name", "b", "--bind", address])).toMatchObject({
      code: 1,
      stderr: `memberlist: ${address} (TCP): another process uses the port: end it, or pass another port by --bind (0 takes a free one)\n`,
    });
    const { host } = new URL(http);
    expect(await runCli(["agent", "--name", "b", "--bind", "127.0.0.1:0", "--http", host])).toMatchObject({
      code: 1,
      stderr: `memberlist: ${host}: another process uses the port: end it, or pass another port by --http (0 takes a free one)\n`,
    });
  });

  it("warns when a running member has its name", limit, async () => {
    await using first = await agent("a");
    await using second = await agent("a", [first.running.address]);
    await expect.poll(() => second.stderr, patience).toContain(`the name a is used by ${first.running.address}, which is alive`);
  });
});

describe("memberlist monitor", () => {
  it("joins as an observer, prints events, and leaves", limit, async () => {
    await using first = await agent("a");
    await using monitor = await CliRun.start(["monitor", first.running.address, "--json", "--name", "observer"]);
    await expect.poll(sees(first, "join", "observer"), patience).toBe(true);
    await using second = await agent("b", [first.running.address]);
    await expect.poll(sees(monitor, "join", "b"), patience).toBe(true);
    second.interrupt();
    await expect.poll(sees(monitor, "leave", "b"), patience).toBe(true);
    monitor.interrupt();
    expect(await monitor.ended).toBe(0);
    await expect.poll(sees(first, "leave", "observer"), patience).toBe(true);
  });

  it("prints the events of a running agent as sentences, and sends its token", limit, async () => {
    await using first = await agent("a", ["--http", "127.0.0.1:0", "--http-token-file", join(folder, "token")]);
    const url = first.running.http ?? "";
    expect(await runCli(["monitor", "--agent", url])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("it needs a token: pass --token-file"),
    });
    await using monitor = await CliRun.start(["monitor", "--agent", url], { env: { MEMBERLIST_HTTP_TOKEN: token } });
    await using second = await agent("b", [first.running.address]);
    await expect.poll(() => monitor.stdout, patience).toMatch(/ join {5}b joined at 127\.0\.0\.1:\d+\n/);
    second.interrupt();
    await expect.poll(() => monitor.stdout, patience).toMatch(/ leave {4}b left\n/);
    first.interrupt();
    expect(await monitor.ended).toBe(3);
    expect(monitor.stderr).toBe(`memberlist: ${url}: the agent was shut down\n`);
  });

  it("reports a broken connection to a running agent", limit, async () => {
    await using first = await agent("a", ["--http", "127.0.0.1:0"]);
    const url = first.running.http ?? "";
    await using monitor = await CliRun.start(["monitor", "--agent", url]);
    await expect.poll(() => monitor.stdout, patience).toContain("a joined at ");
    process.kill(first.pid, "SIGKILL");
    expect(await monitor.ended).toBe(3);
    expect(monitor.stderr).toBe(`memberlist: ${url}: the connection broke: check that the agent still runs\n`);
  });
});

it.each([["monitor"], ["doctor", "127.0.0.1:1"], ["keys", "list"]])(
  "refuses to send a token over plain HTTP to another machine without --allow-plain-http: %s",
  limit,
  async (...command) => {
    const env = { MEMBERLIST_HTTP_TOKEN: token };
    for (const url of ["http://10.1.2.3:7980", "http://127.example.com:7980"]) {
      expect(await runCli([...command, "--agent", url], { env })).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`--agent ${url}: plain HTTP would show the token`),
      });
    }
    // No server listens there: the command gets as far as the request.
    const allowed = await runCli([...command, "--agent", "http://0.0.0.0:1", "--allow-plain-http"], { env });
    expect(allowed.code).not.toBe(2);
    expect(`${allowed.stdout}${allowed.stderr}`).toMatch(/http:\/\/0\.0\.0\.0:1 does\s+not\s+answer/);
  },
);

describe("memberlist monitor --agent", () => {
  it("prints log lines only with --logs, leaves out those that repeat an event, and keeps the order of time", limit, async () => {
    await using first = await agent("a", ["--http", "127.0.0.1:0", "127.0.0.1:1"]);
    const url = first.running.http ?? "";
    await expect.poll(() => first.stderr, patience).toContain("join_attempt_failed");
    await using plain = await CliRun.start(["monitor", "--agent", url, "--json"]);
    await using logs = await CliRun.start(["monitor", "--agent", url, "--json", "--logs"]);
    await expect.poll(() => logs.json, patience).toContainEqual(expect.objectContaining({ code: "join_attempt_failed" }));
    await using second = await agent("b", [first.running.address]);
    await expect.poll(sees(plain, "join", "b"), patience).toBe(true);
    // The process dies without a leave: others suspect it and declare it dead, and log both.
    process.kill(second.pid, "SIGKILL");
    await expect.poll(sees(logs, "leave", "b"), patience).toBe(true);
    const lines = logs.json as readonly (Event & { readonly at: string; readonly level?: string; readonly code?: string })[];
    expect(lines.map(({ at }) => at)).toEqual(lines.map(({ at }) => at).toSorted());
    expect(lines.map(({ level }) => level)).not.toContain("debug");
    expect(lines.map(({ code }) => code)).not.toContain("marked_dead");
    expect(plain.json.map((line) => (line as Event).type)).not.toContain("log");
    const misused = await runCli(["monitor", first.running.address, "--logs"]);
    expect(misused).toMatchObject({ code: 2, stderr: expect.stringContaining("--logs needs --agent") });
    const noScheme = await runCli(["monitor", "--agent", new URL(url).host]);
    expect(noScheme).toMatchObject({ code: 2, stderr: expect.stringContaining(`pass ${url}`) });
  });
});

describe("memberlist ping, rtt, send, broadcast and reachability", () => {
  it("reaches members without joining", limit, async () => {
    await using first = await agent("a", ["--event-handler", `user=cat >> ${join(folder, "user-a")}`]);
    await using second = await agent("b", ["--event-handler", `user=cat >> ${join(folder, "user-b")}`, first.running.address]);
    const seed = first.running.address;
    expect(second.running.name).toBe("b");
    await expect.poll(sees(first, "join", "b"), patience).toBe(true);
    const ping = await runCli(["ping", `a/${seed}`, "--count", "2", "--interval", "0.05"]);
    expect(ping.stdout).toMatch(/^answer from 127\.0\.0\.1:\d+ in [\d.]+ ms\n.*\n2 of 2 answered; /);
    expect(await runCli(["ping", `z/${seed}`, "--count", "1"])).toMatchObject({
      code: 3,
      stdout: expect.stringContaining("no answer"),
      stderr: expect.stringContaining(`memberlist doctor ${seed} finds the cause`),
    });
    expect(await runCli(["ping", seed, "--interval", "0.001"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("a number of seconds from 0.01 to 86400"),
    });
    const rtt = await runCli(["rtt", seed, "--count", "2", "--interval", "0.05"]);
    expect(rtt).toMatchObject({ code: 0, stdout: expect.stringMatching(/^b .* 0 of 2$/m) });
    const sent = await runCli(["broadcast", seed], { stdin: "to all" });
    expect(sent).toMatchObject({ code: 0, stdout: "sent 6 bytes to 2 of 2 members\n" });
    for (const name of ["user-a", "user-b"]) {
      await expect.poll(() => readFile(join(folder, name), "utf8").catch(() => ""), patience).toBe("to all");
    }
    expect(await runCli(["send", seed, "nobody", "x"])).toMatchObject({ code: 1, stderr: expect.stringContaining("nobody") });
    expect(await runCli(["send", seed, "a", "--best-effort"], { stdin: "x".repeat(70_000) })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("does not fit into a UDP packet"),
    });
    const otherKey = { env: { MEMBERLIST_KEY: generateKey() } };
    expect(await runCli(["reachability", seed], otherKey)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("answers in plaintext"),
    });
    const reach = await runCli(["reachability", seed, "--json"]);
    expect(
      reach.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { from: null, to: { a: "ok", b: "ok" } },
      { from: "a", to: { b: "ok" } },
      { from: "b", to: { a: "ok" } },
    ]);
    const names = JSON.parse((await runCli(["members", seed, "--json"])).stdout) as { members: { name: string }[] };
    expect(names.members.map(({ name }) => name)).toEqual(["a", "b"]);
  });
});

describe("output", () => {
  it("names the cause when standard output cannot be written", limit, async () => {
    expect(await runCli(["keygen"], { enter: ["bash", "-c", `"$@" > /dev/full`, "bash"] })).toEqual({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^memberlist: standard output: ENOSPC[^\n]*\n$/),
    });
  });

  it("exits with 130 when ping is interrupted before an ack", limit, async () => {
    await using ping = await CliRun.start(["ping", "127.0.0.1:1", "--count", "100000", "--interval", "0.02"]);
    await expect.poll(() => ping.stdout, patience).toContain("no answer");
    ping.interrupt();
    expect(await ping.ended).toBe(130);
  });
});

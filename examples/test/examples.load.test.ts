import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { commandOf, Program, programOf, sourceOf, type Kind } from "./program.ts";

const kinds: readonly Kind[] = ["node", "deno", "bun"];
const examples = ["agent", "registry", "chat", "leader"];
const missing = kinds.filter((kind) => programOf(kind) === undefined);
if (missing.length > 0)
  process.stdout.write(`the examples are not run on ${missing.join(" and ")}, which this machine does not have\n`);

const limit = { timeout: 90_000 };

it("runs an example on Node by one command, which works on Node 20, too", () => {
  const { scripts } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    scripts: Record<string, string>;
  };
  expect(scripts["example"]).toBe("node scripts/run.mjs examples/node");
  const commands = examples.map((example) => commandOf("node", example).join(" "));
  expect(commands).toEqual(examples.map((example) => `npx -y pnpm@12 example ${example}`));
});

describe.each(examples)("the %s example", (example) => {
  it("consists of one file of less than 80 lines, which imports the transport package and the runtime's own modules only", () => {
    const lines = sourceOf("node", example);
    expect(lines.length - 1).toBeLessThan(80);
    const imported = lines.flatMap((line) => /from "(.*)"/.exec(line)?.[1] ?? []);
    expect(imported.filter((name) => !name.startsWith("node:"))).toEqual(["@memberlist/transport-node"]);
  });

  it("differs between Node, Deno and Bun by its first line and its imports only", () => {
    const body = (kind: Kind): string[] => sourceOf(kind, example).filter((line, i) => i > 0 && !line.startsWith("import "));
    expect(body("deno")).toEqual(body("node"));
    expect(body("bun")).toEqual(body("node"));
  });

  it("uses a label and a key", () => {
    const source = sourceOf("node", example).join("\n");
    expect(source).toMatch(/label: "example"/);
    expect(source).toMatch(/secretKey: .*decodeKey\(values\.key\)/);
  });
});

/** Each runs with a member on Node, so that clusters are mixed. */
describe.each(kinds)("on %s", (kind) => {
  const absent = programOf(kind) === undefined;

  it.skipIf(absent)("runs an agent that joins, prints the membership, and leaves", limit, async () => {
    await using a = new Program("node", "agent", ["--name", "a"]);
    await using b = new Program(kind, "agent", ["--name", "b", ...(await a.invitation())]);
    await b.says(/members: a b\n/);
    await a.says(/join b at 127\.0\.0\.1 port \d+ \(alive\); members: a b\n/);
    expect(await b.stop()).toBe(0);
    await a.says(/leave b at 127\.0\.0\.1 port \d+ \(left\); members: a\n/);
    expect(await a.stop()).toBe(0);
  });

  it.skipIf(absent)("runs an agent whose member is in a thread", limit, async () => {
    await using a = new Program("node", "agent", ["--name", "a"]);
    await using b = new Program(kind, "agent", ["--name", "b", "--thread", ...(await a.invitation())]);
    await b.says(/members: a b\n/);
    await a.says(/join b at 127\.0\.0\.1 port \d+ \(alive\); members: a b\n/);
    expect(await b.stop()).toBe(0);
    await a.says(/leave b at 127\.0\.0\.1 port \d+ \(left\); members: a\n/);
    expect(await a.stop()).toBe(0);
  });

  it.skipIf(absent)(
    "runs a registry that shows the services of all members, and forgets those of a member that left",
    limit,
    async () => {
      await using a = new Program("node", "registry", ["--name", "a"]);
      a.type("web=8080");
      await using b = new Program(kind, "registry", ["--name", "b", ...(await a.invitation())]);
      b.type("web=8081");
      const both = /web: 127\.0\.0\.1 port 8080 \(a\)\nweb: 127\.0\.0\.1 port 8081 \(b\)\n/;
      await b.says(both);
      await a.says(both);
      b.type("db=5432");
      await a.says(/db: 127\.0\.0\.1 port 5432 \(b\)\n/);
      b.type("nonsense");
      await b.says(/"nonsense" is neither name=port nor -name/);
      a.type("-web");
      await b.says(/db: 127\.0\.0\.1 port 5432 \(b\)\nweb: 127\.0\.0\.1 port 8081 \(b\)\n/);
      expect(await b.stop()).toBe(0);
      await a.says(/web: 127\.0\.0\.1 port 8081 \(b\)\nno services\n/);
      expect(await a.stop()).toBe(0);
    },
  );

  it.skipIf(absent)("runs a chat that brings a line to every member once, without its control characters", limit, async () => {
    await using a = new Program("node", "chat", ["--name", "a"]);
    const invitation = await a.invitation();
    await using b = new Program(kind, "chat", ["--name", "b", ...invitation]);
    await b.invitation();
    await using c = new Program(kind, "chat", ["--name", "c", ...invitation]);
    // Gossip reaches the members that are known by then: wait for lines from both.
    c.type("here is c");
    await a.says(/c: here is c\n/);
    await b.says(/c: here is c\n/);
    b.type("hello \u001b[31mall");
    await a.says(/b: hello \?\[31mall\n/);
    await c.says(/b: hello \?\[31mall\n/);
    a.type("bye");
    await b.says(/a: bye\n/);
    expect(await b.endInput()).toBe(0);
    expect(await c.stop()).toBe(0);
    expect(a.output.match(/here is c/g)).toHaveLength(1);
    expect(await a.endInput()).toBe(0);
  });

  it.skipIf(absent)("runs an election in which the lowest name leads, and the next one takes over", limit, async () => {
    await using b = new Program(kind, "leader", ["--name", "b"]);
    await b.says(/leader: b \(this node\)\n/);
    await using a = new Program("node", "leader", ["--name", "a", ...(await b.invitation())]);
    await a.says(/leader: a \(this node\)\n/);
    await b.says(/leader: a\n/);
    expect(await a.stop()).toBe(0);
    await b.says(/leader: a\nleader: b \(this node\)\n/);
    expect(await b.stop()).toBe(0);
  });

  it.skipIf(absent)("ends a program with code 1 and the reason after a wrong option or a failed join", limit, async () => {
    await using wrong = new Program(kind, "agent", ["--nmae", "b"]);
    expect(await wrong.endInput()).toBe(1);
    expect(wrong.output).toMatch(/^.*Unknown option '--nmae'.*\n$/);
    await using key = new Program(kind, "agent", ["--key", "secret"]);
    expect(await key.endInput()).toBe(1);
    expect(key.output).toMatch(/^MemberlistError: .*\n$/);
    await using port = new Program(kind, "agent", ["--port", "65536"]);
    expect(await port.endInput()).toBe(1);
    expect(port.output).toMatch(/^ConfigError: invalid config:\n {2}bindPort must be .*\n$/);
    await using alone = new Program(kind, "agent", ["--join", "127.0.0.1:1"]);
    expect(await alone.endInput()).toBe(1);
    expect(alone.output).toMatch(/127\.0\.0\.1:1/);
  });

  it.skipIf(absent)("keeps a member with another key out", limit, async () => {
    await using a = new Program("node", "agent", ["--name", "a"]);
    const [, address = ""] = await a.invitation();
    await using stranger = new Program(kind, "agent", ["--name", "stranger", "--join", address]);
    expect(await stranger.endInput()).toBe(1);
    expect(await a.stop()).toBe(0);
    expect(a.output).not.toMatch(/stranger \S+ \(alive\)/);
  });
});

it.skipIf(programOf("deno") === undefined)(
  "lets members over QUIC join each other and refuses strangers and impostors",
  limit,
  async () => {
    await using program = new Program("deno", "quic", []);
    await program.says(/members: a b c\n/);
    await program.says(/b received: hello from c\n/);
    await program.says(/stranger: .*\n.*the peer refused this node: the certificate is not signed by this cluster's authority\n/);
    await program.says(/c, looking for b at the address of a: .*\n.*it is node "a", not "b"\n/);
    expect(await program.ended).toBe(0);
  },
);

it("shows the page of a cluster whose members are started and killed", limit, async () => {
  await using status = new Program("node", "status", ["--http", "0"]);
  const [, url = ""] = await status.says(/open (http:\S+) /);
  const states = async (): Promise<string[]> => {
    const { members } = (await (await fetch(url)).json()) as { members: { name: string; state: string }[] };
    return members.map(({ name, state }) => `${name} ${state}`).sort();
  };
  expect(await states()).toEqual(["web-1 alive", "web-2 alive", "web-3 alive"]);
  expect(await (await fetch(url, { headers: { accept: "text/html" } })).text()).toMatch(/^<!doctype html>/);
  status.type("kill web-3");
  status.type("leave web-2");
  status.type("start web-4");
  await expect.poll(states, { timeout: 30_000 }).toEqual(["web-1 alive", "web-2 left", "web-3 dead", "web-4 alive"]);
  status.type("kill web-1");
  await status.says(/type start, leave or kill/);
  expect(await status.stop()).toBe(0);
});

it("runs a job of node-cron on one member, and on another one after the first has left", limit, async () => {
  await using a = new Program("node", "cron", ["--name", "a", "--settle", "1000"]);
  await a.says(/a runs the job\nreport at \S+\n/);
  await using b = new Program("node", "cron", ["--name", "b", "--settle", "1000", ...(await a.invitation())]);
  const [, first = ""] = await b.says(/(\w) runs the job\n/);
  const [leading, other] = first === "a" ? [a, b] : [b, a];
  const reports = leading.output.match(/report at/g)?.length ?? 0;
  await expect.poll(() => leading.output.match(/report at/g)?.length ?? 0, { timeout: 20_000 }).toBeGreaterThan(reports + 1);
  expect(b.output.includes("report at")).toBe(leading === b);
  expect(await leading.stop()).toBe(0);
  await other.says(new RegExp(`no leader\\n${other === a ? "a" : "b"} runs the job\\nreport at \\S+\\n`));
  expect(await other.stop()).toBe(0);
});

it("calls the action of a Moleculer service at each member in turn, and not at one that has left", limit, async () => {
  await using a = new Program("node", "moleculer", ["--name", "a"]);
  await using b = new Program("node", "moleculer", ["--name", "b", ...(await a.invitation())]);
  await Promise.all([a.says(/b answers, too\n/), b.says(/a answers, too\n/)]);
  for (const program of [a, b]) {
    for (const _ of [1, 2]) program.type("Ada");
    for (const name of ["a", "b"]) await program.says(new RegExp(`hello Ada, from ${name}\n`));
  }
  expect(await b.stop()).toBe(0);
  for (const _ of [1, 2]) a.type("Grace");
  await a.says(/(hello Grace, from a\n){2}/);
  expect(await a.stop()).toBe(0);
});

it("answers for all keys at each member of a sharded cache, which computes each value once", limit, async () => {
  await using a = new Program("node", "sharded-cache", ["--name", "a"]);
  const [, portOfA = ""] = await a.says(/running at (\d+)\./);
  await using b = new Program("node", "sharded-cache", ["--name", "b", ...(await a.invitation())]);
  const [, portOfB = ""] = await b.says(/running at (\d+)\./);
  for (const program of [a, b]) await program.says(/members: 2; 50 % of the keys move\n/);
  const get = async (port: string, path: string): Promise<string> =>
    (await (await fetch(`http://127.0.0.1:${port}/${path}`)).text()).trim();
  const keys = Array.from({ length: 40 }, (_, i) => `user:${i}`);
  const values = await Promise.all(keys.map((key) => get(portOfA, key)));
  expect(await Promise.all(keys.map((key) => get(portOfB, key)))).toEqual(values);
  const [ofA, ofB] = [(await get(portOfA, "?stats")).split(" "), (await get(portOfB, "?stats")).split(" ")];
  expect([...ofA, ...ofB].sort()).toEqual(keys.toSorted());
  expect(Math.min(ofA.length, ofB.length)).toBeGreaterThan(5);
  expect(await b.stop()).toBe(0);
  await a.says(/members: 1; 50 % of the keys move\n/);
  expect(await get(portOfA, ofB[0] ?? "")).toBe(`value of ${ofB[0]}, computed by a`);
  expect(await a.stop()).toBe(0);
});

it("pushes a setting to all members, and gives the last one to a member that joins later", limit, async () => {
  await using a = new Program("node", "config-push", ["--name", "a"]);
  const invitation = await a.invitation();
  await using b = new Program("node", "config-push", ["--name", "b", ...invitation]);
  await b.invitation();
  a.type("level=debug");
  await b.says(/level is debug, set by a\n/);
  b.type("level=warn");
  await a.says(/level is warn, set by b\n/);
  await using c = new Program("node", "config-push", ["--name", "c", ...invitation]);
  await c.says(/level is warn, set by b\n/);
  for (const program of [a, b, c]) expect(await program.stop()).toBe(0);
});

it("drops a cached value at all members when one changes it", limit, async () => {
  const data = await mkdtemp(join(tmpdir(), "cache-"));
  onTestFinished(() => rm(data, { recursive: true }));
  await using a = new Program("node", "cache-invalidation", ["--name", "a", "--data", data]);
  await using b = new Program("node", "cache-invalidation", ["--name", "b", "--data", data, ...(await a.invitation())]);
  await b.invitation();
  // Not by `set`: its message may come after b has read the value, and b would drop it.
  await writeFile(join(data, "user%3A42.txt"), "Ada");
  b.type("get user:42");
  await b.says(/user:42 is Ada \(from the database\)\n/);
  b.type("get user:42");
  await b.says(/user:42 is Ada \(from the cache\)\n/);
  a.type("set user:42 Grace");
  await b.says(/dropped user:42, which a has changed\n/);
  b.type("get user:42");
  await b.says(/dropped user:42[^]*user:42 is Grace \(from the database\)\n/);
  for (const program of [a, b]) expect(await program.stop()).toBe(0);
});

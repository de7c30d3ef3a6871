import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { commandOf, Program, programOf, type Kind } from "./program.ts";

const kinds: readonly Kind[] = ["node", "deno", "bun"];
const missing = kinds.filter((kind) => programOf(kind) === undefined);
if (missing.length > 0) process.stdout.write(`the examples are not tried on ${missing.join(" and ")}: not there\n`);

const limit = { timeout: 90_000 };

it("an example on Node is one command, which runs on Node 20, too", () => {
  const { scripts } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    scripts: Record<string, string>;
  };
  expect(scripts["example"]).toBe("node scripts/run.mjs examples/node");
  const commands = ["agent", "registry", "chat", "leader"].map((example) => commandOf("node", example).join(" "));
  expect(commands).toEqual(["agent", "registry", "chat", "leader"].map((example) => `npx -y pnpm@12 example ${example}`));
});

/** Each with a member on Node beside it, so that other runtimes are in a cluster with that. */
describe.each(kinds)("on %s", (kind) => {
  const absent = programOf(kind) === undefined;

  it.skipIf(absent)("the agent joins, prints the membership, and leaves", limit, async () => {
    await using a = new Program("node", "agent", ["--name", "a"]);
    await using b = new Program(kind, "agent", ["--name", "b", "--join", await a.address()]);
    await b.says(/members: a b\n/);
    await a.says(/join b 127\.0\.0\.1:\d+ \(alive\); members: a b\n/);
    expect(await b.stop()).toBe(0);
    await a.says(/leave b 127\.0\.0\.1:\d+ \(left\); members: a\n/);
    expect(await a.stop()).toBe(0);
  });

  it.skipIf(absent)("the registry knows what all offer, and forgets what a gone node did", limit, async () => {
    await using a = new Program("node", "registry", ["--name", "a", "--service", "web=8080"]);
    await using b = new Program(kind, "registry", ["--name", "b", "--service", "web=8081", "--join", await a.address()]);
    await b.says(/web: 127\.0\.0\.1:8080 \(a\), 127\.0\.0\.1:8081 \(b\)\n/);
    await a.says(/web: 127\.0\.0\.1:8080 \(a\), 127\.0\.0\.1:8081 \(b\)\n/);
    b.type("db=5432");
    await a.says(/db: 127\.0\.0\.1:5432 \(b\)\n/);
    b.type("nonsense");
    await b.says(/"nonsense" is neither name=port nor -name/);
    a.type("-web");
    await b.says(/web: 127\.0\.0\.1:8081 \(b\)\n/);
    expect(await b.stop()).toBe(0);
    await a.says(/no services\n/);
    expect(await a.stop()).toBe(0);
  });

  it.skipIf(absent)("what is typed into the chat reaches all, once", limit, async () => {
    await using a = new Program("node", "chat", ["--name", "a"]);
    const address = await a.address();
    await using b = new Program(kind, "chat", ["--name", "b", "--join", address]);
    await b.address();
    await using c = new Program(kind, "chat", ["--name", "c", "--join", address]);
    // A line is told only to those who are known by then: wait for answers of both.
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

  it.skipIf(absent)("the leader is the lowest name, and the next one takes over", limit, async () => {
    await using b = new Program(kind, "leader", ["--name", "b"]);
    await b.says(/leader: b \(this node\)\n/);
    await using a = new Program("node", "leader", ["--name", "a", "--join", await b.address()]);
    await a.says(/leader: a \(this node\)\n/);
    await b.says(/leader: a\n/);
    expect(await a.stop()).toBe(0);
    await b.says(/leader: a\nleader: b \(this node\)\n/);
    expect(await b.stop()).toBe(0);
  });

  it.skipIf(absent)("a wrong command line, and a join that fails, end with 1 and a reason", limit, async () => {
    await using wrong = new Program(kind, "agent", ["--nmae", "b"]);
    expect(await wrong.endInput()).toBe(1);
    expect(wrong.output).toMatch(/Unknown option '--nmae'/);
    await using alone = new Program(kind, "agent", ["--join", "127.0.0.1:1"]);
    expect(await alone.endInput()).toBe(1);
    expect(alone.output).toMatch(/127\.0\.0\.1:1/);
  });
});

it.skipIf(programOf("deno") === undefined)(
  "members over QUIC find each other; strangers and impostors do not get in",
  limit,
  async () => {
    await using program = new Program("deno", "quic", []);
    await program.says(/members: a b c\n/);
    await program.says(/b received: hello from c\n/);
    await program.says(/stranger: .*\n.*the peer has refused us: the certificate is not signed by this cluster's authority\n/);
    await program.says(/c, looking for b at the address of a: .*\n.*it is node "a", not "b"\n/);
    expect(await program.ended).toBe(0);
  },
);

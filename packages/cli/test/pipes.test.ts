import { afterEach, describe, expect, it } from "vitest";
import { createMemberlist, localConfig, type Memberlist } from "@memberlist/transport-node";
import { CliRun, runCli } from "./program.ts";

const limit = { timeout: 60_000 };
const running: Memberlist[] = [];
afterEach(() => Promise.all(running.splice(0).map((members) => members.shutdown())));

interface Member {
  readonly members: Memberlist;
  readonly address: string;
  readonly received: Uint8Array[];
}

async function start(name: string, label: string = ""): Promise<Member> {
  const received: Uint8Array[] = [];
  const members = await createMemberlist({
    ...localConfig(),
    name,
    label,
    bindAddr: "127.0.0.1",
    bindPort: 0,
    logOutput: { write: () => undefined },
    delegate: { notifyMsg: (message) => void received.push(message) },
  });
  running.push(members);
  return { members, address: members.toJSON().address, received };
}

/** Pipes the program into a reader. Standard output has the output of the reader, and then the exit codes of both. */
function piped(reader: string): { readonly enter: readonly string[] } {
  return { enter: ["bash", "-c", `"$@" | ${reader}; echo "\${PIPESTATUS[@]}"`, "bash"] };
}

describe("memberlist send", () => {
  it("sends a message from standard input after its end, however late that comes", limit, async () => {
    const { address, received } = await start("a");
    const late = ["bash", "-c", `{ sleep 1; printf late; } | "$@"`, "bash"];
    expect(await runCli(["send", address, "a"], { enter: late })).toMatchObject({ code: 0, stderr: "" });
    await expect.poll(() => received.map((message) => Buffer.from(message).toString())).toEqual(["late"]);
  });

  it("refuses a message from standard input that exceeds the limit", limit, async () => {
    const { address, received } = await start("a");
    const sent = await runCli(["send", address, "a"], { stdin: "x".repeat(20 * 1024 * 1024 + 1) });
    expect(sent).toMatchObject({ code: 2, stderr: expect.stringContaining("more than the 20971520 bytes") });
    expect(received).toEqual([]);
  });
});

describe("standard output that its reader closes", () => {
  it("ends a long-running command without a stack trace", limit, async () => {
    const { address } = await start("a");
    const { stdout, stderr } = await runCli(["ping", address, "--count", "100000", "--interval", "0.01"], piped("head -1"));
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^answer from .*\n0 0\n$/);
  });

  it("makes an agent leave its cluster", limit, async () => {
    const { address, members } = await start("a");
    const agent = ["agent", "--preset", "local", "--name", "b", "--bind", "127.0.0.1:0", address];
    await using run = await CliRun.start(agent, piped("sed '/ a joined at /q'"));
    await expect.poll(() => members.get("b")?.state, { timeout: 30_000 }).toBe("alive");
    await expect.poll(() => run.stdout, { timeout: 30_000 }).toContain(" a joined at ");
    // The reader has ended before the next event.
    const { members: other } = await start("c");
    await other.join([address]);
    expect(await run.ended).toBe(0);
    expect(run.stdout).toMatch(/^b is running at .*\n(?:.*\n)*0 0\n$/);
    await expect.poll(() => members.get("b")?.state ?? "left", { timeout: 30_000 }).toBe("left");
  });

  it("keeps the exit code of a command that ends by itself", limit, async () => {
    const { address } = await start("a");
    const { stdout, stderr } = await runCli(["doctor", address, "--duration", "0.3", "--label", "other"], piped("true"));
    expect({ stdout, stderr: stderr.includes("EPIPE") }).toEqual({ stdout: "6 0\n", stderr: false });
  });
});

import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { networkInterfaces, hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandLineVariables, memberVariables } from "@memberlist/core/internal";
import { configFromEnv, createMemberlist, generateKey, runUntilSignal } from "../src/index.ts";

let folder = "";
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), "memberlist-deployment-"))));
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("configFromEnv on Node", () => {
  it("reads the key file, follows an interface, and keeps the state in a file", async () => {
    const loopback = Object.entries(networkInterfaces()).find(([, infos]) =>
      infos?.some(({ address }) => address === "127.0.0.1"),
    )?.[0];
    await writeFile(join(folder, "key"), `${generateKey()}\n`);
    const { config, seeds } = await configFromEnv({
      MEMBERLIST_KEY_FILE: join(folder, "key"),
      MEMBERLIST_ADVERTISE: loopback,
      MEMBERLIST_STORE: join(folder, "state", "member.json"),
      MEMBERLIST_SEEDS: "10.0.0.5",
    });
    expect(config).toMatchObject({ name: hostname(), bindAddr: "0.0.0.0" });
    expect(config.keyring?.size).toBe(1);
    expect(seeds).toEqual(["10.0.0.5"]);
    await config.store?.save("state");
    expect(await config.store?.load()).toBe("state");
    const members = await createMemberlist({ ...config, bindPort: 0 });
    expect(members.localNode().addr).toBe("127.0.0.1");
    await members.shutdown();
  });

  it.runIf(process.platform !== "win32")("runs a command with the environment, but without the key", async () => {
    const given = { ...process.env, ADDRESS: "127.0.0.7", MEMBERLIST_KEY: generateKey() };
    const command = 'command: test -z "$MEMBERLIST_KEY" && echo "$ADDRESS"';
    const { config } = await configFromEnv({ ...given, MEMBERLIST_ADVERTISE: command });
    expect(await (config.advertiseAddr as () => Promise<string>)()).toBe("127.0.0.7");
    const wrong = configFromEnv({ ...given, MEMBERLIST_ADVERTISE: "command: exit 3" });
    await expect(wrong).rejects.toMatchObject({ code: "invalid_config", details: { fields: ["MEMBERLIST_ADVERTISE"] } });
  });

  it("reads the process's environment by default", async () => {
    process.env["MEMBERLIST_NAME"] = "of-the-process";
    try {
      expect((await configFromEnv()).config.name).toBe("of-the-process");
    } finally {
      delete process.env["MEMBERLIST_NAME"];
    }
  });
});

describe("an error of a member that the environment configures", () => {
  it("names the field and the variable of an address that cannot be bound", async () => {
    const { config: elsewhere } = await configFromEnv({ MEMBERLIST_BIND: "203.0.113.9:0" });
    const { config } = await configFromEnv({ MEMBERLIST_BIND: "127.0.0.1:0" });
    const members = await createMemberlist(config);
    const { port } = members.localNode();
    const { config: same } = await configFromEnv({ MEMBERLIST_BIND: `127.0.0.1:${port}` });
    for (const [wrong, field] of [
      [elsewhere, "bindAddr"],
      [same, "bindPort"],
    ] as const) {
      await expect(createMemberlist(wrong)).rejects.toMatchObject({
        code: "bind_failed",
        message: expect.stringContaining(`set ${field} (or MEMBERLIST_BIND) to `),
      });
    }
    await members.shutdown();
  });

  const key = generateKey();
  it.each([
    ["another label", { MEMBERLIST_LABEL: "shopp", MEMBERLIST_KEY: key }],
    ["another key", { MEMBERLIST_LABEL: "shop", MEMBERLIST_KEY: generateKey() }],
    ["no key", { MEMBERLIST_LABEL: "shop" }],
  ])("names the variables of the label and of the key if the seed refuses the member: %s", async (_, env) => {
    const bind = { MEMBERLIST_BIND: "127.0.0.1:0" };
    const right = { ...bind, MEMBERLIST_NAME: "a", MEMBERLIST_LABEL: "shop", MEMBERLIST_KEY: key };
    const quiet = { logOutput: { write: () => undefined } };
    const first = await createMemberlist({ ...(await configFromEnv(right)).config, ...quiet });
    const { addr, port } = first.localNode();
    const { config, seeds } = await configFromEnv({ ...bind, ...env, MEMBERLIST_NAME: "b", MEMBERLIST_SEEDS: `${addr}:${port}` });
    const second = await createMemberlist({ ...config, ...quiet });
    await expect(second.join(seeds)).rejects.toMatchObject({
      code: "join_failed",
      message: expect.stringMatching(/label \(or MEMBERLIST_LABEL\).*keyring \(or MEMBERLIST_KEY_FILE\)$/),
    });
    await Promise.all([first.shutdown(), second.shutdown()]);
  });
});

describe("runUntilSignal on Node", () => {
  it("leaves at a signal of the process, and takes its listeners away", async () => {
    const config = { name: "a", bindAddr: "127.0.0.1", bindPort: 0 };
    const members = await createMemberlist(config);
    const before = process.listenerCount("SIGTERM");
    const run = runUntilSignal(members);
    expect(process.listenerCount("SIGTERM")).toBe(before + 1);
    process.emit("SIGTERM", "SIGTERM");
    expect(await run).toBe("SIGTERM");
    expect(process.listenerCount("SIGTERM")).toBe(before);
    await expect(members.join([])).rejects.toMatchObject({ code: "shutdown" });
  });
});

describe("the table of variables", () => {
  const page = readFileSync(new URL("../../../docs/guide/deploying.md", import.meta.url), "utf8");

  it("contains a row for each variable, and for no other", () => {
    const rows = [...page.matchAll(/^\| `(MEMBERLIST_\w+)` \|/gm)].map(([, name]) => name);
    expect(new Set(rows)).toEqual(new Set(memberVariables));
  });

  it("names the variables of the command line", () => {
    for (const name of commandLineVariables) expect(page).toContain(`\`${name}\``);
  });
});

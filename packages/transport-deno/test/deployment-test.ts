/** Run by Deno with its sanitizers, and with the permissions that the docstrings name. `MEMBERLIST_NAME` is set, and in the folder of the first argument lies `key`. */
import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { configFromEnv, createMemberlist, runUntilSignal } from "../src/index.ts";

const [folder = ""] = Deno.args;

Deno.test("configFromEnv reads the process's environment, and the key file", async () => {
  const { config } = await configFromEnv({
    ...Deno.env.toObject(),
    MEMBERLIST_KEY_FILE: `${folder}/key`,
    MEMBERLIST_SEEDS: "a b",
  });
  strictEqual(config.name, "of-the-process");
  strictEqual(config.keyring?.size, 1);
  deepStrictEqual((await configFromEnv()).seeds, []);
  strictEqual((await configFromEnv({})).config.name, Deno.hostname());
});

Deno.test("configFromEnv takes the address of an interface, or one that a command prints", async () => {
  const loopback = Deno.networkInterfaces().find(({ address }) => address === "127.0.0.1")?.name;
  const advertised = async (env: Record<string, string | undefined>): Promise<string> =>
    ((await configFromEnv(env)).config.advertiseAddr as () => Promise<string>)();
  strictEqual(await advertised({ MEMBERLIST_ADVERTISE: loopback }), "127.0.0.1");
  const command = 'command: test -z "$MEMBERLIST_KEY$HOME" && echo "$ADDRESS"';
  const env = { ...Deno.env.toObject(), HOME: "", ADDRESS: "127.0.0.7", MEMBERLIST_KEY: "AAAAAAAAAAAAAAAAAAAAAA==" };
  strictEqual(await advertised({ ...env, MEMBERLIST_ADVERTISE: command }), "127.0.0.7");
  await rejects(configFromEnv({ MEMBERLIST_ADVERTISE: "command: exit 3" }), { code: "invalid_config" });
});

Deno.test("runUntilSignal leaves at a signal of the process", async () => {
  const members = await createMemberlist({ name: "a", bindAddr: "127.0.0.1", bindPort: 0 });
  const run = runUntilSignal(members);
  Deno.kill(Deno.pid, "SIGTERM");
  strictEqual(await run, "SIGTERM");
  await rejects(members.join([]), { code: "shutdown" });
});

import { afterEach, expect, it } from "vitest";
import { createMemberlist, lanConfig } from "../src/index.ts";
import { outcome } from "./support.ts";

const original = Object.getOwnPropertyDescriptor(process, "allowedNodeEnvironmentFlags") as PropertyDescriptor;

/** As a process that was started with `--permission` has it. */
function restrict(flags: readonly string[], granted: readonly string[]): void {
  Object.defineProperty(process, "permission", {
    value: { has: (scope: string) => granted.includes(scope) },
    configurable: true,
  });
  Object.defineProperty(process, "allowedNodeEnvironmentFlags", { value: new Set(flags), configurable: true });
}

afterEach(() => {
  Reflect.deleteProperty(process, "permission");
  Object.defineProperty(process, "allowedNodeEnvironmentFlags", original);
});

const config = { ...lanConfig(), name: "a", bindAddr: "127.0.0.1", bindPort: 0 };

it("rejects createMemberlist at once where Node denies the network, and names the flag", async () => {
  restrict(["--allow-net"], []);
  const message: unknown = expect.stringContaining("start Node with --allow-net");
  const details = { flag: "--allow-net", errno: "ERR_ACCESS_DENIED" };
  await expect(createMemberlist(config)).rejects.toMatchObject({ code: "bind_failed", message, details });
});

it.each([
  ["grants the network", ["--allow-net"], ["net"]],
  ["has no permission for the network, as before Node 25", [], []],
])("starts where Node %s", async (_what, flags, granted) => {
  restrict(flags, granted);
  const members = await createMemberlist(config);
  expect(await outcome(members.shutdown())).toBe("ok");
});

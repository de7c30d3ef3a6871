import { afterEach, expect, it, vi } from "vitest";
import { configFromEnv, createMemberlist, fetchMembers, NodeTransport } from "@memberlist/transport-node";
import { runAgent } from "../src/agent/agent.ts";
import { parseEventHandler } from "../src/agent/event-handlers.ts";
import type { Runtime } from "../src/runtime.ts";
import { Io } from "../src/terminal/io.ts";

afterEach(() => void vi.restoreAllMocks());

it("prints a message that arrives before createMemberlist returns, after the line about the member", async () => {
  const lines: string[] = [];
  vi.spyOn(process.stdout, "write").mockImplementation((text) => lines.push(String(text)) > 0);
  const runtime: Runtime = {
    createMemberlist: async (config) => {
      const members = await createMemberlist({ ...config, logOutput: { write: () => undefined } });
      config.delegate?.notifyMsg?.(new Uint8Array(12), { host: "10.0.0.5", port: 7946, name: "" });
      return members;
    },
    configFromEnv,
    fetchMembers,
    bind: (host) => NodeTransport.create({ bindAddrs: [host], bindPort: 0 }),
  };
  const stop = new AbortController();
  const io = Object.assign(new Io(), { closed: stop.signal });
  const member = await configFromEnv({ MEMBERLIST_NAME: "a", MEMBERLIST_BIND: "127.0.0.1:0", MEMBERLIST_PRESET: "local" });
  const ended = runAgent(
    {
      ...member,
      delegateVersions: undefined,
      http: undefined,
      token: undefined,
      thread: false,
      handlers: [parseEventHandler("member-update=true")],
      json: true,
      keyring: undefined,
      label: "",
    },
    runtime,
    io,
  );
  await expect.poll(() => lines.length, { timeout: 20_000 }).toBe(2);
  stop.abort();
  expect(await ended).toBe(0);
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { type: "running", name: "a" },
    { type: "message", bytes: 12, from: "10.0.0.5" },
  ]);
});

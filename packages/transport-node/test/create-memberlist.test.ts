import { AsyncLocalStorage } from "node:async_hooks";
import { createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import * as core from "@memberlist/core";
import * as ours from "../src/index.ts";
import { createMemberlist, localConfig, NodeTransport, type Config, type Memberlist, type SelectNodes } from "../src/index.ts";
import { outcome, silent, until } from "./support.ts";

const members: Memberlist[] = [];

function config(name: string, overrides: Partial<Config> = {}): Config {
  return { ...localConfig(), name, bindAddr: "127.0.0.1", bindPort: 0, logger: silent, ...overrides };
}

async function start(name: string, overrides: Partial<Config> = {}): Promise<Memberlist> {
  const member = await createMemberlist(config(name, overrides));
  members.push(member);
  return member;
}

/** Whether TCP on `port` can be had, as it can when a failed start left nothing behind. */
async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const listening = new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1" }, () => resolve(true));
  });
  const free = await listening;
  if (free) await new Promise((resolve) => server.close(resolve));
  return free;
}

async function freePort(): Promise<number> {
  const transport = await NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0 });
  await transport.shutdown();
  return transport.bindPort;
}

afterEach(async () => {
  await Promise.all(members.splice(0).map((member) => member.shutdown()));
});

describe("the package", () => {
  it("exports all names of the core, and its own createMemberlist", () => {
    expect(Object.keys(ours)).toEqual(expect.arrayContaining([...Object.keys(core), "NodeTransport"]));
    expect(ours.createMemberlist).not.toBe(core.createMemberlist);
    expect(ours.lanConfig).toBe(core.lanConfig);
  });
});

describe("createMemberlist", () => {
  it.each([undefined, null, { ...config("a"), streamOnly: "false" }])("refuses %o as invalid_config", async (wrong) => {
    expect(await outcome(createMemberlist(wrong as unknown as Config))).toBe("invalid_config");
  });

  it.each([
    [{ stremOnly: true }, '"stremOnly" is not a config field; did you mean streamOnly?'],
    [{ worker: {} }, '"worker" is not a config field; did you mean workers?'],
    [{ workers: { treshold: 1 } }, "workers.treshold: is not an option; did you mean threshold?"],
  ])("suggests the name of its own option in %o", async (wrong, message) => {
    await expect(createMemberlist({ ...config("a"), ...(wrong as object) })).rejects.toThrow(`invalid config:\n  ${message}`);
  });

  it("binds a transport, and members on any port find each other [Transport_Join]", async () => {
    const [a, b] = [await start("a"), await start("b")];
    const port = a.localNode().port;
    expect(port).toBeGreaterThan(0);
    expect(a.localNode().addr).toBe("127.0.0.1");
    await b.join([`127.0.0.1:${port}`]);
    await until(() => a.members().length === 2 && b.members().length === 2, "both members at both");
    await Promise.all([a.shutdown(), b.shutdown()]);
    expect(await isFree(port)).toBe(true);
  });

  it("uses config.transport", async () => {
    const transport = await NodeTransport.create({ bindAddrs: ["127.0.0.2"], bindPort: 0 });
    const member = await start("a", { transport });
    expect(member.localNode()).toMatchObject({ addr: "127.0.0.2", port: transport.bindPort });
  });

  it("opens no socket for an invalid config", async () => {
    const bindPort = await freePort();
    const taken = createServer();
    await new Promise<void>((resolve) => void taken.listen(bindPort, "127.0.0.1", resolve));
    // With a socket it would be bind_failed.
    expect(await outcome(createMemberlist(config("", { bindPort })))).toBe("invalid_config");
    expect(await outcome(createMemberlist(config("a", { bindPort })))).toBe("bind_failed");
    await new Promise((resolve) => taken.close(resolve));
  });

  it("leaves no socket open if the start fails later", async () => {
    const bindPort = await freePort();
    // A literal IP, so the config is right; the transport refuses it once it is bound.
    expect(await outcome(createMemberlist(config("a", { bindPort, advertiseAddr: "224.0.0.1" })))).toBe(
      "advertise_address_failed",
    );
    const delegate = { nodeMeta: (): Uint8Array => new Uint8Array(513) };
    expect(await outcome(createMemberlist(config("a", { bindPort, delegate })))).toBe("meta_too_large");
    expect(await isFree(bindPort)).toBe(true);
    await start("a", { bindPort });
  });
});

describe("the async context of a member's own work", () => {
  it("stays that of createMemberlist when a call in another context sets the member's timers", async () => {
    const storage = new AsyncLocalStorage<string>();
    const contexts = new Set<string | undefined>();
    const selectNodes: SelectNodes = (_, candidates) => {
      contexts.add(storage.getStore());
      return candidates;
    };
    // Nothing but gossip and the ping's timeout sets timers. The timeout comes first, and sets the timer of the next gossip.
    const quiet = { probeInterval: 0, pushPullInterval: 0, healingInterval: 0, gossipInterval: 50, addressCheckInterval: 0 };
    const a = await storage.run("creation", () => start("a", { ...quiet, selectNodes, probeTimeout: 1 }));
    const b = await start("b", quiet);
    await b.join([`127.0.0.1:${a.config.bindPort}`]);
    await until(() => a.numQueuedBroadcasts() === 0, "the gossip of the join is sent");
    contexts.clear();
    await storage.run("request", async () => {
      const sent = a.broadcast(new Uint8Array(1));
      await expect(a.ping({ host: "127.0.0.1", port: b.config.bindPort, name: "nobody" })).rejects.toMatchObject({
        code: "no_ping_response",
      });
      await sent;
    });
    await until(() => contexts.size > 0, "the gossip of the broadcast");
    expect(contexts).toEqual(new Set(["creation"]));
  });
});

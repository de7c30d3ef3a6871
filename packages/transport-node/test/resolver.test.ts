import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { streamDecode, streamEncode, type Answer, type DecodedPacket, type Packet } from "dns-packet";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Logger } from "@memberlist/core";
import { createTransportLog, resolveHost } from "@memberlist/core/internal";
import { nodeNames } from "../src/resolver.ts";
import { NodeTransport } from "../src/node-transport.ts";
import { outcome, silent } from "./support.ts";

const cleanups: (() => unknown)[] = [];
let folder: string;
const system = vi.fn<(host: string) => Promise<string[]>>();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "memberlist-resolver-"));
  system.mockReset().mockResolvedValue(["10.0.0.9"]);
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  await rm(folder, { recursive: true });
});

/** A DNS server that speaks TCP only; gives the path of a resolv.conf that names it. */
async function nameServer(answer: (query: DecodedPacket, socket: Socket) => void, host = "127.0.0.1"): Promise<string> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    cleanups.push(() => socket.destroy());
    socket.once("data", (bytes: Buffer) => answer(streamDecode(bytes) as DecodedPacket, socket));
  });
  await new Promise<void>((resolve) => void server.listen(0, host, resolve));
  cleanups.push(() => void server.close());
  const { port } = server.address() as { port: number };
  const path = join(folder, "resolv.conf");
  await writeFile(
    path,
    `# ours\nsearch example\nnameserver ${host.includes(":") ? `[${host}]` : host}:${port}\nnameserver 192.0.2.53\n`,
  );
  return path;
}

function reply(query: DecodedPacket, socket: Socket, answers: Answer[], change: Partial<Packet> = {}): void {
  socket.end(streamEncode({ type: "response", id: query.id, questions: query.questions, answers, ...change }));
}

const records: Answer[] = [
  { type: "CNAME", name: "join.service.consul", data: "other.consul" },
  { type: "A", name: "join.service.consul", data: "127.0.0.1" },
  { type: "AAAA", name: "join.service.consul", data: "2001:db8:a0b:12f0::1" },
  { type: "TXT", name: "join.service.consul", data: "nothing" },
  { type: "A", name: "join.service.consul", data: "127.0.0.1" },
];

function context(logger: Logger = silent): Parameters<typeof resolveHost>[2] {
  return {
    names: nodeNames,
    log: createTransportLog({ logger }),
    stop: new AbortController().signal,
    systemLookup: system,
  };
}

describe("[ResolveAddr_TCP_First] a name with a dot", () => {
  it.each(["join.service.consul", "join.service.consul."])("resolves by an ANY query over TCP first: %s", async (name) => {
    const asked: unknown[] = [];
    const dnsConfigPath = await nameServer((query, socket) => {
      asked.push(query.questions?.[0], query.flag_rd);
      reply(query, socket, records);
    });
    expect(await resolveHost(name, { dnsConfigPath, timeout: 2000 }, context())).toEqual(["127.0.0.1", "2001:db8:a0b:12f0::1"]);
    expect(asked).toEqual([expect.objectContaining({ type: "ANY", name: "join.service.consul" }), true]);
    expect(system).not.toHaveBeenCalled();
  });

  it("resolves by a server on IPv6, and from an answer that arrives byte by byte", async () => {
    const dnsConfigPath = await nameServer((query, socket) => {
      const bytes = streamEncode({ type: "response", id: query.id, answers: records });
      let i = 0;
      const next = (): void => void (i < bytes.length && socket.write(bytes.subarray(i, ++i), () => setImmediate(next)));
      next();
    }, "::1");
    expect(await resolveHost("a.example", { dnsConfigPath, timeout: 5000 }, context())).toHaveLength(2);
  });

  it.each<[string, (query: DecodedPacket, socket: Socket) => void]>([
    ["has no address", (query, socket) => reply(query, socket, [{ type: "CNAME", name: "a.example", data: "b.example" }])],
    ["is an error", (query, socket) => reply(query, socket, [], { flags: 3 })],
    ["belongs to another question", (query, socket) => reply(query, socket, records, { id: (query.id ?? 0) ^ 1 })],
    ["is a question", (query, socket) => reply(query, socket, records, { type: "query" })],
    ["is not DNS", (_, socket) => socket.end(new Uint8Array([0, 4, 255, 255, 255, 255]))],
    ["is cut off", (_, socket) => socket.end(new Uint8Array([255, 255, 1]))],
    ["is a reset", (_, socket) => socket.resetAndDestroy()],
  ])("resolves by the system if the answer %s", async (_, answer) => {
    const dnsConfigPath = await nameServer(answer);
    expect(await resolveHost("a.example", { dnsConfigPath, timeout: 5000 }, context())).toEqual(["10.0.0.9"]);
    expect(system).toHaveBeenCalledWith("a.example");
  });

  it("resolves by the system in time if the server is silent, with a log line at debug level only", async () => {
    const lines: string[] = [];
    const line = (level: string) => (fields: { code: string }) => void lines.push(`${level} ${fields.code}`);
    const logger: Logger = { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
    const dnsConfigPath = await nameServer(() => undefined);
    expect(await resolveHost("a.example", { dnsConfigPath, timeout: 200 }, context(logger))).toEqual(["10.0.0.9"]);
    expect(lines).toEqual(["debug name_server_failed"]);
  });

  it("resolves by the system if the file is missing, empty, or not configured", async () => {
    const empty = join(folder, "empty");
    await writeFile(empty, "options edns0\n");
    for (const dnsConfigPath of [join(folder, "missing"), empty, "", folder]) {
      expect(await resolveHost("a.example", { dnsConfigPath, timeout: 2000 }, context())).toEqual(["10.0.0.9"]);
    }
    expect(system).toHaveBeenCalledTimes(4);
  });
});

describe("[ResolveAddr] a host", () => {
  it("resolves by the system if it contains no dot", async () => {
    const asked = vi.fn<() => void>();
    const dnsConfigPath = await nameServer(asked);
    system.mockResolvedValue(["::ffff:10.0.0.1", "10.0.0.1", "2001:DB8::0:1"]);
    expect(await resolveHost("localhost", { dnsConfigPath, timeout: 2000 }, context())).toEqual(["10.0.0.1", "2001:db8::1"]);
    expect(asked).not.toHaveBeenCalled();
  });

  it("resolves to itself if it is a literal IP", async () => {
    expect(await resolveHost("::FFFF:10.0.0.1", { dnsConfigPath: "", timeout: 1 }, context())).toEqual(["10.0.0.1"]);
    expect(system).not.toHaveBeenCalled();
  });

  it("resolves by the real system", async () => {
    const transport = await NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0 });
    const found = await transport.resolve("localhost", { dnsConfigPath: "", timeout: 5000 });
    expect(found.some((address) => address === "127.0.0.1" || address === "::1")).toBe(true);
    await transport.shutdown();
    expect(await outcome(transport.resolve("localhost", { dnsConfigPath: "", timeout: 5000 }))).toBe("shutdown");
  });

  it("fails as resolve_failed if it is unknown or has no address", async () => {
    const cause = new Error("ENOTFOUND");
    system.mockRejectedValueOnce(cause).mockResolvedValueOnce([]);
    const options = { dnsConfigPath: "", timeout: 2000 };
    await expect(resolveHost("nowhere", options, context())).rejects.toMatchObject({
      code: "resolve_failed",
      cause,
      message: 'resolving "nowhere": ENOTFOUND. Check the seed\'s name, and the name server of this machine',
    });
    expect(await outcome(resolveHost("nowhere", options, context()))).toBe("resolve_failed");
  });

  it("ends by the timeout, by the signal, and by a shutdown", async () => {
    system.mockReturnValue(new Promise(() => undefined));
    const options = { dnsConfigPath: "", timeout: 5000 };
    expect(await outcome(resolveHost("slow", { ...options, timeout: 20 }, context()))).toBe("timeout");
    expect(await outcome(resolveHost("slow", { ...options, signal: AbortSignal.abort() }, context()))).toBe("aborted");
    const controller = new AbortController();
    const byUser = outcome(resolveHost("slow", { ...options, signal: controller.signal }, context()));
    const byShutdown = outcome(resolveHost("slow", options, { ...context(), stop: controller.signal }));
    controller.abort();
    expect([await byUser, await byShutdown]).toEqual(["aborted", "shutdown"]);
  });
});

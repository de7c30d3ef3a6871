import { createSocket } from "node:dgram";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode, encode, type Answer } from "dns-packet";
import { afterEach, beforeEach, expect, it } from "vitest";
import { resolveService } from "@memberlist/core/internal";
import { nodeNames } from "../src/resolver.ts";
import { outcome } from "./support.ts";

const cleanups: (() => unknown)[] = [];
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "memberlist-srv-"));
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  await rm(folder, { recursive: true });
});

/** A DNS server that speaks UDP; undefined: it never answers. Gives the path of a resolv.conf that names it. */
async function nameServer(answers: Answer[] | undefined): Promise<string> {
  const socket = createSocket("udp4");
  socket.on("message", (bytes, { address, port }) => {
    const { id, questions } = decode(bytes);
    if (answers !== undefined) socket.send(encode({ type: "response", id, questions, answers }), port, address);
  });
  await new Promise<void>((resolve) => void socket.bind(0, "127.0.0.1", resolve));
  cleanups.push(() => new Promise<void>((resolve) => void socket.close(() => resolve())));
  const path = join(folder, "resolv.conf");
  await writeFile(path, `nameserver 127.0.0.1:${socket.address().port}\n`);
  return path;
}

const service = "_memberlist._tcp.example.org";
const running = { names: nodeNames, stop: new AbortController().signal };

it("resolves a service to its records with their ports", async () => {
  const dnsConfigPath = await nameServer([
    { type: "SRV", name: service, data: { target: "a.example.org", port: 7001, priority: 2, weight: 5 } },
    { type: "SRV", name: service, data: { target: "b.example.org", port: 7002, priority: 1, weight: 0 } },
  ]);
  const found = await resolveService(`${service}.`, { dnsConfigPath, timeout: 5_000 }, running);
  expect(found.toSorted((x, y) => x.port - y.port)).toEqual([
    { host: "a.example.org", port: 7001, priority: 2, weight: 5 },
    { host: "b.example.org", port: 7002, priority: 1, weight: 0 },
  ]);
});

it("rejects a service without records as resolve_failed", async () => {
  const dnsConfigPath = await nameServer([]);
  expect(await outcome(resolveService(service, { dnsConfigPath, timeout: 5_000 }, running))).toBe("resolve_failed");
});

it("ends the look-up of a service by its timeout, its signal, and a shutdown", async () => {
  const dnsConfigPath = await nameServer(undefined);
  expect(await outcome(resolveService(service, { dnsConfigPath, timeout: 50 }, running))).toBe("timeout");
  const caller = new AbortController();
  const aborted = outcome(resolveService(service, { dnsConfigPath, timeout: 5_000, signal: caller.signal }, running));
  caller.abort();
  expect(await aborted).toBe("aborted");
  const stop = new AbortController();
  const stopped = outcome(resolveService(service, { dnsConfigPath, timeout: 5_000 }, { ...running, stop: stop.signal }));
  stop.abort();
  expect(await stopped).toBe("shutdown");
});

/**
 * Each bundler makes one file of this program, which runs without installed packages: two members, a join, a long message, a name looked up. With an
 * argument the members run in threads of their own: "thread", "prefer", or the file of the threads' program. "refused": it prints the error of
 * `thread: true`.
 */
import { rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { createMemberlist, decodeKey, generateKey, localConfig, type ThreadConfig } from "@memberlist/transport-node";

/** A member with threads compresses and encrypts messages of this size in them. */
const messageSize = 6 * 1024 * 1024;
const inlined: string[] = [];
const problems: string[] = [];

/** The members log nothing above "info", and each warns once about missing threads. */
function loggerOf(
  member: string,
): Record<"debug" | "info" | "warn" | "error", (fields: { code?: unknown }, text: string) => void> {
  // A machine that is busy with other bundles is not a fault of this one.
  const problem = (fields: { code?: unknown }, text: string): void =>
    void (fields.code !== "event_loop_blocked" && problems.push(`${member}: ${String(fields.code)} ${text}`));
  const info = (fields: { code?: unknown }): void => void (fields.code === "workers_unavailable" && inlined.push(member));
  return { debug: () => undefined, info, warn: problem, error: problem };
}

/** A name server that knows one address. Names are looked up over TCP first, for which a library encodes and decodes. */
async function nameServer(): Promise<{ path: string; close: () => void }> {
  const server = createServer((socket) => {
    socket.once("data", (question) => {
      const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
      const message = Buffer.concat([question.subarray(2), answer]);
      // An answer, and one record.
      message[2] = 0x80;
      message[7] = 1;
      const framed = Buffer.concat([Buffer.alloc(2), message]);
      framed.writeUInt16BE(message.length);
      socket.end(framed);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const path = `resolv-${process.pid}.conf`;
  writeFileSync(path, `nameserver 127.0.0.1:${port}\n`);
  const close = (): void => {
    server.close();
    rmSync(path, { force: true });
  };
  return { path, close };
}

function threadOf(argument: string | undefined): ThreadConfig {
  if (argument === "prefer") return argument;
  if (argument === undefined || argument === "thread") return argument === "thread";
  return { entry: pathToFileURL(resolve(argument)) };
}

async function printRefusal(): Promise<void> {
  const error: unknown = await createMemberlist({ ...localConfig(), name: "one", thread: true }).catch((one: unknown) => one);
  const { code, message } = error as { code: string; message: string };
  process.stdout.write(`${code}: ${message}\n`);
}

async function main(): Promise<void> {
  const names = await nameServer();
  const secretKey = decodeKey(generateKey());
  const base = {
    ...localConfig(),
    bindAddr: "127.0.0.1",
    bindPort: 0,
    label: "bundled",
    tcpTimeout: 30_000,
    secretKey,
    dnsConfigPath: names.path,
    thread: threadOf(process.argv[2]),
  };
  let received: (message: Uint8Array) => void = () => undefined;
  const arrival = new Promise<Uint8Array>((resolve) => {
    received = resolve;
  });
  const delegate = { notifyMsg: (message: Uint8Array) => received(message.slice()) };
  const one = await createMemberlist({ ...base, name: "one", delegate, logger: loggerOf("one") });
  const two = await createMemberlist({ ...base, name: "two", logger: loggerOf("two") });
  try {
    const { port } = one.localNode();
    await two.join([`node.bundled:${port}`]);
    await Promise.all([one, two].map((member) => member.ready({ members: 2, timeout: 10_000 })));
    const message = Buffer.alloc(messageSize, "not all the same, and not random either: this is compressed");
    await two.sendReliable(`one/127.0.0.1:${port}`, message);
    const arrived = await arrival;
    if (Buffer.compare(arrived, message) !== 0) problems.push(`the message has arrived as ${arrived.length} other bytes`);
    await two.leave();
  } finally {
    await Promise.all([one, two].map((member) => member.shutdown()));
    names.close();
  }
  if (inlined.length > 2) problems.push(`"workers_unavailable" is logged ${inlined.length} times`);
  if (problems.length > 0) throw new Error(problems.join("\n"));
  process.stdout.write(`all is well${inlined.length > 0 ? ", without threads" : ""}\n`);
}

(process.argv[2] === "refused" ? printRefusal() : main()).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});

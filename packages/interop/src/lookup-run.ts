import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import process from "node:process";
import { localConfig, type Config, type Memberlist } from "@memberlist/core";

/** Where test/name-lookup.test.ts lets the system look for its name server. */
export const nameServer = "127.0.0.9";
/** What it lets the system search for names, and a host in there. */
export const searchedDomain = "svc.test";
const searchedHost = "node-0.pool";

/** A name server that takes questions, by UDP and TCP, and answers none. */
async function beSilent(): Promise<void> {
  const udp = createSocket("udp4");
  const tcp = createServer(() => undefined);
  await new Promise<void>((resolve) => void udp.bind(53, nameServer, resolve));
  await new Promise<void>((resolve) => void tcp.listen(53, nameServer, resolve));
  udp.unref();
  tcp.unref();
}

/**
 * A name server that answers questions about names that end in {@link searchedDomain}; others get no answer, as where a cluster's uplink is down. It runs a
 * program, and ends with it.
 */
export async function serveNames([program = "", ...args]: readonly string[]): Promise<void> {
  const udp = createSocket("udp4");
  udp.on("message", (query, { address, port }) => {
    const { name, end } = questionOf(query);
    if (!name.endsWith(`.${searchedDomain}`)) return;
    const exists = name === `${searchedHost}.${searchedDomain}`;
    const hasAddress = exists && query.readUInt16BE(end - 4) === 1;
    // A response with the recursion bits; code 3: the name does not exist.
    const head = [query[0] ?? 0, query[1] ?? 0, 0x85, exists ? 0x80 : 0x83, 0, 1, 0, hasAddress ? 1 : 0, 0, 0, 0, 0];
    const answer = hasAddress ? [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1] : [];
    udp.send(Uint8Array.from([...head, ...query.subarray(12, end), ...answer]), port, address);
  });
  await new Promise<void>((resolve) => void udp.bind(53, nameServer, resolve));
  process.exitCode = await new Promise<number>((resolve) => {
    spawn(program, args, { stdio: "inherit" }).on("exit", (code) => resolve(code ?? 1));
  });
  udp.close();
}

function questionOf(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), end: at + 5 };
}

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function one(name: string): Config {
  return { ...localConfig(), name, bindAddr: "127.0.0.1", bindPort: 0, logger: silent };
}

type Create = (config: Config) => Promise<Memberlist>;

/** A member that joins another one by a name which only the system's search list completes. Prints how many it has reached. */
export async function lookUpSearched(createMemberlist: Create): Promise<void> {
  const [first, second] = [await createMemberlist(one("one")), await createMemberlist(one("two"))];
  const { reached } = await second.join([`${searchedHost}:${first.localNode().port}`], { timeout: 8_000 });
  await Promise.all([first.shutdown(), second.shutdown()]);
  process.stdout.write(`${reached}\n`);
}

/**
 * A member that looks a name up in vain and is shut down. Prints the time in ms since the epoch then, so that it can be compared with the end of the
 * process.
 *
 * @param timeout of the join; 0: it is shut down in the middle of the look-up
 */
export async function lookUpInVain(createMemberlist: Create, timeout: number): Promise<void> {
  await beSilent();
  const members = await createMemberlist(one("one"));
  const join = members.join(["node.example:7946"], timeout === 0 ? {} : { timeout }).catch(() => undefined);
  if (timeout > 0) await join;
  else await new Promise((resolve) => setTimeout(resolve, 300));
  await members.shutdown();
  await join;
  process.stdout.write(`${Date.now()}\n`);
}

import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import process from "node:process";
import { localConfig, type Config, type Memberlist } from "@memberlist/core";

/** Where test/name-lookup.test.ts lets the system look for its name server. */
export const silentServer = "127.0.0.9";

/** A name server that takes questions, by UDP and TCP, and answers none. */
async function beSilent(): Promise<void> {
  const udp = createSocket("udp4");
  const tcp = createServer(() => undefined);
  await new Promise<void>((resolve) => void udp.bind(53, silentServer, resolve));
  await new Promise<void>((resolve) => void tcp.listen(53, silentServer, resolve));
  udp.unref();
  tcp.unref();
}

/**
 * A member that looks a name up in vain and is shut down. Prints the time in ms since the epoch then, so that it can be compared with the end of the
 * process.
 *
 * @param timeout of the join; 0: it is shut down in the middle of the look-up
 */
export async function lookUpInVain(createMemberlist: (config: Config) => Promise<Memberlist>, timeout: number): Promise<void> {
  await beSilent();
  const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const config = { ...localConfig(), name: "one", bindAddr: "127.0.0.1", bindPort: 0, logger: silent };
  const members = await createMemberlist(config);
  const join = members.join(["node.example:7946"], timeout === 0 ? {} : { timeout }).catch(() => undefined);
  if (timeout > 0) await join;
  else await new Promise((resolve) => setTimeout(resolve, 300));
  await members.shutdown();
  await join;
  process.stdout.write(`${Date.now()}\n`);
}

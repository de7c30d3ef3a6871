import { hostname } from "node:os";
import process from "node:process";
import { lanConfig, MemberlistError, type Config, type Delegate, type Memberlist, type MemberEvent } from "@memberlist/core";
import { escapeControls, hostPort } from "@memberlist/core/internal";
import { parseAddress, type Address } from "@memberlist/core/transport";
import { plain } from "@memberlist/status/internal";
import type { ClusterAccess } from "../cluster-options.ts";
import { CommandError, exitCodes } from "../exit-codes.ts";
import { interruption } from "../interruption.ts";
import { localAddressTowards } from "../local-address.ts";
import type { AgentConfig, Runtime } from "../runtime.ts";
import type { Io } from "../terminal/io.ts";
import type { AgentRequest } from "./agent-options.ts";
import { AgentServer } from "./agent-server.ts";
import { entryOf } from "./cluster-entry.ts";
import { EventHandlers } from "./event-handlers.ts";
import { joinCluster } from "./join-cluster.ts";
import { listenAdvice } from "./listen-advice.ts";
import { printEvent } from "./print-event.ts";

const leaveTimeout = 5_000;

/** `memberlist agent`: runs a member until Ctrl-C, SIGTERM or SIGHUP, and then leaves. */
export async function runAgent(request: AgentRequest, runtime: Runtime, io: Io): Promise<number> {
  const { config, seeds, keyring, http, thread, token, json } = request;
  const stop = interruption(io);
  const versions = request.delegateVersions ?? (await entryOf(seeds, request, runtime, stop))?.versions;
  // Peers can send messages before createMemberlist returns.
  const early: UserMessage[] = [];
  let onMessage = (message: UserMessage): void => void early.push(message);
  const delegate: Delegate = { notifyMsg: (bytes, from) => onMessage({ bytes, from }) };
  const members = await create(runtime, { ...config, ...versions, keyring, thread, delegate, logOutput: process.stderr });
  const handlers = new EventHandlers(
    request.handlers,
    () => members.localNode(),
    (problem) => io.error(problem),
  );
  let server: AgentServer | undefined;
  try {
    const events = members.events({ signal: stop });
    if (http !== undefined) server = await AgentServer.listen(members, http, token);
    announce(members, server, json, io);
    onMessage = ({ bytes, from }) => {
      printMessage(bytes.length, senderOf(from, members), json, io);
      handlers.onMessage(bytes);
    };
    for (const message of early.splice(0)) onMessage(message);
    const printing = print(events, json, io, (event) => handlers.onEvent(event));
    await Promise.all([printing, seeds.length > 0 ? joinCluster(members, seeds, stop, io) : undefined]);
    await members.leave({ timeout: leaveTimeout });
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    // The shutdown of the member ends its event streams, so that the server can close.
    await members.shutdown();
    await server?.close();
  }
  return exitCodes.ok;
}

interface UserMessage {
  readonly bytes: Uint8Array;
  readonly from: Address;
}

/** @throws CommandError that names `--bind` if the address cannot be bound */
async function create(runtime: Runtime, config: AgentConfig): Promise<Memberlist> {
  try {
    return await runtime.createMemberlist(config);
  } catch (error) {
    if (!(error instanceof MemberlistError && error.code === "bind_failed")) throw error;
    const { errno, protocol } = error.details;
    const advice = listenAdvice("--bind", typeof errno === "string" ? errno : undefined);
    const where = hostPort(config.bindAddr ?? "", config.bindPort ?? 0);
    throw new CommandError(`${where} (${String(protocol)}): ${advice ?? error.message}`, exitCodes.failed, { cause: error });
  }
}

export interface MonitorRequest extends ClusterAccess {
  readonly seeds: readonly string[];
  readonly name: string | undefined;
  readonly json: boolean;
}

/** `memberlist monitor`: joins as an observer on a free port, prints the events, and leaves. */
export async function monitorCluster(request: MonitorRequest, runtime: Runtime, io: Io): Promise<number> {
  const { seeds, label, keyring, json, name = `monitor-${hostname()}-${process.pid}` } = request;
  const stop = interruption(io);
  const entry = await entryOf(seeds, request, runtime, stop);
  const config: Config = { ...lanConfig(), ...entry?.versions, name, label, keyring, bindPort: 0 };
  const address = await addressTowards(entry?.address);
  const members = await runtime.createMemberlist({ ...config, ...address, logOutput: { write: () => undefined } });
  try {
    const printing = print(members.events({ signal: stop }), json, io);
    await join(members, seeds, stop);
    await printing;
    await members.leave({ timeout: leaveTimeout });
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    await members.shutdown();
  }
  return exitCodes.ok;
}

/** Joins the seeds. An interrupted join is not an error: some seeds may already know the observer, so it still has to leave. */
async function join(members: Memberlist, seeds: readonly string[], signal: AbortSignal): Promise<void> {
  try {
    await members.join(seeds, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Returns the addresses of an observer. It advertises the address from which it reaches the seed: the machine may have other networks, too. */
async function addressTowards(seed: string | undefined): Promise<Pick<Config, "bindAddr" | "advertiseAddr">> {
  if (seed === undefined) return {};
  const { host, port } = parseAddress(seed, 7946);
  const local = await localAddressTowards(host, port);
  return local === undefined ? {} : { bindAddr: local.includes(":") ? "::" : "0.0.0.0", advertiseAddr: local };
}

/** Returns the name of the member with this gossip address; the host if no member has this address. */
function senderOf({ host, port }: Address, members: Memberlist): string {
  return members.members({}).find((node) => node.addr === host && node.port === port)?.name ?? host;
}

/** Prints the size of a message. Only event handlers get its bytes, which may be anything. */
function printMessage(bytes: number, from: string, json: boolean, io: Io): void {
  const at = new Date().toISOString();
  if (json) io.json({ type: "message", bytes, from, at });
  else io.line(`${io.paint("dim", at)} ${"message".padEnd(8)} ${bytes} bytes from ${escapeControls(from)}`);
}

function announce(members: Memberlist, server: AgentServer | undefined, json: boolean, io: Io): void {
  const { name, address } = members.toJSON();
  if (json) io.json({ type: "running", name, address, http: server?.url });
  else io.line(`${escapeControls(name)} is running at ${address}${server === undefined ? "" : `; status page: ${server.url}`}`);
}

async function print(
  events: AsyncIterable<MemberEvent>,
  json: boolean,
  io: Io,
  onEvent: (event: MemberEvent) => void = () => undefined,
): Promise<void> {
  for await (const event of events) {
    onEvent(event);
    printEvent(plain(event), json, io);
  }
}

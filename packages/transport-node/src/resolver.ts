import { lookup, Resolver } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { MemberlistError, errorMessage, type ErrorCode, type ResolveOptions } from "@memberlist/core";
import {
  canonicalIp,
  canonicalIps,
  firstNameServer,
  lookUpBySystem,
  onAbort,
  type Log,
  type ResolveContext,
  type SystemResolver,
} from "@memberlist/core/internal";
import { queryAnyOverTcp } from "./dns-tcp.ts";

/** The share of the whole time that the question over TCP may take, so that the usual resolver still gets its turn. */
const tcpShare = 0.5;

/**
 * Every address of `host`. For a name with a dot the first name server of `options.dnsConfigPath` is asked first: ANY over TCP,
 * the way to the longest list where a UDP answer would be cut (Consul's DNS, say). If that fails or has no address, the system's
 * resolver is asked. Source: PROTOCOL.md section 5, Join.
 *
 * @returns literal IPs, each once, in the order of the answer
 * @throws MemberlistError `resolve_failed`, `timeout` after `options.timeout` ms, `aborted`, or `shutdown`
 */
export async function resolveHost(host: string, options: ResolveOptions, context: ResolveContext): Promise<string[]> {
  const literal = canonicalIp(host);
  if (literal !== undefined) return [literal];
  const giveUp = new AbortController();
  const limit = limited(host, options, context.stop, giveUp);
  try {
    return await Promise.race([limit.failed, lookUp(host, options, context, giveUp.signal)]);
  } finally {
    limit.release();
    giveUp.abort();
  }
}

async function lookUp(host: string, options: ResolveOptions, context: ResolveContext, signal: AbortSignal): Promise<string[]> {
  const first = await tcpFirst(host, options, context.log, signal);
  if (first.length > 0) return first;
  const { systemLookup: injected } = context;
  let found: string[];
  try {
    const system = injected === undefined ? thisSystem : { ...thisSystem, lookup: injected, ask: undefined };
    found = canonicalIps(await lookUpBySystem(host, system, signal));
  } catch (error) {
    throw failure("resolve_failed", host, errorMessage(error), error);
  }
  if (found.length === 0) throw failure("resolve_failed", host, "the name has no address");
  return found;
}

async function tcpFirst(host: string, options: ResolveOptions, log: Log, signal: AbortSignal): Promise<string[]> {
  if (options.dnsConfigPath === "" || !host.includes(".")) return [];
  try {
    const config = await readFile(options.dnsConfigPath, { encoding: "utf8", signal });
    const server = firstNameServer(config);
    if (server === undefined) return [];
    const answer = await queryAnyOverTcp(host, server, { timeout: options.timeout * tcpShare, signal });
    return canonicalIps(answer);
  } catch (error) {
    log.debug(
      "resolve_tcp_failed",
      `the name server of dnsConfigPath did not resolve ${host} over TCP, asking the system: ${errorMessage(error)}`,
      { host, error },
    );
    return [];
  }
}

const thisSystem: SystemResolver = {
  async lookup(host) {
    const found = await lookup(host, { all: true, verbatim: true });
    return found.map((entry) => entry.address);
  },
  // Elsewhere the system may ask other name servers for some names than for others.
  ask: process.platform === "linux" ? askNameServers : undefined,
  hosts: () => readFile("/etc/hosts", "utf8"),
};

async function askNameServers(host: string, signal: AbortSignal): Promise<void> {
  const resolver = new Resolver();
  const stopListening = onAbort(signal, () => resolver.cancel());
  try {
    await resolver.resolve4(host);
  } finally {
    stopListening();
  }
}

/** A promise that only ever rejects: when the time is up, or a signal says so. */
export function limited(
  host: string,
  options: ResolveOptions,
  stop: AbortSignal,
  giveUp: AbortController,
): { failed: Promise<never>; release(): void } {
  const { signal, timeout } = options;
  let release = (): void => undefined;
  const failed = new Promise<never>((_, reject) => {
    const fail = (code: ErrorCode, why: string, cause?: unknown): void => {
      giveUp.abort();
      reject(failure(code, host, why, cause));
    };
    const aborted = (): void => fail("aborted", "aborted", signal?.reason);
    const stopped = (): void => fail("shutdown", "the transport is shut down");
    const timer = setTimeout(() => fail("timeout", `no answer within ${timeout} ms`), timeout);
    const listening = [onAbort(stop, stopped), ...(signal === undefined ? [] : [onAbort(signal, aborted)])];
    release = () => {
      clearTimeout(timer);
      for (const stopListening of listening) stopListening();
    };
    if (stop.aborted) stopped();
    else if (signal?.aborted === true) aborted();
  });
  return { failed, release };
}

export function failure(code: ErrorCode, host: string, why: string, cause?: unknown): MemberlistError {
  return new MemberlistError(code, `resolving "${host}": ${why}`, { cause, details: { host } });
}

import { lookup } from "node:dns/promises";
import { errorMessage, MemberlistError, type ErrorCode, type ResolveOptions, type SrvRecord } from "@memberlist/core";
import {
  canonicalIp,
  canonicalIps,
  lookUpBySystem,
  type Log,
  type ResolveContext,
  type SystemResolver,
} from "@memberlist/core/internal";
import { nameServerOf } from "./name-server.ts";
import { requireFile } from "./permission.ts";
import { AttemptEnded, withLimits } from "./time-limit.ts";

/** The share of the whole time that a name server of one's own may take, so that the system's resolver still gets its turn. */
const ownServerShare = 0.5;

/**
 * Every address of `host`, by the system's resolver: its hosts file too, which `Deno.resolveDns` does not read, and with no
 * permission but `--allow-net`. For a name with a dot, the first name server of a `dnsConfigPath` that is not the system's is asked
 * first; if that fails or knows no address, the system's resolver is asked.
 *
 * @returns literal IPs, each once, in the order of the answer
 * @throws MemberlistError `resolve_failed`, `timeout` after `options.timeout` ms, `aborted`, or `shutdown`
 */
export async function resolveHost(host: string, options: ResolveOptions, context: ResolveContext): Promise<string[]> {
  const literal = canonicalIp(host);
  if (literal !== undefined) return [literal];
  const addresses = await lookUp(host, options, context.stop, async (signal) => {
    const own = await ownServerFirst(host, options, context.log, signal);
    if (own.length > 0) return own;
    const { systemLookup: injected } = context;
    const system = injected === undefined ? thisSystem : { ...thisSystem, lookup: injected, ask: undefined };
    return canonicalIps(await lookUpBySystem(host, system, signal));
  });
  if (addresses.length === 0) throw failure("resolve_failed", host, "the name has no address");
  return addresses;
}

/**
 * The SRV records of a service, by `Deno.resolveDns`. The system's name servers are asked, or the first one of another
 * `options.dnsConfigPath`, which Deno must be allowed to read.
 *
 * @throws MemberlistError `resolve_failed`, `timeout` after `options.timeout` ms, `aborted`, or `shutdown`
 */
export async function resolveService(service: string, options: ResolveOptions, stop: AbortSignal): Promise<SrvRecord[]> {
  const records = await lookUp(service, options, stop, async (signal) => {
    const nameServer = await nameServerOf(options.dnsConfigPath);
    return Deno.resolveDns(service, "SRV", { nameServer, signal });
  });
  if (records.length === 0) throw failure("resolve_failed", service, "the name has no SRV record");
  return records.map(({ target, port, priority, weight }) => ({ host: target.replace(/\.$/, ""), port, priority, weight }));
}

async function ownServerFirst(host: string, options: ResolveOptions, log: Log, stop: AbortSignal): Promise<string[]> {
  if (!host.includes(".")) return [];
  try {
    const nameServer = await nameServerOf(options.dnsConfigPath);
    if (nameServer === undefined) return [];
    return await withLimits({ timeout: options.timeout * ownServerShare, stop }, async (signal) => {
      const asked = (["A", "AAAA"] as const).map((type) => Deno.resolveDns(host, type, { nameServer, signal }));
      const answers = await Promise.allSettled(asked);
      return canonicalIps(answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : [])));
    });
  } catch (error) {
    const fields = { host, error };
    log.debug("resolve_own_failed", `asking the name server of dnsConfigPath for ${host}: ${errorMessage(error)}`, fields);
    return [];
  }
}

const thisSystem: SystemResolver = {
  async lookup(host) {
    const found = await lookup(host, { all: true, verbatim: true });
    return found.map((entry) => entry.address);
  },
  // Elsewhere the system may ask other name servers for some names than for others.
  ask: Deno.build.os === "linux" ? (host, signal) => Deno.resolveDns(host, "A", { signal }) : undefined,
  async hosts() {
    await requireFile("/etc/hosts", "read");
    return Deno.readTextFile("/etc/hosts");
  },
};

/** Within the limits, and with the core's errors. */
async function lookUp<T>(
  name: string,
  options: ResolveOptions,
  stop: AbortSignal,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    return await withLimits({ ...options, stop }, attempt);
  } catch (error) {
    if (error instanceof AttemptEnded) throw failure(error.code, name, ended(error, options), error.cause);
    throw failure("resolve_failed", name, errorMessage(error), error);
  }
}

function ended({ code }: AttemptEnded, { timeout }: ResolveOptions): string {
  if (code === "timeout") return `no answer within ${timeout} ms`;
  return code === "aborted" ? "aborted" : "the transport is shut down";
}

function failure(code: ErrorCode, host: string, why: string, cause?: unknown): MemberlistError {
  return new MemberlistError(code, `resolving "${host}": ${why}`, { cause, details: { host } });
}

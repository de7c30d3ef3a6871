import { canonicalIp } from "../api/address.ts";
import { errorMessage, MemberlistError, type ErrorCode } from "../api/errors.ts";
import type { Log } from "../ports/log.ts";
import type { ResolveOptions, SrvRecord } from "../ports/transport.ts";
import { lookUpBySystem, type SystemResolver } from "./system-lookup.ts";
import { AttemptEnded, withLimits } from "./time-limit.ts";

/** Looks a name up in place of the system's resolver. */
export type SystemLookup = (host: string) => Promise<string[]>;

/** How a runtime resolves names. Each look-up gives up when its `signal` is aborted. */
export interface NameResolver extends SystemResolver {
  /** The addresses that the first name server of a `dnsConfigPath` answers; none where it is not to be asked. */
  askNameServer(host: string, dnsConfigPath: string, signal: AbortSignal): Promise<string[]>;
  /** The SRV records, from the first name server of a `dnsConfigPath` that is not the system's, else from the system's name servers. */
  services(service: string, dnsConfigPath: string, signal: AbortSignal): Promise<SrvRecord[]>;
}

export interface ResolveContext {
  readonly names: NameResolver;
  /** Aborted by a shutdown of the transport. */
  readonly stop: AbortSignal;
}

/** The share of the whole time that the name server of `dnsConfigPath` may take, so that the system's resolver still gets its turn. */
const nameServerShare = 0.5;

/**
 * Every address of `host`. For a name with a dot the first name server of `options.dnsConfigPath` is asked first. If that fails or has no
 * address, the system's resolver is asked. Source: PROTOCOL.md section 5, Join.
 *
 * @returns literal IPs, each once, in the order of the answer
 * @throws MemberlistError `resolve_failed`, `timeout` after `options.timeout` ms, `aborted`, or `shutdown`
 */
export async function resolveHost(
  host: string,
  options: ResolveOptions,
  context: ResolveContext & { readonly log: Log; readonly systemLookup?: SystemLookup },
): Promise<string[]> {
  const literal = canonicalIp(host);
  if (literal !== undefined) return [literal];
  const { names, log, systemLookup } = context;
  const system = systemLookup === undefined ? names : { ...names, lookup: systemLookup, ask: undefined };
  const addresses = await lookUp(host, options, context.stop, async (signal) => {
    const first = await nameServerFirst(host, options, names, log, signal);
    return first.length > 0 ? first : canonicalIps(await lookUpBySystem(host, system, signal));
  });
  if (addresses.length === 0) throw failure("resolve_failed", host, "the name has no address");
  return addresses;
}

/**
 * The SRV records of a service.
 *
 * @throws MemberlistError `resolve_failed`, `timeout` after `options.timeout` ms, `aborted`, or `shutdown`
 */
export async function resolveService(service: string, options: ResolveOptions, context: ResolveContext): Promise<SrvRecord[]> {
  const records = await lookUp(service, options, context.stop, (signal) =>
    context.names.services(service, options.dnsConfigPath, signal),
  );
  if (records.length === 0) throw failure("resolve_failed", service, "the name has no SRV record");
  return records;
}

async function nameServerFirst(
  host: string,
  options: ResolveOptions,
  names: NameResolver,
  log: Log,
  stop: AbortSignal,
): Promise<string[]> {
  const { dnsConfigPath, timeout } = options;
  if (dnsConfigPath === "" || !host.includes(".")) return [];
  try {
    const limits = { timeout: timeout * nameServerShare, stop };
    return canonicalIps(await withLimits(limits, (signal) => names.askNameServer(host, dnsConfigPath, signal)));
  } catch (error) {
    const message = `the name server of dnsConfigPath did not resolve ${host}, asking the system: ${errorMessage(error)}`;
    log.debug("name_server_failed", message, { host, error });
    return [];
  }
}

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
    throw failure(
      "resolve_failed",
      name,
      `${errorMessage(error)}. Check the seed's name, and the name server of this machine`,
      error,
    );
  }
}

function ended({ code }: AttemptEnded, { timeout }: ResolveOptions): string {
  if (code === "timeout") return `no answer within ${timeout} ms`;
  return code === "aborted" ? "aborted" : "the transport is shut down";
}

function failure(code: ErrorCode, host: string, why: string, cause?: unknown): MemberlistError {
  return new MemberlistError(code, `resolving "${host}": ${why}`, { cause, details: { host } });
}

/** The literal IPs among `addresses`, each once and in one spelling. */
function canonicalIps(addresses: readonly string[]): string[] {
  return [...new Set(addresses.map((address) => canonicalIp(address)).filter((address) => address !== undefined))];
}

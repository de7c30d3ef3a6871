import { lookup } from "node:dns/promises";
import { errorMessage, MemberlistError, type ResolveOptions } from "@memberlist/core";
import { canonicalIp } from "@memberlist/core/internal";
import { AttemptEnded, withLimits } from "./time-limit.ts";

/**
 * Every address of `host`, by the system's resolver: its hosts file too, which `Deno.resolveDns` does not read, and with no
 * permission but `--allow-net`.
 *
 * @param stop aborted by a shutdown of the transport
 * @returns literal IPs, each once, in the order of the answer
 * @throws MemberlistError `resolve_failed`, `timeout` after `options.timeout` ms, `aborted`, or `shutdown`
 */
export async function resolveHost(host: string, options: ResolveOptions, stop: AbortSignal): Promise<string[]> {
  const literal = canonicalIp(host);
  if (literal !== undefined) return [literal];
  let addresses: string[];
  try {
    const found = await withLimits({ ...options, stop }, () => lookup(host, { all: true, verbatim: true }));
    addresses = found.map((entry) => canonicalIp(entry.address)).filter((address) => address !== undefined);
  } catch (error) {
    if (error instanceof AttemptEnded) throw failure(error.code, host, ended(error, options), error.cause);
    throw failure("resolve_failed", host, errorMessage(error), error);
  }
  if (addresses.length === 0) throw failure("resolve_failed", host, "the name has no address");
  return [...new Set(addresses)];
}

function ended({ code }: AttemptEnded, { timeout }: ResolveOptions): string {
  if (code === "timeout") return `no answer within ${timeout} ms`;
  return code === "aborted" ? "aborted" : "the transport is shut down";
}

function failure(code: MemberlistError["code"], host: string, why: string, cause?: unknown): MemberlistError {
  return new MemberlistError(code, `resolving "${host}": ${why}`, { cause, details: { host } });
}

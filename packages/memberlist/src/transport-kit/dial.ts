import type { Address } from "../api/address.ts";
import { errorMessage, MemberlistError, errnoOf } from "../api/errors.ts";
import type { DialOptions } from "../ports/transport.ts";
import { AttemptEnded, withLimits } from "./time-limit.ts";

/**
 * Runs one attempt to reach `to`.
 *
 * @param stop aborted by a shutdown of the transport
 * @throws MemberlistError `dial_failed`, `timeout` after `options.timeout` ms, `aborted`, `shutdown`, or the attempt's own
 */
export async function dialWithin<T>(
  to: Address,
  options: DialOptions,
  stop: AbortSignal,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    return await withLimits({ ...options, stop }, attempt);
  } catch (error) {
    if (error instanceof MemberlistError) throw error;
    const where = `dialling ${to.host} port ${to.port}`;
    const details = { host: to.host, port: to.port };
    if (error instanceof AttemptEnded) {
      throw new MemberlistError(error.code, ended(error, where, options.timeout), { cause: error.cause, details });
    }
    const errno = errnoOf(error);
    throw new MemberlistError("dial_failed", `${where}: ${errorMessage(error)}`, {
      cause: error,
      details: errno === undefined ? details : { ...details, errno },
    });
  }
}

function ended({ code }: AttemptEnded, where: string, timeout: number): string {
  if (code === "timeout") return `${where}: no connection within ${timeout} ms`;
  return code === "aborted" ? `${where} was aborted` : `${where}: the transport is shut down`;
}

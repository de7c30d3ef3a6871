import { errorMessage, MemberlistError, type Address, type DialOptions } from "@memberlist/core";
import { errnoOf } from "@memberlist/core/internal";
import { AttemptEnded, withLimits } from "./time-limit.ts";

/**
 * Connects to `to`. A connection that is made too late is closed again.
 *
 * @param stop aborted by a shutdown of the transport
 * @throws MemberlistError `dial_failed`, `timeout` after `options.timeout` ms, `aborted`, or `shutdown`
 */
export async function dialTcp(to: Address, options: DialOptions, stop: AbortSignal): Promise<Deno.TcpConn> {
  const where = `${to.host} port ${to.port}`;
  const details = { host: to.host, port: to.port };
  try {
    return await withLimits({ ...options, stop }, async (signal) => {
      const conn = await Deno.connect({ hostname: to.host, port: to.port, signal });
      if (!signal.aborted) return conn;
      conn.close();
      throw signal.reason;
    });
  } catch (error) {
    if (error instanceof AttemptEnded)
      throw new MemberlistError(error.code, ended(error, where, options), { cause: error.cause, details });
    const errno = errnoOf(error);
    const known = errno === undefined ? details : { ...details, errno };
    throw new MemberlistError("dial_failed", `dialling ${where}: ${errorMessage(error)}`, { cause: error, details: known });
  }
}

function ended({ code }: AttemptEnded, where: string, { timeout }: DialOptions): string {
  if (code === "timeout") return `dialling ${where}: no connection within ${timeout} ms`;
  return code === "aborted" ? `dialling ${where} was aborted` : `dialling ${where}: the transport is shut down`;
}

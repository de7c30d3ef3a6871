import { connect, type Socket } from "node:net";
import { MemberlistError, type Address, type DialOptions, type ErrorCode } from "@memberlist/core";
import { errnoOf, onAbort } from "@memberlist/core/internal";

/**
 * Connects to `to`. The socket comes back half-open capable, with an error listener, and is destroyed when the attempt fails.
 *
 * @param stop aborted by a shutdown of the transport
 * @throws MemberlistError `dial_failed`, `timeout` after `options.timeout` ms, `aborted`, or `shutdown`
 */
export function dialTcp(to: Address, options: DialOptions, stop: AbortSignal): Promise<Socket> {
  const where = `${to.host} port ${to.port}`;
  const details = { host: to.host, port: to.port };
  return new Promise((resolve, reject) => {
    const { signal, timeout } = options;
    let socket: Socket | undefined;
    let settled = false;
    const listening: (() => void)[] = [];

    const settle = (): boolean => {
      if (settled) return false;
      settled = true;
      clearTimeout(timer);
      for (const stopListening of listening) stopListening();
      return true;
    };
    const fail = (code: ErrorCode, message: string, cause?: unknown): void => {
      if (!settle()) return;
      socket?.destroy();
      const errno = errnoOf(cause);
      reject(new MemberlistError(code, message, { cause, details: errno === undefined ? details : { ...details, errno } }));
    };
    const aborted = (): void => fail("aborted", `dialling ${where} was aborted`, signal?.reason);
    const stopped = (): void => fail("shutdown", `dialling ${where}: the transport is shut down`);

    const timer = setTimeout(() => fail("timeout", `dialling ${where}: no connection within ${timeout} ms`), timeout);
    if (stop.aborted) return stopped();
    if (signal?.aborted) return aborted();
    listening.push(onAbort(stop, stopped));
    if (signal !== undefined) listening.push(onAbort(signal, aborted));
    try {
      socket = connect({ host: to.host, port: to.port, allowHalfOpen: true, noDelay: true });
    } catch (error) {
      return fail("dial_failed", `dialling ${where}: ${(error as Error).message}`, error);
    }
    const connecting = socket;
    connecting.on("error", (error) => fail("dial_failed", `dialling ${where}: ${error.message}`, error));
    connecting.once("close", () => fail("dial_failed", `dialling ${where}: the connection was closed at once`));
    connecting.once("connect", () => {
      if (settle()) resolve(connecting);
      else connecting.destroy();
    });
  });
}

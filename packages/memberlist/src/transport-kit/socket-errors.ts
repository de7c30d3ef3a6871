import { errorMessage, MemberlistError } from "../api/errors.ts";
import type { BindTarget } from "./bind-target.ts";

/** The errno name of a system error (`EADDRINUSE`), else undefined. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}

/** What to do about an error of binding. */
const bindHints: Readonly<Record<string, string>> = {
  EADDRINUSE: ". Another process uses the port: end it, or set bindPort (0 takes a free one)",
  EADDRNOTAVAIL: ". This machine does not have the address: set bindAddr to one that it has",
  EACCES: ". This user may not use the port: set bindPort to 1024 or more",
};

export function bindError(protocol: "TCP" | "UDP", target: BindTarget, port: number, error: Error): MemberlistError {
  const errno = errnoOf(error);
  const hint = errno === undefined ? "" : (bindHints[errno] ?? "");
  return new MemberlistError("bind_failed", `binding ${protocol} ${target.address} port ${port}: ${errorMessage(error)}${hint}`, {
    cause: error,
    details: { protocol, address: target.address, port, errno },
  });
}

import { errorMessage, MemberlistError } from "../api/errors.ts";
import type { BindTarget } from "./bind-target.ts";

/** The errno name of a system error (`EADDRINUSE`), else undefined. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}

export function bindError(protocol: "TCP" | "UDP", target: BindTarget, port: number, error: Error): MemberlistError {
  return new MemberlistError("bind_failed", `binding ${protocol} ${target.address} port ${port}: ${errorMessage(error)}`, {
    cause: error,
    details: { protocol, address: target.address, port, errno: errnoOf(error) },
  });
}

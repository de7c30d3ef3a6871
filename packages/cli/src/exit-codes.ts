import { JoinError, MemberlistError, type ErrorCode } from "@memberlist/core";

/** The exit codes of the command line; docs/guide/command-line.md lists them. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  refused: 4,
  warnings: 5,
  errors: 6,
  interrupted: 130,
} as const;

const byErrorCode: Partial<Record<ErrorCode, number>> = {
  invalid_config: exitCodes.usage,
  invalid_argument: exitCodes.usage,
  invalid_address: exitCodes.usage,
  dial_failed: exitCodes.unreachable,
  timeout: exitCodes.unreachable,
  resolve_failed: exitCodes.unreachable,
  no_ping_response: exitCodes.unreachable,
  join_failed: exitCodes.unreachable,
  decrypt_failed: exitCodes.refused,
  not_encrypted: exitCodes.refused,
  stream_closed: exitCodes.refused,
  stream_failed: exitCodes.refused,
  protocol_error: exitCodes.refused,
  remote_error: exitCodes.refused,
  incompatible_versions: exitCodes.refused,
  limit_exceeded: exitCodes.refused,
  message_too_large: exitCodes.usage,
  aborted: exitCodes.interrupted,
};

/** The command line was used wrongly. */
export class UsageError extends Error {
  override readonly name: string = "UsageError";
}

/** A failure with its own exit code. */
export class CommandError extends Error {
  override readonly name: string = "CommandError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Returns the exit code for the error of a command. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.usage;
  if (error instanceof CommandError) return error.exitCode;
  if (error instanceof JoinError && error.code === "join_failed") {
    // The refusal of one seed explains more than the silence of the others.
    const isRefused = error.attempts.some((attempt) => exitCodeOf(attempt.error) === exitCodes.refused);
    return isRefused ? exitCodes.refused : exitCodes.unreachable;
  }
  return error instanceof MemberlistError ? (byErrorCode[error.code] ?? exitCodes.failed) : exitCodes.failed;
}

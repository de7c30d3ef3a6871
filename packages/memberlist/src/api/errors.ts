/** The stable codes of every error that the library throws or rejects with. */
export type ErrorCode =
  | "invalid_config"
  | "invalid_argument"
  | "invalid_address"
  | "advertise_address_failed"
  | "bind_failed"
  | "resolve_failed"
  | "dial_failed"
  | "send_failed"
  | "stream_closed"
  | "stream_failed"
  | "timeout"
  | "aborted"
  | "shutdown"
  | "left"
  | "join_failed"
  | "merge_refused"
  | "incompatible_versions"
  | "remote_error"
  | "protocol_error"
  | "limit_exceeded"
  | "message_too_large"
  | "meta_too_large"
  | "queue_full"
  | "channel_closed"
  | "channel_exists"
  | "node_name_required"
  | "member_not_found"
  | "no_ping_response"
  | "label_mismatch"
  | "untrusted_peer"
  | "wrong_peer"
  | "certificate_expired"
  | "not_authorized"
  | "decrypt_failed"
  | "not_encrypted"
  | "thread_failed"
  | "thread_unavailable"
  | "unsupported";

/** Options of the constructor of a {@link MemberlistError}. */
export interface MemberlistErrorOptions {
  /** The error or reason that led to this error. */
  readonly cause?: unknown;
  /** Facts for programs: sizes, limits, addresses, candidates. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** True when the call took effect in part before it failed. Default false: a retry is safe. */
  readonly stateChanged?: boolean;
}

/** Every error of the library. Branch on `code`; the message is for people. */
export class MemberlistError extends Error {
  /** Always "MemberlistError", or the name of the subclass. */
  override readonly name: string = "MemberlistError";
  /** The stable code to branch on. */
  readonly code: ErrorCode;
  /** Facts about the error; which ones depends on the code. */
  readonly details: Readonly<Record<string, unknown>>;
  /** Whether the call had an effect before it failed. */
  readonly stateChanged: boolean;

  constructor(code: ErrorCode, message: string, options: MemberlistErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
    this.stateChanged = options.stateChanged ?? false;
  }
}

/** One field of a config that is wrong. */
export interface ConfigIssue {
  /** The field's name, such as `probeTimeout` or `quic.certificate`; "config" for the whole. */
  readonly field: string;
  /** The given value if it is a string, a number or similar; a description of an object; never a part of a secret. */
  readonly value: unknown;
  /** What the value must be. */
  readonly expected: string;
  /** The whole issue in one line. */
  readonly message: string;
}

/**
 * The config is wrong (code `invalid_config`). `issues` lists every wrong field, and `details.fields` has their names. Nothing was opened
 * or started. `issues` is not enumerable: the message has each issue, and a console need not repeat them.
 *
 * @example
 * try {
 *   await createMemberlist(config);
 * } catch (error) {
 *   if (error instanceof ConfigError) for (const { message } of error.issues) console.error(message);
 * }
 */
export class ConfigError extends MemberlistError {
  /** Always "ConfigError". */
  override readonly name: string = "ConfigError";
  /** Every wrong field. */
  readonly issues: readonly ConfigIssue[];

  constructor(issues: readonly ConfigIssue[], cause?: unknown) {
    const lines = issues.map((issue) => `  ${issue.message}`).join("\n");
    super("invalid_config", `invalid config:\n${lines}`, { cause, details: { fields: issues.map((issue) => issue.field) } });
    this.issues = issues;
    // Not enumerable: a console would repeat every issue of the message.
    Object.defineProperty(this, "issues", { enumerable: false });
  }
}

/** A {@link ConfigError} for one field, whose value is not shown. `problem`, such as "must be true or false", follows its name. */
export function configError(field: string, problem: string, cause?: unknown): ConfigError {
  return new ConfigError([{ field, value: "(not shown)", expected: problem, message: `${field}: ${problem}` }], cause);
}

/** The thrown error if it is a MemberlistError; otherwise a MemberlistError with this code and the thrown error as its cause. */
export function asMemberlistError(error: unknown, code: ErrorCode = "stream_failed"): MemberlistError {
  if (error instanceof MemberlistError) return error;
  return new MemberlistError(code, errorMessage(error), { cause: error });
}

/** The message of a thrown value. It avoids `instanceof`, which fails for errors of another realm, as under Jest. */
export function errorMessage(error: unknown): string {
  const message = (error as { readonly message?: unknown } | null | undefined)?.message;
  return typeof message === "string" ? message : String(error);
}

/** The errno name of a system error (`EADDRINUSE`), else undefined. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}

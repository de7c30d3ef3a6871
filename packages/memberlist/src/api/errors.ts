/** The stable codes of every error that the library throws or rejects with. */
export type ErrorCode =
  | "invalid_config"
  | "invalid_argument"
  | "invalid_address"
  | "advertise_address"
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
  | "node_name_required"
  | "no_ping_response"
  | "label_mismatch"
  | "untrusted_peer"
  | "wrong_peer"
  | "certificate_expired"
  | "not_authorized"
  | "decrypt_failed"
  | "not_encrypted"
  | "unsupported";

export interface MemberlistErrorOptions {
  readonly cause?: unknown;
  /** Facts for programs: sizes, limits, addresses, candidates. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** True when the call took effect in part before it failed. Default false: a retry is safe. */
  readonly stateChanged?: boolean;
}

/** Every error of the library. Branch on `code`; the message is for people. */
export class MemberlistError extends Error {
  override readonly name: string = "MemberlistError";
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;
  readonly stateChanged: boolean;

  constructor(code: ErrorCode, message: string, options: MemberlistErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
    this.stateChanged = options.stateChanged ?? false;
  }
}

/** The message of whatever was thrown. An error of another realm, as under Jest, is not an `instanceof` this one's. */
export function errorMessage(error: unknown): string {
  const message = (error as { readonly message?: unknown } | null | undefined)?.message;
  return typeof message === "string" ? message : String(error);
}

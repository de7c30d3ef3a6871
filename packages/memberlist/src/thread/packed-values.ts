import { ConfigError, MemberlistError, type ConfigIssue, type ErrorCode } from "../api/errors.ts";
import { JoinError, type JoinResult } from "../api/join.ts";
import { copyBytes } from "../wire/bytes.ts";

/** Values that are nested deeper than this are replaced by a string, because a value may contain itself. */
const maxDepth = 12;

/** An error as it crosses between threads, where cloning would lose its class, its code and its details. */
interface PackedError {
  readonly packed: "error";
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly cause: unknown;
  /** Undefined for errors of other libraries. */
  readonly code: ErrorCode | undefined;
  readonly details: unknown;
  /** Further fields of an error of another library, such as the `code` of a system error. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly stateChanged: boolean;
  /** Of a {@link JoinError}. */
  readonly join: unknown;
  /** Of a {@link ConfigError}. */
  readonly issues: unknown;
}

interface PackedUrl {
  readonly packed: "url";
  readonly href: string;
}

/**
 * Converts a value into one that can be cloned to another thread. Errors keep their class and fields, URLs stay URLs, a view of bytes is copied
 * without the rest of its buffer, and functions become undefined. {@link unpack} restores the value.
 */
export function pack(value: unknown, depth: number = 0): unknown {
  if (typeof value === "function") return undefined;
  if (typeof value === "symbol") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return value.length === value.buffer.byteLength ? value : copyBytes(value);
  if (isBuffer(value)) return value;
  if (depth > maxDepth) return "(too deep)";
  if (isError(value)) return packError(value, depth);
  if (value instanceof URL) return { packed: "url", href: value.href } satisfies PackedUrl;
  if (Array.isArray(value)) return value.map((item) => pack(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, pack(item, depth + 1)]));
}

/** Restores a value that {@link pack} has converted. Its objects are frozen, as all views of a member's state. */
export function unpack(value: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array || isBuffer(value)) return value;
  if (Array.isArray(value)) return value.map((item) => unpack(item));
  if ("packed" in value) {
    if (value.packed === "error") return unpackError(value as PackedError);
    if (value.packed === "url") return new URL((value as PackedUrl).href);
  }
  return Object.freeze(Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unpack(item)])));
}

function packError(error: Error, depth: number): PackedError {
  const { name, message, stack, cause } = error;
  const { code, details, stateChanged } = error instanceof MemberlistError ? error : ({} as Partial<MemberlistError>);
  const { reached, conflicts, attempts, seeds } = error instanceof JoinError ? error : ({} as Partial<JoinError>);
  return {
    packed: "error",
    name,
    message,
    stack,
    cause: pack(cause, depth + 1),
    code,
    details: pack(details, depth + 1),
    fields: error instanceof MemberlistError ? {} : simpleFields(error),
    stateChanged: stateChanged === true,
    join: error instanceof JoinError ? pack({ reached, conflicts, attempts, seeds }, depth + 1) : undefined,
    issues: error instanceof ConfigError ? pack(error.issues, depth + 1) : undefined,
  };
}

function unpackError(packed: PackedError): Error {
  const error = makeError(packed);
  if (packed.stack !== undefined) error.stack = packed.stack;
  return error;
}

function makeError({ code, details, fields, issues, join, message, name, stateChanged, cause: packedCause }: PackedError): Error {
  const cause = unpack(packedCause);
  if (issues !== undefined) return new ConfigError(unpack(issues) as readonly ConfigIssue[], cause);
  const options = { cause, details: unpack(details) as Readonly<Record<string, unknown>>, stateChanged };
  if (join !== undefined) {
    return new JoinError(code as "join_failed" | "aborted" | "shutdown", message, unpack(join) as JoinResult, options);
  }
  if (code !== undefined) return new MemberlistError(code, message, options);
  return Object.assign(new Error(message, cause === undefined ? undefined : { cause }), fields, { name });
}

/** Objects are left out: an error of another library may refer to a socket, for example. */
function simpleFields(error: object): Readonly<Record<string, unknown>> {
  const isSimple = (value: unknown): boolean =>
    typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  const fields = Object.entries(error).filter(([name, value]) => name !== "stack" && name !== "message" && isSimple(value));
  return Object.fromEntries(fields);
}

/** Without `instanceof`, which fails for errors of another realm. */
function isError(value: object): value is Error {
  return value instanceof Error || ("message" in value && "stack" in value && typeof value.message === "string");
}

function isBuffer(value: object): boolean {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer;
}

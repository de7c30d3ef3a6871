import { MemberlistError, type Crypto, type ErrorCode, type DecodeJob, type EncodeJob } from "@memberlist/core";
import {
  DecodeError,
  doDecodeJob,
  doDecodeJobInParts,
  doEncodeJob,
  doEncodeJobInParts,
  type DecodeReason,
} from "@memberlist/core/internal";

/** What a thread is given. */
export type WorkerJob =
  | { readonly kind: "seal"; readonly bytes: Uint8Array; readonly job: EncodeJob }
  | { readonly kind: "open"; readonly bytes: Uint8Array; readonly job: DecodeJob };

/** A typed error on its way between threads: of a class, a clone keeps neither name nor fields. */
export type WorkerFailure =
  | { readonly type: "decode"; readonly reason: DecodeReason; readonly message: string }
  | {
      readonly type: "memberlist";
      readonly code: ErrorCode;
      readonly message: string;
      readonly details: Readonly<Record<string, unknown>>;
    };

/** Does the work here, in whatever thread that is. Errors: see {@link Offload}. */
export function doWorkerJob(crypto: Crypto, work: WorkerJob): Uint8Array {
  return work.kind === "seal" ? doEncodeJob(crypto, work.bytes, work.job) : doDecodeJob(crypto, work.bytes, work.job);
}

/** As {@link doWorkerJob}, on an event loop: with turns of it in between. */
export async function doWorkerJobInParts(
  crypto: Crypto,
  work: WorkerJob,
  yieldToEventLoop: () => Promise<void>,
): Promise<Uint8Array> {
  if (work.kind === "seal") return doEncodeJobInParts(crypto, work.bytes, work.job, yieldToEventLoop);
  return doDecodeJobInParts(crypto, work.bytes, work.job, yieldToEventLoop);
}

/** What a thread has answered; undefined for anything else, which is not this package's program. */
export function answerOf(value: unknown): Uint8Array | WorkerFailure | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (value instanceof Uint8Array) return value;
  const { type, message, reason, code, details } = value as Readonly<Record<string, unknown>>;
  if (typeof message !== "string") return undefined;
  const isDecode = type === "decode" && typeof reason === "string";
  const isMemberlist = type === "memberlist" && typeof code === "string" && typeof details === "object" && details !== null;
  return isDecode || isMemberlist ? (value as WorkerFailure) : undefined;
}

/** Undefined for an error that is none of the library's. */
export function failureOf(error: unknown): WorkerFailure | undefined {
  if (error instanceof DecodeError) return { type: "decode", reason: error.reason, message: error.message };
  if (!(error instanceof MemberlistError)) return undefined;
  return { type: "memberlist", code: error.code, message: error.message, details: error.details };
}

export function errorOf(failure: WorkerFailure): DecodeError | MemberlistError {
  if (failure.type === "decode") return new DecodeError(failure.reason, failure.message);
  return new MemberlistError(failure.code, failure.message, { details: failure.details });
}

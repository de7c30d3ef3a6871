import { MemberlistError, type Crypto, type ErrorCode } from "@memberlist/core";
import {
  DecodeError,
  doDecodeJob,
  doDecodeJobInParts,
  doEncodeJob,
  doEncodeJobInParts,
  type DecodeJob,
  type DecodeReason,
  type EncodeJob,
} from "@memberlist/core/internal";

/** The input of a thread. */
export type WorkerJob =
  | { readonly kind: "encode"; readonly bytes: Uint8Array; readonly job: EncodeJob }
  | { readonly kind: "decode"; readonly bytes: Uint8Array; readonly job: DecodeJob };

/** A typed error that can be cloned between threads: a clone of a class instance keeps neither name nor fields. */
export type WorkerFailure =
  | { readonly type: "decode"; readonly reason: DecodeReason; readonly message: string }
  | {
      readonly type: "memberlist";
      readonly code: ErrorCode;
      readonly message: string;
      readonly details: Readonly<Record<string, unknown>>;
    };

/** Does the work in the calling thread. Errors: see {@link StreamWorkers}. */
export function doWorkerJob(crypto: Crypto, work: WorkerJob): Uint8Array {
  return work.kind === "encode" ? doEncodeJob(crypto, work.bytes, work.job) : doDecodeJob(crypto, work.bytes, work.job);
}

/** As {@link doWorkerJob}, with yields to the event loop in between. */
export async function doWorkerJobInParts(
  crypto: Crypto,
  work: WorkerJob,
  yieldToEventLoop: () => Promise<void>,
): Promise<Uint8Array> {
  if (work.kind === "encode") return doEncodeJobInParts(crypto, work.bytes, work.job, yieldToEventLoop);
  return doDecodeJobInParts(crypto, work.bytes, work.job, yieldToEventLoop);
}

/** The answer of a thread; undefined when it is not one: the thread does not run the program of this package. */
export function answerOf(value: unknown): Uint8Array | WorkerFailure | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (value instanceof Uint8Array) return value;
  const { type, message, reason, code, details } = value as Readonly<Record<string, unknown>>;
  if (typeof message !== "string") return undefined;
  const isDecode = type === "decode" && typeof reason === "string";
  const isMemberlist = type === "memberlist" && typeof code === "string" && typeof details === "object" && details !== null;
  return isDecode || isMemberlist ? (value as WorkerFailure) : undefined;
}

/** Undefined for an error that is not one of the library. */
export function failureOf(error: unknown): WorkerFailure | undefined {
  if (error instanceof DecodeError) return { type: "decode", reason: error.reason, message: error.message };
  if (!(error instanceof MemberlistError)) return undefined;
  return { type: "memberlist", code: error.code, message: error.message, details: error.details };
}

export function errorOf(failure: WorkerFailure): DecodeError | MemberlistError {
  if (failure.type === "decode") return new DecodeError(failure.reason, failure.message);
  return new MemberlistError(failure.code, failure.message, { details: failure.details });
}

import { MemberlistError, type Codec, type ErrorCode, type OpenJob, type PacketSealJob, type SealJob } from "@memberlist/core";
import {
  DecodeError,
  doOpenJob,
  doOpenJobInParts,
  doSealJob,
  doSealJobInParts,
  doSealPackets,
  type DecodeReason,
} from "@memberlist/core/internal";

/** What a thread is given. */
export type CodecWork =
  | { readonly kind: "seal"; readonly bytes: Uint8Array; readonly job: SealJob }
  | { readonly kind: "open"; readonly bytes: Uint8Array; readonly job: OpenJob }
  | { readonly kind: "packets"; readonly bytes: Uint8Array; readonly job: PacketSealJob };

/** A typed error on its way between threads: of a class, a clone keeps neither name nor fields. */
export type CodecFailure =
  | { readonly type: "decode"; readonly reason: DecodeReason; readonly message: string }
  | {
      readonly type: "memberlist";
      readonly code: ErrorCode;
      readonly message: string;
      readonly details: Readonly<Record<string, unknown>>;
    };

/** Does the work here, in whatever thread that is. Errors: see {@link Offload}. */
export function doCodecWork(codec: Codec, work: CodecWork): Uint8Array {
  if (work.kind === "packets") return doSealPackets(codec, work.bytes, work.job);
  return work.kind === "seal" ? doSealJob(codec, work.bytes, work.job) : doOpenJob(codec, work.bytes, work.job);
}

/** As {@link doCodecWork}, on an event loop: with turns of it in between. */
export async function doCodecWorkInParts(codec: Codec, work: CodecWork, breathe: () => Promise<void>): Promise<Uint8Array> {
  if (work.kind === "packets") return doSealPackets(codec, work.bytes, work.job);
  if (work.kind === "seal") return doSealJobInParts(codec, work.bytes, work.job, breathe);
  return doOpenJobInParts(codec, work.bytes, work.job, breathe);
}

/** What a thread has answered; undefined for anything else, which is not this package's program. */
export function answerOf(value: unknown): Uint8Array | CodecFailure | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (value instanceof Uint8Array) return value;
  const { type, message, reason, code, details } = value as Readonly<Record<string, unknown>>;
  if (typeof message !== "string") return undefined;
  const isDecode = type === "decode" && typeof reason === "string";
  const isMemberlist = type === "memberlist" && typeof code === "string" && typeof details === "object" && details !== null;
  return isDecode || isMemberlist ? (value as CodecFailure) : undefined;
}

/** Undefined for an error that is none of the library's. */
export function failureOf(error: unknown): CodecFailure | undefined {
  if (error instanceof DecodeError) return { type: "decode", reason: error.reason, message: error.message };
  if (!(error instanceof MemberlistError)) return undefined;
  return { type: "memberlist", code: error.code, message: error.message, details: error.details };
}

export function errorOf(failure: CodecFailure): DecodeError | MemberlistError {
  if (failure.type === "decode") return new DecodeError(failure.reason, failure.message);
  return new MemberlistError(failure.code, failure.message, { details: failure.details });
}

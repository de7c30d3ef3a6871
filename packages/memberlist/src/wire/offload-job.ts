import type { AesGcm, Codec, OpenJob, PacketSealJob, SealJob } from "../ports/codec.ts";
import { emptyBytes } from "./bytes.ts";
import { sealPacket } from "./packet.ts";
import { packPackets, unpackPackets } from "./packet-batch.ts";
import {
  decryptLongPayload,
  decryptPayload,
  encryptLongPayload,
  encryptPayload,
  type EncryptionVersion,
  type PayloadCipher,
} from "./seal.ts";
import type { Breathe } from "./push-pull.ts";
import {
  openInParts,
  openStreamPayload,
  sealInParts,
  sealStreamMessage,
  type StreamPayload,
  type StreamSecurity,
} from "./stream-layers.ts";

/*
 * The jobs of an Offload, done where they are called: what an implementation runs in its threads, and what it falls back on. The
 * bytes and the errors are those of a message that never left the event loop, since the functions are the same.
 */

/** See {@link Offload.seal}. */
export function doSealJob(codec: Codec, message: Uint8Array, job: SealJob): Uint8Array {
  return sealStreamMessage(message, job, sealing(codec, job));
}

/** As {@link doSealJob}, for an event loop: with breaths in between. */
export function doSealJobInParts(codec: Codec, message: Uint8Array, job: SealJob, breathe: Breathe): Promise<Uint8Array> {
  return sealInParts(message, job, sealing(codec, job), breathe);
}

/** See {@link Offload.open}. */
export function doOpenJob(codec: Codec, payload: Uint8Array, job: OpenJob): Uint8Array {
  return openStreamPayload(payloadOf(payload, job), job.maxDecompressedBytes, opening(codec, job));
}

/** As {@link doOpenJob}, for an event loop: with breaths in between. */
export function doOpenJobInParts(codec: Codec, payload: Uint8Array, job: OpenJob, breathe: Breathe): Promise<Uint8Array> {
  return openInParts(payloadOf(payload, job), job.maxDecompressedBytes, opening(codec, job), breathe);
}

function sealing(codec: Codec, { encrypt }: SealJob): StreamSecurity {
  if (encrypt === undefined) return { label: emptyBytes };
  return { label: encrypt.label, cipher: cipherOf(codec, [encrypt.key], encrypt.version) };
}

function opening(codec: Codec, { decrypt }: OpenJob): StreamSecurity {
  return decrypt === undefined ? { label: emptyBytes } : { label: decrypt.label, cipher: cipherOf(codec, decrypt.keys, 1) };
}

function payloadOf(bytes: Uint8Array, { decrypt }: OpenJob): StreamPayload {
  return { bytes, isEncrypted: decrypt !== undefined };
}

/** See {@link PacketOffload.seal}. */
export function doSealPackets(codec: Codec, batch: Uint8Array, { compress, label, encrypt }: PacketSealJob): Uint8Array {
  const cipher = encrypt === undefined ? undefined : cipherOf(codec, [encrypt.key], encrypt.version);
  const layers = { compress, label, cipher, checksum: codec.crc32 };
  return packPackets(unpackPackets(batch).map(({ bytes, crc }) => ({ bytes: sealPacket(bytes, { ...layers, crc }), crc })));
}

/** A cipher whose keys stay as they are; the first encrypts. */
function cipherOf(codec: Codec, keys: readonly Uint8Array[], version: EncryptionVersion): PayloadCipher {
  const prepared = keys.map((key) => codec.aesGcm(key));
  return {
    isOn: true,
    encrypts: true,
    verifyIncoming: true,
    version,
    encrypt: (payload, additionalData, headroom) =>
      encryptPayload(prepared[0] as AesGcm, version, payload, additionalData, headroom),
    decrypt: (payload, additionalData) => decryptPayload(prepared, payload, additionalData),
    encryptLong: (payload, additionalData, headroom) =>
      encryptLongPayload(prepared[0] as AesGcm, version, payload, additionalData, headroom),
    decryptLong: (payload, additionalData) => decryptLongPayload(prepared, payload, additionalData),
  };
}

import type { AesGcm, Codec, OpenJob, PacketSealJob, SealJob } from "../ports/codec.ts";
import { sealPacket } from "./packet.ts";
import { packPackets, unpackPackets } from "./packet-batch.ts";
import { decryptPayload, encryptPayload, type EncryptionVersion, type PayloadCipher } from "./seal.ts";
import { openStreamPayload, sealStreamMessage } from "./stream-frame.ts";

/*
 * The jobs of an Offload, done where they are called: what an implementation runs in its threads, and what it falls back on. The
 * bytes and the errors are those of a message that never left the event loop, since the functions are the same.
 */

/** See {@link Offload.seal}. */
export function doSealJob(codec: Codec, message: Uint8Array, { compress, encrypt }: SealJob): Uint8Array {
  if (encrypt === undefined) return sealStreamMessage(message, { compress });
  const cipher = cipherOf(codec, [encrypt.key], encrypt.version);
  return sealStreamMessage(message, { compress }, { label: encrypt.label, cipher });
}

/** See {@link Offload.open}. */
export function doOpenJob(codec: Codec, payload: Uint8Array, { decrypt, maxDecompressedBytes }: OpenJob): Uint8Array {
  if (decrypt === undefined) return openStreamPayload({ bytes: payload, isEncrypted: false }, maxDecompressedBytes);
  const cipher = cipherOf(codec, decrypt.keys, 1);
  return openStreamPayload({ bytes: payload, isEncrypted: true }, maxDecompressedBytes, { label: decrypt.label, cipher });
}

/** See {@link PacketOffload.seal}. */
export function doSealPackets(codec: Codec, batch: Uint8Array, { compress, label, encrypt }: PacketSealJob): Uint8Array {
  const cipher = encrypt === undefined ? undefined : cipherOf(codec, [encrypt.key], encrypt.version);
  const packets = unpackPackets(batch);
  return packPackets(packets.map(({ bytes, crc }) => ({ bytes: sealPacket(bytes, { compress, crc, label, cipher }), crc })));
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
  };
}

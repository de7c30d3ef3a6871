import { describe, expect, it } from "vitest";
import { KeyringCipher, type KeyringCipherOptions } from "../../src/encryption/keyring-cipher.ts";
import { Keyring } from "../../src/encryption/keyring.ts";
import type { Crypto } from "../../src/ports/crypto.ts";
import { decompressBody } from "../../src/wire/compression/compress.ts";
import { decodePacket, encodePacket } from "../../src/wire/packet.ts";
import { aes, aesCrypto, patterned } from "../wire/aes.ts";
import { ascii } from "../wire/hex.ts";
import { reasonOf } from "../wire/reason.ts";

const [a, b, c] = [patterned(16, 1), patterned(24, 2), patterned(32, 3)];
const plaintext = ascii("this is a plain text message");
const extra = ascii("random data");
const config = { protocolVersion: 2, gossipVerifyIncoming: true, gossipVerifyOutgoing: true };

function cipher(keyring: Keyring, options: Partial<KeyringCipherOptions> = {}): KeyringCipher {
  return new KeyringCipher({ config, keyring, crypto: aesCrypto, onKeyLimitReached: () => {}, ...options });
}

/** Notes which keys are prepared. */
function noting(prepared: Uint8Array[]): Crypto {
  return {
    aesGcm: (key) => {
      prepared.push(key);
      return aes(key);
    },
  };
}

describe("KeyringCipher", () => {
  it("decrypts with every key of the ring, and no more with one that was removed [KeyRing_MultiKeyEncryptDecrypt]", () => {
    const ring = new Keyring([a, b, c], a);
    const ours = cipher(ring);
    for (const key of [a, c]) {
      const encrypted = cipher(new Keyring([], key)).encrypt(plaintext, extra, 0);
      expect(ours.decrypt(encrypted, extra)).toEqual(plaintext);
    }
    const encrypted = cipher(new Keyring([], c)).encrypt(plaintext, extra, 0);
    ring.removeKey(c);
    expect(reasonOf(() => ours.decrypt(encrypted, extra))).toBe("decrypt_failed");
  });

  it("encrypts with the primary key of the moment", () => {
    const ring = new Keyring([], a);
    const ours = cipher(ring);
    const opens = (key: Uint8Array): boolean =>
      reasonOf(() => cipher(new Keyring([], key)).decrypt(ours.encrypt(plaintext, extra, 0), extra)) === "";
    expect([opens(a), opens(b)]).toEqual([true, false]);
    ring.addKey(b);
    expect([opens(a), opens(b)]).toEqual([true, false]);
    ring.useKey(b);
    expect([opens(a), opens(b)]).toEqual([false, true]);
  });

  it("stays off with an empty ring, and works from the first key on", () => {
    const ring = new Keyring();
    const ours = cipher(ring);
    expect([ours.isOn, ours.encrypts, ours.overhead]).toEqual([false, false, 0]);
    ring.addKey(a);
    expect([ours.isOn, ours.encrypts, ours.overhead]).toEqual([true, true, 29]);
    expect(ours.decrypt(ours.encrypt(plaintext, extra, 0), extra)).toEqual(plaintext);
  });

  it("reserves room for the bytes that its version adds, and only while it encrypts", () => {
    const old = cipher(new Keyring([], a), { config: { ...config, protocolVersion: 1 } });
    expect([old.version, old.overhead, old.encrypt(plaintext, extra, 0)[0]]).toEqual([0, 45, 0]);
    old.verifyOutgoing = false;
    expect([old.isOn, old.encrypts, old.overhead]).toEqual([true, false, 0]);
  });

  it("prepares each key once, in any order of the ring, and never a key that it does not use", () => {
    const prepared: Uint8Array[] = [];
    const ring = new Keyring([], a);
    const ours = cipher(ring, { crypto: noting(prepared) });
    expect(prepared).toEqual([]);
    for (let i = 0; i < 3; i++) ours.encrypt(plaintext, extra, 0);
    ring.addKey(b);
    ring.useKey(b);
    ours.encrypt(plaintext, extra, 0);
    ring.useKey(a);
    ours.decrypt(ours.encrypt(plaintext, extra, 0), extra);
    expect(prepared).toEqual([a, b]);
  });

  it("reports once for each key that it reached its usage limit, counted for all members together", () => {
    const reported: number[] = [];
    const ring = new Keyring([b], a);
    const ours = cipher(ring, {
      messagesPerKeyMax: 40,
      onKeyLimitReached: (messages) => void reported.push(messages),
    });
    const encrypt = (count: number): void => {
      for (let i = 0; i < count; i++) ours.encrypt(plaintext, extra, 0);
    };
    encrypt(7);
    ours.numMembers = 4;
    encrypt(2);
    expect(reported).toEqual([]);
    encrypt(1);
    expect(reported).toEqual([10]);
    encrypt(100);
    expect(reported).toEqual([10]);
    ring.useKey(b);
    encrypt(9);
    ring.useKey(a);
    encrypt(1);
    expect(reported).toEqual([10]);
    ring.useKey(b);
    encrypt(1);
    expect(reported).toEqual([10, 10]);
  });

  it("counts the messages that are encrypted in a thread", () => {
    const reported: number[] = [];
    const ours = cipher(new Keyring([], a), {
      messagesPerKeyMax: 2,
      onKeyLimitReached: (messages) => void reported.push(messages),
    });
    expect(ours.takeEncryptionKey()).toEqual(a);
    expect(reported).toEqual([]);
    ours.takeEncryptionKey();
    expect(reported).toEqual([2]);
  });

  it("reports the limit after the packet is encoded, so that the handler may send another one", () => {
    const message = new Uint8Array(600).fill(7);
    const ours = cipher(new Keyring([], a), {
      messagesPerKeyMax: 1,
      onKeyLimitReached: () => void encodePacket(new Uint8Array(600).fill(9), { compress: true, crc: false, label: extra }),
    });
    const packet = encodePacket(message, { compress: true, crc: false, label: extra, cipher: ours });
    const opened = decodePacket(packet, { label: extra, skipInboundLabelCheck: false, cipher: ours });
    expect(decompressBody(opened.subarray(1), 1000)).toEqual(message);
  });

  it("does not count messages that it decrypts", () => {
    const reported: number[] = [];
    const ours = cipher(new Keyring([], a), {
      messagesPerKeyMax: 2,
      onKeyLimitReached: (messages) => void reported.push(messages),
    });
    const encrypted = ours.encrypt(plaintext, extra, 0);
    for (let i = 0; i < 10; i++) ours.decrypt(encrypted, extra);
    expect(reported).toEqual([]);
  });
});

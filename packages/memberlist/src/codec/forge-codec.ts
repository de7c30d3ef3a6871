import type { AesGcm, Codec } from "../ports/codec.ts";
import { randomBytes } from "../ports/entropy.ts";
import { loadForge, type Forge } from "./load-forge.ts";

const nonceSize = 12;
const tagSize = 16;

/** node-forge wants its bytes as strings of characters below 256; this many fit on the stack at once. */
const charsAtOnce = 8192;

/** AES-GCM in pure JavaScript, for transports that bring no codec: some ten times slower than what a runtime has. */
export async function loadForgeCodec(): Promise<Codec> {
  return new ForgeCodec(await loadForge());
}

class ForgeCodec implements Codec {
  readonly #forge: Forge;

  constructor(forge: Forge) {
    this.#forge = forge;
  }

  aesGcm(key: Uint8Array): AesGcm {
    const forge = this.#forge;
    const forgeKey = forge.util.createBuffer(binaryString(key));
    return {
      seal: (plaintext, additionalData, headroom) => {
        // Not forge's own generator: where it finds no good seed, it takes a weak one.
        const nonce = randomBytes(nonceSize);
        const cipher = forge.cipher.createCipher("AES-GCM", forgeKey.copy());
        cipher.start({ iv: binaryString(nonce), additionalData: binaryString(additionalData), tagLength: tagSize * 8 });
        cipher.update(forge.util.createBuffer(binaryString(plaintext)));
        cipher.finish();
        const sealed = new Uint8Array(headroom + nonceSize + plaintext.length + tagSize);
        sealed.set(nonce, headroom);
        writeBinary(sealed, headroom + nonceSize, cipher.output.getBytes());
        writeBinary(sealed, headroom + nonceSize + plaintext.length, cipher.mode.tag.getBytes());
        return sealed;
      },
      open: (sealed, additionalData) => {
        const tagAt = sealed.length - tagSize;
        const decipher = forge.cipher.createDecipher("AES-GCM", forgeKey.copy());
        decipher.start({
          iv: binaryString(sealed.subarray(0, nonceSize)),
          additionalData: binaryString(additionalData),
          tagLength: tagSize * 8,
          tag: forge.util.createBuffer(binaryString(sealed.subarray(tagAt))),
        });
        decipher.update(forge.util.createBuffer(binaryString(sealed.subarray(nonceSize, tagAt))));
        if (!decipher.finish()) return undefined;
        const plaintext = new Uint8Array(tagAt - nonceSize);
        writeBinary(plaintext, 0, decipher.output.getBytes());
        return plaintext;
      },
    };
  }
}

function binaryString(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += charsAtOnce) text += String.fromCharCode(...bytes.subarray(at, at + charsAtOnce));
  return text;
}

function writeBinary(target: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) target[at + i] = text.charCodeAt(i);
}

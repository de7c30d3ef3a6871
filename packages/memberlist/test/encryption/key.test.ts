import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeKey, generateKey, Keyring, type MemberlistError } from "../../src/index.ts";
import { encodeKey } from "../../src/encryption/key.ts";

const refusal = (action: () => unknown): MemberlistError | undefined => {
  try {
    action();
    return undefined;
  } catch (error) {
    return error as MemberlistError;
  }
};
const key = fc.constantFrom(16, 24, 32).chain((size) => fc.uint8Array({ minLength: size, maxLength: size }));

describe("generateKey", () => {
  it("makes keys of the three sizes, by default of 32 bytes", () => {
    const keys = [generateKey(), generateKey(16), generateKey(24), generateKey(32)].map(decodeKey);
    expect(keys.map(({ length }) => length)).toEqual([32, 16, 24, 32]);
    for (const bytes of keys) new Keyring().addKey(bytes);
  });

  it("never makes the same one twice, and leaves no byte at zero in all of them", () => {
    const texts = Array.from({ length: 64 }, () => generateKey());
    expect(new Set(texts).size).toBe(64);
    const keys = texts.map(decodeKey);
    for (let at = 0; at < 32; at++) expect(keys.some((bytes) => bytes[at] !== 0)).toBe(true);
  });

  it.each([0, 8, 17, 64, -1, NaN])("refuses a size of %s", (size) => {
    expect(refusal(() => generateKey(size as 16))?.code).toBe("invalid_argument");
  });
});

describe("a key in base64", () => {
  it("equals the base64 of other libraries, and decodes to the same bytes", () => {
    fc.assert(
      fc.property(key, (bytes) => {
        const text = encodeKey(bytes);
        expect(text).toBe(Buffer.from(bytes).toString("base64"));
        expect(decodeKey(text)).toEqual(bytes);
      }),
    );
  });

  it("allows one form only: decoding and encoding return the same string", () => {
    const characters = "AZaz09+/=-_ \n".split("");
    const near = fc.tuple(key, fc.nat(50), fc.constantFrom(...characters), fc.constantFrom("insert", "replace", "remove"));
    fc.assert(
      fc.property(near, ([bytes, at, character, how]) => {
        const text = encodeKey(bytes);
        const changed = text.slice(0, at) + (how === "remove" ? "" : character) + text.slice(how === "insert" ? at : at + 1);
        const decoded = { text: "" };
        const error = refusal(() => void (decoded.text = encodeKey(decodeKey(changed))));
        expect(error?.code ?? decoded.text).toBe(error === undefined ? changed : "invalid_argument");
      }),
      { numRuns: 1_000 },
    );
  });

  const good = "pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s=";
  it.each([
    ["the url-safe alphabet", good.replace("/", "_")],
    ["a line break behind it", `${good}\n`],
    ["a blank in front", ` ${good}`],
    ["no padding", good.slice(0, -1)],
    ["too much padding", `${good}=`],
    ["padding within", `${good.slice(0, 20)}=${good.slice(21)}`],
    ["bits that belong to no byte", "AAAAAAAAAAAAAAAAAAAAAB=="],
    ["one digit more than 24 bytes have", "A".repeat(33)],
    ["no key's length", "QUJD"],
    ["nothing", ""],
    ["hex of 32 bytes", "0f".repeat(32)],
    ["a character beyond ASCII", `Ā${good.slice(1)}`],
  ])("fails to decode with %s, and stays out of the error", (_what, text) => {
    const error = refusal(() => decodeKey(text));
    expect(error).toMatchObject({ code: "invalid_argument" });
    const shown = `${error?.message}${error?.stack}${JSON.stringify(error)}`;
    expect(text.length > 8 && shown.includes(text.slice(2, 10))).toBe(false);
  });

  it("fails to decode when it is not a string, and Keyring refuses keys that are not bytes", () => {
    for (const wrong of [undefined, null, 5, new Uint8Array(16)]) {
      expect(refusal(() => decodeKey(wrong as never))?.code).toBe("invalid_argument");
    }
    for (const wrong of [undefined, null, "0123456789abcdef", Array.from({ length: 16 }, () => 0), new Uint8Array(15)]) {
      expect(refusal(() => new Keyring().addKey(wrong as never))?.code).toBe("invalid_argument");
    }
  });
});

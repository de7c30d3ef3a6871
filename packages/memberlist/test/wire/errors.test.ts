import { describe, expect, it } from "vitest";
import { DecodeError } from "../../src/wire/errors.ts";

describe("DecodeError", () => {
  it("carries its own name, a reason, and a cause only if there is one", () => {
    const error = new DecodeError("bad_crc", "the checksum does not match");
    expect(error).toBeInstanceOf(Error);
    expect([error.name, error.reason, error.message, Object.hasOwn(error, "cause")]).toEqual([
      "DecodeError",
      "bad_crc",
      "the checksum does not match",
      false,
    ]);
    const cause = new Error("why");
    expect(new DecodeError("malformed", "not msgpack", cause).cause).toBe(cause);
  });
});

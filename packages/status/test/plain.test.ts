import { describe, expect, it } from "vitest";
import { MemberlistError } from "@memberlist/core";
import { plain } from "../src/plain.ts";

describe("plain", () => {
  it("reduces errors to code and message, and bytes to their number", () => {
    const error = new MemberlistError("timeout", "too late", { details: { key: "secret" } });
    const fields = { err: error, other: new TypeError("odd"), body: Uint8Array.of(1, 2, 3), big: 7n, none: undefined };
    expect(plain(fields)).toEqual({
      err: { code: "timeout", message: "too late" },
      other: { message: "odd" },
      body: "3 bytes",
      big: "7",
      none: undefined,
    });
  });

  it("cuts long strings, and leaves out deep values and circular references", () => {
    const own: Record<string, unknown> = { text: "x".repeat(5_000) };
    own["own"] = [own];
    const json = JSON.stringify(plain(own));
    expect(json.length).toBeLessThan(10_000);
    expect(json).toContain(`"${"x".repeat(1_024)}…"`);
  });
});

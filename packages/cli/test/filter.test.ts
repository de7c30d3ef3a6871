import { describe, expect, it } from "vitest";
import type { Node } from "@memberlist/core";
import { UsageError } from "../src/exit-codes.ts";
import { parseFilters } from "../src/filter.ts";
import { metadataLine } from "../src/metadata.ts";

const tags = new Uint8Array([0xff, 0x81, 0xa4, ...Buffer.from("role"), 0xa3, ...Buffer.from("web")]);

function node(fields: Partial<Node>): Node {
  const versions = { pMin: 1, pMax: 5, pCur: 2, dMin: 0, dMax: 0, dCur: 0 };
  const base = { name: "web-1", addr: "10.0.0.1", port: 7946, meta: tags, state: "alive", incarnation: 1 } as const;
  return { ...base, ...versions, ...fields };
}

describe("--filter", () => {
  it.each([
    ["web-*", true],
    ["web", false],
    ["name=*-1", true],
    ["name!=web-1", false],
    ["state=alive", true],
    ["state!=alive", false],
    ["address=10.0.*", true],
    ["address=10.0.0.1:7946", true],
    ["role=web", true],
    ["role=w.b", false],
    ["role!=db", true],
    ["zone=", true],
  ])("matches %s against a member: %s", (expression, fits) => {
    expect(parseFilters([expression])(node({}))).toBe(fits);
  });

  it("requires every expression to match, reads JSON metadata, and refuses an empty expression", () => {
    expect(parseFilters(["web-*", "state=dead"])(node({}))).toBe(false);
    expect(parseFilters(["port=80"])(node({ meta: Buffer.from('{"port":80}') }))).toBe(true);
    expect(() => parseFilters([""])).toThrow(UsageError);
  });
});

describe("metadataLine", () => {
  it("shows tags, JSON, text and bytes on one line", () => {
    expect(metadataLine(tags)).toBe("role=web");
    expect(metadataLine(Buffer.from('{"a":"b\\n"}'))).toBe('{"a":"b\\n"}');
    expect(metadataLine(Buffer.from("a\nb"))).toBe("a\\u{a}b");
    expect(metadataLine(new Uint8Array([0xc0, 1]))).toBe("2 bytes: c001");
    expect(metadataLine(new Uint8Array(0))).toBe("");
  });

  it("does not parse JSON that exceeds the limit of metadata: deep JSON would overflow the stack", () => {
    const deep = "[".repeat(50_000) + "]".repeat(50_000);
    expect(metadataLine(Buffer.from(deep))).toMatch(/^100000 bytes: (?:5b){64}$/);
  });
});

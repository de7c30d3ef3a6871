import { describe, expect, it } from "vitest";
import type { Node } from "@memberlist/core";
import { UsageError } from "../src/exit-codes.ts";
import { parseFilters } from "../src/filter.ts";
import { metadataLine, readMetadata } from "../src/metadata.ts";

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
  ])("%s", (expression, fits) => {
    expect(parseFilters([expression])(node({}))).toBe(fits);
  });

  it("combines expressions by and, reads JSON metadata, and refuses an empty expression", () => {
    expect(parseFilters(["web-*", "state=dead"])(node({}))).toBe(false);
    expect(parseFilters(["port=80"])(node({ meta: Buffer.from('{"port":80}') }))).toBe(true);
    expect(() => parseFilters([""])).toThrow(UsageError);
  });
});

describe("metadata", () => {
  it("is read as tags, JSON, text or bytes, and never breaks a line", () => {
    expect(metadataLine(readMetadata(tags))).toBe("role=web");
    expect(metadataLine(readMetadata(Buffer.from('{"a":"b\\n"}')))).toBe('{"a":"b\\n"}');
    expect(metadataLine(readMetadata(Buffer.from("a\nb")))).toBe("a\\u{a}b");
    expect(metadataLine(readMetadata(new Uint8Array([0xc0, 1])))).toBe("0xc001");
    expect(metadataLine(readMetadata(new Uint8Array(0)))).toBe("");
  });

  it("is text if it is longer than members may have it, so that deep JSON does not end the program", () => {
    const deep = "[".repeat(50_000) + "]".repeat(50_000);
    expect(metadataLine(readMetadata(Buffer.from(deep)))).toBe(deep);
  });
});

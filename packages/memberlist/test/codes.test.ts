import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const packages = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, packages), "utf8");
const page = read("../docs/reference/codes.md");

/** The codes in the tables of a section of the page. */
function documented(section: string): string[] {
  const [, text = ""] = page.split(`\n## ${section}\n`);
  const [tables = ""] = text.split("\n## ");
  return [...tables.matchAll(/^\| `([^`]+)` \|/gm)].map(([, code]) => code as string);
}

/** The members of a union of string literals in a source file. */
function unionOf(path: string, name: string): string[] {
  const [, rest = ""] = read(path).split(`type ${name} =`);
  const [union = ""] = rest.split(";");
  const codes = [...union.matchAll(/"([^"]+)"/g)].map(([, code]) => code as string);
  expect(codes, `${name} in ${path}`).not.toEqual([]);
  return codes;
}

const codesFile = "memberlist/src/api/codes.ts";
/** All sources but the file that lists the codes, and the errors' list. */
const sources = ["memberlist", "transport-node", "transport-deno"]
  .flatMap((name) =>
    readdirSync(new URL(`${name}/src`, packages), { recursive: true, encoding: "utf8" }).map((file) => `${name}/src/${file}`),
  )
  .filter((file) => file.endsWith(".ts") && file !== codesFile)
  .map((file) => read(file).replace(/export type ErrorCode =[^;]+;/, ""))
  .join("\n");

const sorted = (codes: readonly string[]): string[] => [...codes].sort();

describe("docs/reference/codes.md", () => {
  it("lists every error code, and no others", () => {
    expect(sorted(documented("Errors"))).toEqual(sorted(unionOf("memberlist/src/api/errors.ts", "ErrorCode")));
  });

  it("lists the code of every log line, and no others", () => {
    expect(sorted(documented("Log lines"))).toEqual(sorted(unionOf(codesFile, "LogCode")));
  });

  it("lists every counter, and no others", () => {
    const reasons = [...unionOf("memberlist/src/wire/errors.ts", "DecodeReason"), ...unionOf(codesFile, "MessageDropReason")];
    const ofTransports = [
      ...[
        ["memberlist/src/transport-kit/socket-transport.ts", "SocketTransportCounters"],
        ["transport-node/src/node-transport.ts", "NodeTransportCounters"],
        ["transport-deno/src/quic/quic-transport.ts", "QuicTransportCounters"],
      ].flatMap(([path = "", name]) => {
        const [, rest = ""] = read(path).split(`type ${name} =`);
        return [...(rest.split("};")[0] ?? "").matchAll(/readonly (\w+): number;/g)].map(([, counter]) => counter);
      }),
      "packetLinks",
      "unwelcomeLinks",
      "refusedPacketStreams",
      "droppedPackets",
    ].map((counter) => `transport.${counter}`);
    expect(ofTransports).toHaveLength(15);
    expect(sorted(documented("Counters"))).toEqual(
      sorted([
        ...new Set(reasons.map((reason) => `dropped.${reason}`)),
        ...unionOf(codesFile, "PlainCounter"),
        "stream_dropped.<reason>",
        "limit.<name>",
        ...ofTransports,
      ]),
    );
  });

  it("lists every type of event, and no others", () => {
    const events = read("memberlist/src/api/events.ts");
    const types = [...events.matchAll(/readonly type: "(\w+)"/g)].map(([, type]) => type as string);
    expect(sorted(documented("Events"))).toEqual(sorted([...new Set(types)].filter((type) => type !== "log")));
  });
});

it("lists every diagnostics channel in docs/reference/diagnostics.md, and no others", () => {
  const channels = [...read("memberlist/src/ports/diagnostics.ts").matchAll(/"(memberlist:\w+)"/g)].map(
    ([, name]) => name as string,
  );
  const rows = [...read("../docs/reference/diagnostics.md").matchAll(/^\| `(memberlist:\w+)` \|/gm)].map(
    ([, name]) => name as string,
  );
  expect(channels.length).toBeGreaterThan(5);
  expect(sorted(rows)).toEqual(sorted(channels));
});

it("finds a use in the sources for every code", () => {
  const lists = [
    unionOf("memberlist/src/api/errors.ts", "ErrorCode"),
    unionOf(codesFile, "LogCode"),
    unionOf(codesFile, "MessageDropReason"),
    unionOf(codesFile, "PlainCounter").filter((name) => !name.startsWith("broadcast_dropped.")),
  ];
  expect(lists.flat().filter((code) => !sources.includes(`"${code}"`))).toEqual([]);
});

it("makes every invalid_config a ConfigError", () => {
  expect(sources.match(/MemberlistError\(\s*"invalid_config"/g)).toBeNull();
});

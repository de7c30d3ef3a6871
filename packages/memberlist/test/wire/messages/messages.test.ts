import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as decode from "../../../src/wire/messages/decode.ts";
import * as encode from "../../../src/wire/messages/encode.ts";
import { ascii, fromHex, toHex } from "../hex.ts";
import { reasonOf } from "../reason.ts";

const vsn = [1, 5, 2, 0, 0, 0];
const none = new Uint8Array(0);

/** Each message as hashicorp/go-msgpack v2.1.5 writes it; the ping is the one seen on the wire (PROTOCOL.md section 1). */
const vectors: readonly {
  readonly name: string;
  readonly hex: string;
  readonly encoded: () => Uint8Array;
  readonly decoded: (body: Uint8Array) => unknown;
  readonly value: unknown;
}[] = [
  vector(
    "ping",
    "00 85 a44e6f6465 a466616b65 a55365714e6f 01 aa536f7572636541646472 a47f000001 aa536f757263654e6f6465 a7676f6167656e74 aa536f75726365506f7274 cd1f0e",
    encode.encodePing,
    decode.decodePing,
    { node: "fake", seqNo: 1, sourceAddr: "127.0.0.1", sourceNode: "goagent", sourcePort: 7950 },
  ),
  vector("ping without a source", "0082a44e6f6465a161a55365714e6f01", encode.encodePing, decode.decodePing, {
    seqNo: 1,
    node: "a",
    sourceAddr: "",
    sourcePort: 0,
    sourceNode: "",
  }),
  vector(
    "indirect ping",
    "0188a44e61636bc3a44e6f6465a174a4506f7274cd1f0aa55365714e6f09aa536f7572636541646472a40a000002aa536f757263654e6f6465a173aa536f75726365506f7274cd1f0ba6546172676574a40a000001",
    encode.encodeIndirectPing,
    decode.decodeIndirectPing,
    {
      seqNo: 9,
      target: "10.0.0.1",
      port: 7946,
      node: "t",
      nack: true,
      sourceAddr: "10.0.0.2",
      sourcePort: 7947,
      sourceNode: "s",
    },
  ),
  vector(
    "indirect ping without a source",
    "0185a44e61636bc2a44e6f6465a0a4506f7274cd1f0aa55365714e6f09a6546172676574a40a000001",
    encode.encodeIndirectPing,
    decode.decodeIndirectPing,
    { seqNo: 9, target: "10.0.0.1", port: 7946, node: "", nack: false, sourceAddr: "", sourcePort: 0, sourceNode: "" },
  ),
  vector("ack without a payload", "0282a75061796c6f6164c0a55365714e6f01", encode.encodeAckResp, decode.decodeAckResp, {
    seqNo: 1,
    payload: none,
  }),
  vector("ack", "0282a75061796c6f6164a178a55365714e6fcc80", encode.encodeAckResp, decode.decodeAckResp, {
    seqNo: 128,
    payload: ascii("x"),
  }),
  vector("nack", "0b81a55365714e6fce00010000", encode.encodeNackResp, decode.decodeNackResp, { seqNo: 65536 }),
  vector(
    "suspect",
    "0383a446726f6da26e32ab496e6361726e6174696f6e07a44e6f6465a26e31",
    encode.encodeSuspect,
    decode.decodeSuspect,
    {
      incarnation: 7,
      node: "n1",
      from: "n2",
    },
  ),
  vector(
    "dead, with a name of 32 bytes",
    `0583a446726f6da0ab496e6361726e6174696f6eceffffffffa44e6f6465da0020${"78".repeat(32)}`,
    encode.encodeDead,
    decode.decodeDead,
    { incarnation: 4294967295, node: "x".repeat(32), from: "" },
  ),
  vector(
    "alive on IPv6",
    "0486a441646472b020010db8000000000000000000000001ab496e6361726e6174696f6ecd012ca44d657461a46d657461a44e6f6465a26e31a4506f727450a356736ea6010502000000",
    encode.encodeAlive,
    decode.decodeAlive,
    { incarnation: 300, node: "n1", addr: "2001:db8::1", port: 80, meta: ascii("meta"), vsn },
  ),
  vector(
    "alive without meta",
    "0486a441646472a47f000001ab496e6361726e6174696f6e01a44d657461c0a44e6f6465a26e31a4506f7274cd1f0aa356736ea6010502000000",
    encode.encodeAlive,
    decode.decodeAlive,
    { incarnation: 1, node: "n1", addr: "127.0.0.1", port: 7946, meta: none, vsn },
  ),
  vector(
    "alive with meta of 40 bytes",
    `0486a441646472a47f000001ab496e6361726e6174696f6e01a44d657461da0028${"6d".repeat(40)}a44e6f6465a26e31a4506f7274cd1f0aa356736ea6010502000000`,
    encode.encodeAlive,
    decode.decodeAlive,
    { incarnation: 1, node: "n1", addr: "127.0.0.1", port: 7946, meta: ascii("m".repeat(40)), vsn },
  ),
  vector("err", "0d81a54572726f72a972656d6f746520c3a9", encode.encodeErrResp, decode.decodeErrResp, { error: "remote é" }),
];

function vector<T>(
  name: string,
  hex: string,
  encoder: (value: T) => Uint8Array,
  decoded: (body: Uint8Array) => T,
  value: T,
): (typeof vectors)[number] {
  return { name, hex: hex.replaceAll(" ", ""), encoded: () => encoder(value), decoded, value };
}

describe("messages as Go has them [EncodeDecode]", () => {
  it.each(vectors)("encodes $name", ({ hex, encoded }) => {
    expect(toHex(encoded())).toBe(hex);
  });

  it.each(vectors)("decodes $name", ({ hex, decoded, value }) => {
    expect(decoded(fromHex(hex).subarray(1))).toEqual(value);
  });

  it.each(vectors)("ignores bytes behind $name", ({ hex, decoded, value }) => {
    expect(decoded(fromHex(`${hex}c1ff00`).subarray(1))).toEqual(value);
  });

  it.each(vectors)("refuses $name cut off anywhere", ({ hex, decoded }) => {
    const body = fromHex(hex).subarray(1);
    for (let length = 0; length < body.length; length++) {
      expect(reasonOf(() => decoded(body.subarray(0, length)))).toBe("truncated");
    }
  });

  it("returns separate bytes for each message", () => {
    const first = encode.encodeSuspect({ incarnation: 1, node: "first", from: "x" });
    const before = toHex(first);
    encode.encodeSuspect({ incarnation: 2, node: "other", from: "y" });
    expect(toHex(first)).toBe(before);
    // Updates share small buffers with others.
    expect(first.buffer.byteLength).toBeLessThanOrEqual(2048);
  });

  it("encodes a user message as its bytes behind the type", () => {
    expect(toHex(encode.encodeUser(ascii("hi")))).toBe("086869");
    expect(toHex(encode.encodeUser(none))).toBe("08");
  });

  it("writes integers in their smallest form and long strings with the 32-bit length", () => {
    const seqNo = (value: number): string => toHex(encode.encodeNackResp({ seqNo: value }).subarray(8));
    expect([0, 127, 128, 255, 256, 65535, 65536, 4294967295].map(seqNo)).toEqual([
      "00",
      "7f",
      "cc80",
      "ccff",
      "cd0100",
      "cdffff",
      "ce00010000",
      "ceffffffff",
    ]);
    // The first character that takes two bytes.
    expect(toHex(encode.encodeErrResp({ error: "\u0080" }).subarray(8))).toBe("a2c280");
    const error = (length: number): string => toHex(encode.encodeErrResp({ error: "a".repeat(length) }).subarray(8, 13));
    expect([31, 32, 65535, 65536].map(error)).toEqual(["bf61616161", "da00206161", "daffff6161", "db00010000"]);
  });
});

describe("decoding", () => {
  const zeroPing = { seqNo: 0, node: "", sourceAddr: "", sourcePort: 0, sourceNode: "" };

  it.each([
    ["an empty map", "80", {}],
    ["nil for the map", "c0", {}],
    ["nil for each field", "82a55365714e6fc0a44e6f6465c0", {}],
    ["keys in another order", "82a55365714e6f05a44e6f6465a161", { seqNo: 5, node: "a" }],
    ["unknown keys", "83a358797a93c0c3cb3ff0000000000000a55365714e6f05a3416263c70301616161", { seqNo: 5 }],
    ["the last of two", "82a55365714e6f05a55365714e6f06", { seqNo: 6 }],
    [
      "str8, bin8, bin16, bin32",
      "83a44e6f6465d90161aa536f7572636541646472c4047f000001aa536f757263654e6f6465c500016e",
      {
        node: "a",
        sourceAddr: "127.0.0.1",
        sourceNode: "n",
      },
    ],
    ["a key of the bin family", "81c4055365714e6f07", { seqNo: 7 }],
    ["a key of bin16", "81c500055365714e6f07", { seqNo: 7 }],
    ["a key of bin32", "81c6000000055365714e6f07", { seqNo: 7 }],
    ["a key of str8", "81d9055365714e6f07", { seqNo: 7 }],
    ["a key of str16", "81da00055365714e6f07", { seqNo: 7 }],
    ["a key of str32", "81db000000055365714e6f07", { seqNo: 7 }],
    ["the longest short key, which is unknown", `82bf${"61".repeat(31)}c0a55365714e6f07`, { seqNo: 7 }],
    ["the shortest key, which is unknown", "82a0c0a55365714e6f07", { seqNo: 7 }],
    ["the largest short map", `8fa55365714e6f07${"a178c0".repeat(14)}`, { seqNo: 7 }],
    ["a number wider than it need be", "81a55365714e6fcf00000000ffffffff", { seqNo: 4294967295 }],
    ["a signed number", "81a55365714e6fd005", { seqNo: 5 }],
    ["a map16", "de0001a55365714e6f05", { seqNo: 5 }],
    ["a map32", "df00000001a55365714e6f05", { seqNo: 5 }],
    ["a name that is not UTF-8", "81a44e6f6465a2ff61", { node: "\udcffa" }],
  ])("takes %s", (_, hex, expected) => {
    expect(decode.decodePing(fromHex(hex))).toEqual({ ...zeroPing, ...expected });
  });

  it.each([
    ["an integer for the map", "05", "wrong_type"],
    ["a string for the map", "a161", "wrong_type"],
    ["an array for the map", "920501", "wrong_type"],
    ["text for a number", "81a55365714e6fa161", "wrong_type"],
    ["a boolean for a number", "81a55365714e6fc3", "wrong_type"],
    ["a fraction", "81a55365714e6fcb3ff8000000000000", "wrong_type"],
    ["a negative number", "81a55365714e6fff", "out_of_range"],
    ["over 32 bits", "81a55365714e6fcf0000000100000000", "out_of_range"],
    ["over 53 bits", "81a55365714e6fcfffffffffffffffff", "out_of_range"],
    ["a port over 16 bits", "81aa536f75726365506f7274ce00010000", "out_of_range"],
    ["a number for a name", "81a44e6f646505", "wrong_type"],
    ["an array for a name", "81a44e6f64659101", "wrong_type"],
    ["a key that is a number", "810505", "wrong_type"],
    ["a key that is nil", "81c005", "wrong_type"],
    ["a key that is an array", `819f${"05".repeat(16)}`, "wrong_type"],
    ["a key that is a boolean", "81c305", "wrong_type"],
    ["a key that is an extension", "81c7016161a0", "wrong_type"],
    ["a key that is the largest fixed extension", `81d861${"61".repeat(16)}a0`, "wrong_type"],
    ["a key that is a long array", "81dc000005", "wrong_type"],
    ["an array of the smallest form for the map", "90", "wrong_type"],
    ["a boolean for a number in a ping as it is usually written", "82a44e6f6465a161a55365714e6fc3", "wrong_type"],
    ["a map for a number in a ping as it is usually written", "82a44e6f6465a161a55365714e6f80", "wrong_type"],
    ["a timestamp that is cut off inside", "81a55365714e6fc701ff00", "malformed"],
    ["an address of 17 bytes", `81aa536f7572636541646472c411${"00".repeat(17)}`, "bad_address"],
    ["an address of 5 bytes", "81aa536f7572636541646472a50102030405", "bad_address"],
    ["what is not msgpack", "81a55365714e6fc1", "malformed"],
    ["arrays without end", `81a161${"91".repeat(200)}05`, "too_deep"],
    ["four billion entries", "dfffffffffa1", "malformed"],
    ["four billion bytes", "81a44e6f6465dbffffffff61", "truncated"],
  ])("refuses %s", (_, hex, reason) => {
    expect(reasonOf(() => decode.decodePing(fromHex(hex)))).toBe(reason);
  });

  it("accepts versions as byte strings and as arrays, also too few", () => {
    const versions = (hex: string): unknown => decode.decodeAlive(fromHex(`81a356736e${hex}`)).vsn;
    expect(versions("a6010502000000")).toEqual(vsn);
    expect(versions("c403010502")).toEqual([1, 5, 2]);
    expect(versions("93010203")).toEqual([1, 2, 3]);
    expect(versions("c0")).toEqual([]);
    expect(versions("92ccff00")).toEqual([255, 0]);
    expect(reasonOf(() => versions("91cd0100"))).toBe("wrong_type");
  });

  it("reads the first six versions, however many a message has", () => {
    const versions = (head: string, count: number): unknown =>
      decode.decodeAlive(fromHex(`81a356736e${head}010502000000${"07".repeat(count - 6)}`)).vsn;
    expect(versions("c5ffff", 0xffff)).toEqual(vsn);
    expect(versions("db00100000", 0x100000)).toEqual(vsn);
    expect(versions("dc00f0", 0xf0)).toEqual(vsn);
    // This one is scanned.
    const alive = { incarnation: 1, node: "n1", addr: "127.0.0.1", port: 7946, meta: none };
    const usual = encode.encodeAlive({ ...alive, vsn: [...vsn, ...new Uint8Array(60_000)] });
    expect(decode.decodeAlive(usual.subarray(1)).vsn).toEqual(vsn);
  });

  it("skips the values of unknown keys, of any type", () => {
    const unknown = `a3787878dc0020${"cb3ff0000000000000".repeat(32)}a95f5f70726f746f5f5f81a161c0a3787979c7020101ff`;
    expect(decode.decodePing(fromHex(`84${unknown}a55365714e6f05`))).toEqual({ ...zeroPing, seqNo: 5 });
    expect(decode.decodeAlive(fromHex(`84${unknown}a356736e93010203`)).vsn).toEqual([1, 2, 3]);
  });

  it("treats fields of other messages as unknown keys", () => {
    expect(decode.decodePing(fromHex("82a54e6f646573a161a55365714e6f05"))).toEqual({ ...zeroPing, seqNo: 5 });
    expect(decode.decodeNackResp(fromHex("82a44e6f646505a55365714e6f05"))).toEqual({ seqNo: 5 });
  });

  it("accepts numbers of any form, also in an array of versions", () => {
    const seqNo = (hex: string): number => decode.decodePing(fromHex(`81a55365714e6f${hex}`)).seqNo;
    expect(
      ["ca40a00000", "cb4014000000000000", "cc05", "cd0005", "ce00000005", "d10005", "d200000005", "d30000000000000005"].map(
        seqNo,
      ),
    ).toEqual(Array.from({ length: 8 }, () => 5));
    for (const hex of ["d0ff", "d1ffff", "d2ffffffff", "d3ffffffffffffffff", "cbc000000000000000"]) {
      expect([hex, reasonOf(() => seqNo(hex))]).toEqual([hex, "out_of_range"]);
    }
    expect(reasonOf(() => seqNo("cb7ff0000000000000"))).toBe("wrong_type");
    expect(decode.decodeAlive(fromHex("81a356736e94cc05cd0005d005cb4014000000000000")).vsn).toEqual([5, 5, 5, 5]);
    expect(decode.decodeAlive(fromHex("82a356736e9101a356736ea10a")).vsn).toEqual([10]);
    expect(decode.decodeAlive(fromHex("82a356736e93010203a44e6f6465a161"))).toMatchObject({ vsn: [1, 2, 3], node: "a" });
    for (const hex of ["91ff", "9190", "91a101", "91cb3ff8000000000000", "9201a101"]) {
      expect([hex, reasonOf(() => decode.decodeAlive(fromHex(`81a356736e${hex}`)))]).toEqual([hex, "wrong_type"]);
    }
  });

  it.each([
    ["a string for a number", () => decode.decodePing(fromHex("81a55365714e6fa161")), "SeqNo is not an integer"],
    ["a fraction", () => decode.decodePing(fromHex("81a55365714e6fcb3ff8000000000000")), "SeqNo is not an integer"],
    ["a string for a boolean", () => decode.decodeIndirectPing(fromHex("81a44e61636ba161")), "Nack is not a boolean"],
    ["a number for a boolean", () => decode.decodeIndirectPing(fromHex("81a44e61636b02")), "Nack is not a boolean"],
    ["a number for a string", () => decode.decodePing(fromHex("81a44e6f646505")), "Node is not a byte string"],
    ["a string among versions", () => decode.decodeAlive(fromHex("81a356736e9201a101")), "Vsn is not bytes"],
  ])("names the field and the valid values: %s", (_, decoded, message) => {
    expect(decoded).toThrow(expect.objectContaining({ reason: "wrong_type", message }));
  });

  it("accepts a key of any length, and rejects more values than a message can need", () => {
    const long = `da1388${"61".repeat(5_000)}`;
    expect(decode.decodePing(fromHex(`82${long}c0a55365714e6f05`)).seqNo).toBe(5);
    const wide = (entries: number): string =>
      `de${entries.toString(16).padStart(4, "0")}${"a16101".repeat(entries - 1)}a55365714e6f05`;
    expect(decode.decodePing(fromHex(wide(128))).seqNo).toBe(5);
    expect(reasonOf(() => decode.decodePing(fromHex(wide(129))))).toBe("malformed");
  });

  it("accepts 0 and 1 as booleans, as Go does", () => {
    const nack = (hex: string): boolean => decode.decodeIndirectPing(fromHex(`81a44e61636b${hex}`)).nack;
    expect(["c2", "c3", "00", "01", "c0"].map(nack)).toEqual([false, true, false, true, false]);
    for (const hex of ["a161", "02", "ff", "9100"]) expect([hex, reasonOf(() => nack(hex))]).toEqual([hex, "wrong_type"]);
    const usual = toHex(
      encode.encodeIndirectPing({
        seqNo: 9,
        target: "10.0.0.1",
        port: 7946,
        node: "",
        nack: true,
        sourceAddr: "",
        sourcePort: 0,
        sourceNode: "",
      }),
    ).slice(2);
    const withNack = (value: string): boolean => decode.decodeIndirectPing(fromHex(usual.replace("c3", value))).nack;
    expect(["c2", "c3", "00", "01"].map(withNack)).toEqual([false, true, false, true]);
    expect(reasonOf(() => withNack("02"))).toBe("wrong_type");
  });

  it("rejects a port over 16 bits in a message as it is usually written", () => {
    const usual = toHex(
      encode.encodeAlive({ incarnation: 1, node: "n1", addr: "127.0.0.1", port: 7946, meta: none, vsn }).subarray(1),
    );
    const withPort = (value: string): number => decode.decodeAlive(fromHex(usual.replace("cd1f0a", value))).port;
    expect([withPort("cdffff"), withPort("ce0000ffff")]).toEqual([65_535, 65_535]);
    expect(reasonOf(() => withPort("ce00010000"))).toBe("out_of_range");
    // Of a ping it is the last field.
    const ping = toHex(encode.encodePing({ seqNo: 1, node: "n", sourceAddr: "", sourcePort: 7946, sourceNode: "" }));
    expect(reasonOf(() => decode.decodePing(fromHex(ping.slice(2).replace("cd1f0a", "ce00010000"))))).toBe("out_of_range");
  });

  it("returns meta and payload as views of the body", () => {
    const body = encode.encodeAckResp({ seqNo: 1, payload: ascii("xy") }).subarray(1);
    expect(decode.decodeAckResp(body).payload.buffer).toBe(body.buffer);
    // An empty one keeps no packet in memory.
    const empty = encode.encodeAckResp({ seqNo: 1, payload: none }).subarray(1);
    expect(decode.decodeAckResp(empty).payload.buffer.byteLength).toBe(0);
  });
});

describe("a round trip", () => {
  const name = fc.string({ unit: "binary", maxLength: 80 });
  const ip = fc.oneof(fc.ipV4(), fc.constantFrom("::1", "2001:db8::1", "fe80::abcd:0"));
  const u32 = fc.nat(0xffffffff);
  const port = fc.nat(0xffff);

  it("preserves every ping", () => {
    const ping = fc.record({ seqNo: u32, node: name, sourceAddr: ip, sourcePort: port, sourceNode: name });
    fc.assert(
      fc.property(ping, (value) => {
        expect(decode.decodePing(encode.encodePing(value).subarray(1))).toEqual(value);
      }),
    );
  });

  it("preserves every alive message", () => {
    const versions = fc.array(fc.nat(255), { maxLength: 6 });
    const alive = fc.record({
      incarnation: u32,
      node: name,
      addr: ip,
      port,
      meta: fc.uint8Array({ maxLength: 512 }),
      vsn: versions,
    });
    fc.assert(
      fc.property(alive, (value) => {
        expect(decode.decodeAlive(encode.encodeAlive(value).subarray(1))).toEqual(value);
      }),
    );
  });

  it("preserves every dead message", () => {
    const dead = fc.record({ incarnation: u32, node: name, from: name });
    fc.assert(
      fc.property(dead, (value) => {
        expect(decode.decodeDead(encode.encodeDead(value).subarray(1))).toEqual(value);
      }),
    );
  });
});

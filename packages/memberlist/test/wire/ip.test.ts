import * as fc from "fast-check";
import ipaddr from "ipaddr.js";
import { afterEach, describe, expect, it, vi } from "vitest";
import { bytesToIp, isIpAt, isMappedAt, packIp, unpackIp, writeIp } from "../../src/wire/ip.ts";
import { fromHex, toHex } from "./hex.ts";
import { reasonOf } from "./reason.ts";

/** The bytes of a written address; none for "", which no writer passes. */
function ipToBytes(ip: string, isMapped?: boolean): Uint8Array {
  const bytes = new Uint8Array(30).fill(0xee);
  const size = ip === "" ? 0 : writeIp(ip, bytes, 2, isMapped);
  expect([...bytes.subarray(0, 2), ...bytes.subarray(2 + Math.max(size, 4), 30)].filter((byte) => byte !== 0xee)).toEqual([]);
  return bytes.slice(2, 2 + size);
}

describe("the memory of decoded addresses", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.resetModules();
  });

  it("makes the string of an address once, wherever it stands in a message", async () => {
    vi.resetModules();
    const fresh = await import("../../src/wire/ip.ts");
    const made = vi.spyOn(ipaddr.IPv6.prototype, "toRFC5952String");
    const all = Array.from({ length: 200 }, (_, i) => Uint8Array.of(0x20, 1, ...new Uint8Array(13), i));
    const first = all.map((bytes) => fresh.bytesToIp(bytes));
    expect(new Set(first).size).toBe(200);
    expect(made).toHaveBeenCalledTimes(200);
    const again = all.map((bytes, i) => fresh.bytesToIp(Uint8Array.of(i, i, ...bytes, i), 2, 16));
    expect(again).toEqual(first);
    // A few addresses may share a place.
    expect(made.mock.calls.length).toBeLessThan(220);
  });

  it("distinguishes addresses that share a place, of one length and of two", () => {
    const short = Uint8Array.of(10, 0, 0, 1);
    const wrong: string[] = [];
    const expectIp = (bytes: Uint8Array, ip: string): void => {
      if (bytesToIp(bytes) !== ip) wrong.push(ip);
    };
    for (let i = 1; i <= 10_000; i++) {
      expectIp(Uint8Array.of(10, 1, i >> 8, i), `10.1.${i >> 8}.${i & 0xff}`);
      // It begins as the short one does.
      expectIp(Uint8Array.of(...short, ...new Uint8Array(10), i >> 8, i), `a00:1::${i.toString(16)}`);
      expectIp(short, "10.0.0.1");
    }
    expect(wrong).toEqual([]);
  });
});

describe("the codec of IP addresses", () => {
  it.each([
    ["", ""],
    ["127.0.0.1", "7f000001"],
    ["255.255.255.255", "ffffffff"],
    ["::", "00000000000000000000000000000000"],
    ["::1", "00000000000000000000000000000001"],
    ["2001:db8::1", "20010db8000000000000000000000001"],
    ["2001:db8:0:1:1:1:1:1", "20010db8000000010001000100010001"],
    ["2001:db8::1:0:0:1", "20010db8000000000001000000000001"],
    ["fe80::abcd:0", "fe8000000000000000000000abcd0000"],
  ])("converts %j to %s and back", (ip, hex) => {
    expect(toHex(ipToBytes(ip))).toBe(hex);
    expect(bytesToIp(fromHex(hex))).toBe(ip);
  });

  it("reads other spellings, and writes an IPv4-mapped address as IPv4", () => {
    expect(toHex(ipToBytes("2001:DB8:0:0:0:0:0:1"))).toBe("20010db8000000000000000000000001");
    expect(toHex(ipToBytes("::ffff:10.1.2.3"))).toBe("0a010203");
    expect(bytesToIp(fromHex("00000000000000000000ffff0a010203"))).toBe("10.1.2.3");
  });

  it("writes IPv4 in 16 bytes on request, and distinguishes that form from IPv6", () => {
    const mapped = ipToBytes("10.1.2.3", true);
    expect(toHex(mapped)).toBe("00000000000000000000ffff0a010203");
    expect(bytesToIp(mapped)).toBe("10.1.2.3");
    expect(isMappedAt(mapped, 0, 16)).toBe(true);
    expect(toHex(ipToBytes("2001:db8::1", true))).toBe("20010db8000000000000000000000001");
    const zeros = "00".repeat(9);
    for (const other of ["", "0a010203", ...["000000", "01ffff", "00ff00", "0000ff"].map((form) => `${zeros}${form}0a010203`)]) {
      expect(isMappedAt(fromHex(other), 0, other.length / 2)).toBeUndefined();
    }
    // The bytes behind an address of four do not count.
    expect(isMappedAt(mapped, 0, 4)).toBeUndefined();
  });

  it("reads the address at an offset, up to the end of the bytes or to a given size", () => {
    const bytes = fromHex("0a000001 0a000002");
    expect([bytesToIp(bytes, 4), bytesToIp(bytes, 2, 4), bytesToIp(bytes, 8)]).toEqual(["10.0.0.2", "0.1.10.0", ""]);
  });

  it.each([1, 3, 5, 8, 15, 17])("refuses %i bytes", (length) => {
    expect(reasonOf(() => bytesToIp(new Uint8Array(length)))).toBe("bad_address");
  });

  it.each([
    "localhost",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.",
    "1..2.3",
    "1.2.3.4 ",
    ":::",
    "12345::",
    "0x7f.0.0.1",
    "1.2.3.;",
    "1/2/3/4",
  ])("refuses %j", (text) => {
    expect(reasonOf(() => ipToBytes(text))).toBe("invalid_address");
  });

  it("round-trips every address in its canonical form", () => {
    const zeroRuns = fc.array(fc.constantFrom(0, 0, 0, 1, 0xab), { minLength: 16, maxLength: 16 });
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      zeroRuns,
    );
    fc.assert(
      fc.property(bytes, (raw) => {
        const ip = bytesToIp(Uint8Array.from(raw));
        expect(bytesToIp(ipToBytes(ip))).toBe(ip);
        expect(ip).toBe(ip.toLowerCase());
        expect([...ipToBytes(ip)]).toEqual([...raw].slice(ip.includes(".") ? -4 : 0));
      }),
    );
  });

  it("packs IPv4 in its usual form into a number, and keeps all else", () => {
    const part = fc.oneof(fc.constantFrom("", "0", "00", "01", "9", "10", "255", "256", "1000"), fc.nat(255).map(String));
    fc.assert(
      fc.property(fc.array(part, { minLength: 3, maxLength: 5 }), (parts) => {
        const ip = parts.join(".");
        const isUsual = parts.length === 4 && parts.every((one) => /^(0|[1-9]\d{0,2})$/.test(one) && Number(one) < 256);
        expect([typeof packIp(ip), unpackIp(packIp(ip))]).toEqual([isUsual ? "number" : "string", ip]);
      }),
      { numRuns: 2_000 },
    );
    expect(packIp("10.0.0.1")).toBe(0x0a000001);
    for (const other of ["", "fd00::1", "::ffff:10.0.0.1", "10.0.0.1 ", "1/2/3/4", "1:2.3.4"]) expect(packIp(other)).toBe(other);
  });

  it("compares addresses without converting them to strings", () => {
    const part = fc.oneof(fc.constantFrom(0, 1, 9, 10, 19, 99, 100, 101, 110, 199, 200, 255), fc.nat(255));
    const ipv4 = fc.tuple(part, part, part, part).map((parts) => Uint8Array.from(parts));
    const address = fc.oneof({ weight: 4, arbitrary: ipv4 }, fc.uint8Array({ minLength: 16, maxLength: 16 }));
    fc.assert(
      fc.property(address, address, fc.nat(3), (one, other, at) => {
        const padded = Uint8Array.of(...new Uint8Array(at), ...one, 7);
        expect(isIpAt(padded, at, one.length, packIp(bytesToIp(one)))).toBe(true);
        expect(isIpAt(padded, at, one.length, packIp(bytesToIp(other)))).toBe(bytesToIp(one) === bytesToIp(other));
      }),
      { numRuns: 2_000 },
    );
    expect(isIpAt(Uint8Array.of(10, 0, 0, 1), 0, 4, packIp("10.0.0.10"))).toBe(false);
    expect(isIpAt(Uint8Array.of(10, 0, 0, 10), 0, 4, packIp("10.0.0.1"))).toBe(false);
    for (const other of ["", "10", "10,0.0.1", "10.0.0,1", "20.0.0.1", "11.0.0.1", "10.0.0.2"]) {
      expect([other, isIpAt(Uint8Array.of(10, 0, 0, 1), 0, 4, packIp(other))]).toEqual([other, false]);
    }
    for (const other of ["227.9.0.0", "117.9.0.0", "128.9.0.0", "127.8.0.0"]) {
      expect([other, isIpAt(Uint8Array.of(127, 9, 0, 0), 0, 4, packIp(other))]).toEqual([other, false]);
    }
    expect(isIpAt(new Uint8Array(4), 0, 4, packIp("fd00::1"))).toBe(false);
    expect(isIpAt(new Uint8Array(0), 0, 0, "")).toBe(true);
  });
});

import { isIP } from "node:net";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalIp, formatAddress, hostPort, isIp, parseAddress } from "../../src/api/address.ts";
import { MemberlistError } from "../../src/api/errors.ts";

describe("parseAddress", () => {
  it.each([
    ["1.2.3.4", "1.2.3.4:8301"],
    ["1.2.3.4:1234", "1.2.3.4:1234"],
    ["2600:1f14:e22:1501:f9a:2e0c:a167:67e8", "[2600:1f14:e22:1501:f9a:2e0c:a167:67e8]:8301"],
    ["[2600:1f14:e22:1501:f9a:2e0c:a167:67e8]", "[2600:1f14:e22:1501:f9a:2e0c:a167:67e8]:8301"],
    ["[2600:1f14:e22:1501:f9a:2e0c:a167:67e8]:1234", "[2600:1f14:e22:1501:f9a:2e0c:a167:67e8]:1234"],
    ["localhost", "localhost:8301"],
    ["localhost:1234", "localhost:1234"],
    ["hashicorp.com", "hashicorp.com:8301"],
    ["hashicorp.com:1234", "hashicorp.com:1234"],
    ["::1", "[::1]:8301"],
    ["::ffff:1.2.3.4", "1.2.3.4:8301"],
    ["[::FFFF:102:304]:1", "1.2.3.4:1"],
    ["[2001:DB8:0:0:0:0:0:1]:65535", "[2001:db8::1]:65535"],
    ["fe80::1%eth0", "[fe80::1%eth0]:8301"],
    ["[1.2.3.4]:5", "1.2.3.4:5"],
    ["under_score.local", "under_score.local:8301"],
  ])("completes %s to %s [Util_PortFunctions]", (text, whole) => {
    expect(formatAddress(parseAddress(text, 8301))).toBe(whole);
    expect(parseAddress(whole, 1)).toEqual(parseAddress(text, 8301));
  });

  const resolvable: [string, string, number][] = [
    ["localhost", "localhost", 7946],
    ["[::1]:80", "::1", 80],
    ["[::1]", "::1", 7946],
    ["localhost:80", "localhost", 80],
    ["127.0.0.1:80", "127.0.0.1", 80],
    ["[2001:db8:a0b:12f0::1]:80", "2001:db8:a0b:12f0::1", 80],
    ["127.0.0.1", "127.0.0.1", 7946],
    ["[2001:db8:a0b:12f0::1]", "2001:db8:a0b:12f0::1", 7946],
  ];
  it.each(resolvable)("reads %s, with and without a node name [ResolveAddr]", (text, host, port) => {
    expect(parseAddress(text, 7946)).toEqual({ host, port, name: "" });
    expect(parseAddress(`foo.bar/${text}`, 7946)).toEqual({ host, port, name: "foo.bar" });
  });

  it("leaves colons in the node name alone", () => {
    expect(parseAddress("zone:1:a/10.0.0.1", 7946)).toEqual({ host: "10.0.0.1", port: 7946, name: "zone:1:a" });
  });

  it.each([
    "",
    ":80",
    "foo.bar/:80",
    "foo.bar/",
    "/127.0.0.1:80",
    "/",
    "localhost:80000",
    "localhost:0",
    "localhost:",
    "localhost:-1",
    "localhost:+1",
    "localhost:http",
    "localhost: 1",
    "[::1]:",
    "[::1]80",
    "[::1",
    "[]:80",
    "[::1]]:80",
    "1::2::3",
    "a:b:c",
    "two words",
    "a/b/c",
    "line\nbreak",
    " localhost",
  ])("refuses %j [ResolveAddr]", (text) => {
    expect(() => parseAddress(text, 7946)).toThrow(
      expect.objectContaining({ code: "invalid_address", details: { address: text, reason: expect.any(String) } }),
    );
  });

  it("reads the output of formatAddress", () => {
    const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
    fc.assert(
      fc.property(host, fc.integer({ min: 1, max: 65_535 }), (given, port) => {
        const address = parseAddress(hostPort(given, port), 1);
        expect(address.port).toBe(port);
        expect(parseAddress(formatAddress(address), 1)).toEqual(address);
      }),
    );
  });

  it("throws invalid_address and no other error", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-f0-9:.[\]/%]*$/)), (text) => {
        const outcome = (): string => {
          try {
            return parseAddress(text, 7946).host === "" ? "an empty host" : "fine";
          } catch (error) {
            return error instanceof MemberlistError ? "fine" : String(error);
          }
        };
        expect(outcome()).toBe("fine");
      }),
      { numRuns: 500 },
    );
  });
});

describe("canonicalIp", () => {
  it.each([
    ["1.2.3.4", "1.2.3.4"],
    ["::ffff:1.2.3.4", "1.2.3.4"],
    ["0:0:0:0:0:FFFF:0102:0304", "1.2.3.4"],
    ["::1.2.3.4", "::102:304"],
    ["64:ff9b::1.2.3.4", "64:ff9b::102:304"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::", "::"],
    ["FE80::1%eth0", "fe80::1%eth0"],
  ])("turns %s into %s", (ip, canonical) => {
    expect(canonicalIp(ip)).toBe(canonical);
    expect(isIp(ip)).toBe(true);
  });

  it.each([
    "",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
    "01.2.3.4",
    "256.1.1.1",
    "1.2.3.4.5",
    "[::1]",
    "1.2.3.4:80",
    "12345::",
    "::ffff:1.2.3",
    "::ffff:01.2.3.4",
    "::ffff:256.2.3.4",
    "1.2.3.4\n",
  ])("does not take %j for a literal IP", (text) => {
    expect(canonicalIp(text)).toBeUndefined();
  });

  it("accepts every IP that Node accepts, and does not change a canonical IP", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (ip) => {
        expect(isIP(ip)).not.toBe(0);
        const canonical = canonicalIp(ip);
        expect(isIP(canonical ?? "")).not.toBe(0);
        expect(canonicalIp(canonical ?? "")).toBe(canonical);
      }),
      { numRuns: 500 },
    );
  });
});

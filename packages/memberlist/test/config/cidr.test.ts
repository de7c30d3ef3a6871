import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CidrAllowList, parseCidr, parseCidrs } from "../../src/config/cidr.ts";
import { lanConfig, wanConfig } from "../../src/config/defaults.ts";

const local = ["127.0.0.1", "127.0.0.5", "10.0.0.9", "172.16.0.7", "192.168.2.1", "fe80::aede:48ff:fe00:1122", "::1"];

describe("CidrAllowList", () => {
  it.each(local)("allows %s by default, on a LAN and a WAN [IsValidAddressDefaults]", (ip) => {
    for (const preset of [lanConfig(), wanConfig()]) {
      const list = new CidrAllowList(preset.cidrsAllowed);
      expect([list.restricts, list.allows(ip)]).toEqual([false, true]);
    }
  });

  it.each([
    [undefined, ["127.0.0.5", "10.0.0.9", "192.168.1.7", "::1"], []],
    [["0.0.0.0/0"], ["127.0.0.5", "10.0.0.9", "192.168.1.7"], ["fe80::38bc:4dff:fe62:b1ae", "::1"]],
    [["::0/0"], ["fe80::38bc:4dff:fe62:b1ae", "::1"], ["127.0.0.5", "10.0.0.9", "192.168.1.7"]],
    [
      ["::1/128", "127.0.0.0/8"],
      ["127.0.0.5", "::1"],
      ["::2", "178.250.0.187", "10.0.0.9", "192.168.1.7", "fe80::38bc:4dff:fe62:b1ae"],
    ],
    [["10.1.2.3/24"], ["10.1.2.0", "10.1.2.255"], ["10.1.1.255", "10.1.3.0"]],
    [
      ["10.0.0.0/31", "fd00::/9"],
      ["10.0.0.1", "fd7f:ffff::"],
      ["10.0.0.2", "fd80::", "fc00::"],
    ],
  ])("applies the list %j: allows %j and refuses %j [IsValidAddressOverride]", (cidrs, allowed, refused) => {
    const list = new CidrAllowList(cidrs);
    for (const ip of allowed) expect([ip, list.allows(ip)]).toEqual([ip, true]);
    for (const ip of refused) expect([ip, list.allows(ip)]).toEqual([ip, false]);
  });

  it("blocks every address when it is empty", () => {
    const list = new CidrAllowList([]);
    expect(list.restricts).toBe(true);
    for (const ip of local) expect(list.allows(ip)).toBe(false);
  });

  it("treats IPv4-mapped IPv6 as IPv4, in addresses and in networks", () => {
    expect(new CidrAllowList(["10.0.0.0/8"]).allows("::ffff:10.1.1.1")).toBe(true);
    expect(new CidrAllowList(["::/0"]).allows("::ffff:10.1.1.1")).toBe(false);
    const mapped = new CidrAllowList(["::ffff:10.0.0.0/104"]);
    expect([mapped.allows("10.255.0.1"), mapped.allows("11.0.0.1")]).toEqual([true, false]);
  });

  it("refuses strings that are not IPs, and ignores a zone", () => {
    const list = new CidrAllowList(["0.0.0.0/0", "fe80::/10"]);
    expect([list.allows("localhost"), list.allows(""), list.allows("fe80::1%eth0")]).toEqual([false, false, true]);
    expect(new CidrAllowList(undefined).allows("localhost")).toBe(true);
  });

  it("allows an address only if its first bits are the network's", () => {
    const ip = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    const dotted = (n: number): string => [24, 16, 8, 0].map((shift) => (n >>> shift) & 255).join(".");
    fc.assert(
      fc.property(ip, ip, fc.integer({ min: 0, max: 32 }), (network, address, bits) => {
        const same =
          network.toString(2).padStart(32, "0").slice(0, bits) === address.toString(2).padStart(32, "0").slice(0, bits);
        expect(new CidrAllowList([`${dotted(network)}/${bits}`]).allows(dotted(address))).toBe(same);
      }),
    );
  });
});

describe("parseCidrs", () => {
  it.each([
    "",
    "10.0.0.0",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10/8",
    "10.0.0.0/8/8",
    "::/129",
    "::ffff:10.0.0.0/95",
    "fe80::%eth0/64",
    "x/8",
    "x/10.0.0.0/8",
    "eth0%10.0.0.0/8",
  ])("refuses %j", (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  it("names every wrong entry", () => {
    expect(() => parseCidrs(["x", "10.0.0.0/8", "y/1"])).toThrow(
      expect.objectContaining({ code: "invalid_argument", message: 'not a CIDR: "x", "y/1"', details: { cidrs: ["x", "y/1"] } }),
    );
    expect(parseCidrs([" 10.0.0.0/8", "::/0 "]).map(({ bits }) => bits)).toEqual([8, 0]);
  });
});

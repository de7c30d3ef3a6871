import { describe, expect, it } from "vitest";
import { firstNameServer } from "../../src/transport-kit/name-server.ts";

describe("firstNameServer", () => {
  it.each([
    ["nameserver 10.0.0.1", { host: "10.0.0.1", port: 53 }],
    ["; x\n# y\n  nameserver\t10.0.0.1:5300 # z\nnameserver 10.0.0.2", { host: "10.0.0.1", port: 5300 }],
    ["nameserver ::1", { host: "::1", port: 53 }],
    ["nameserver [::1]:5353\r\n", { host: "::1", port: 5353 }],
    ["nameserver [::1]", { host: "::1", port: 53 }],
    ["nameserver dns.local:53", { host: "dns.local", port: 53 }],
    ["nameservers 10.0.0.1\nnameserver", undefined],
    ["", undefined],
  ])("reads %j", (config, expected) => {
    expect(firstNameServer(config)).toEqual(expected);
  });

  it.each(["nameserver 10.0.0.1:0", "nameserver 10.0.0.1:70000", "nameserver ::1:x"])("refuses %j", (config) => {
    expect(() => firstNameServer(config)).toThrow(/not understood/);
  });
});

import { describe, expect, it } from "vitest";
import { firstNameServer, nameServers, searchedNames } from "../../src/transport-kit/name-server.ts";

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

describe("nameServers", () => {
  it("reads all, in their order", () => {
    expect([...nameServers("nameserver 10.0.0.1\nsearch a\nnameserver ::1\n")].map(({ host }) => host)).toEqual([
      "10.0.0.1",
      "::1",
    ]);
  });
});

describe("searchedNames", () => {
  it.each([
    ["db", "nameserver 10.0.0.1\n", ["db."]],
    ["db", "search ns.svc.test svc.test\noptions ndots:5\n", ["db.", "db.ns.svc.test.", "db.svc.test."]],
    ["db.pool", "search  svc.test.\n", ["db.pool.", "db.pool.svc.test."]],
    ["db", "search a b\nsearch c .\n", ["db.", "db.c."]],
    ["db", "search a b\ndomain c d\n", ["db.", "db.c."]],
    ["db.", "search a\n", ["db."]],
    ["db", "# search a\nsearches b\nsearch\n", ["db."]],
  ])("lists the names that the system may ask for: %j with %j", (host, config, names) => {
    expect(searchedNames(host, config)).toEqual(names);
  });
});

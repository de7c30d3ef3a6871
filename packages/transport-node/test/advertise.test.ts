import type { NetworkInterfaceInfo } from "node:os";
import { describe, expect, it } from "vitest";
import { chooseAdvertiseAddress, defaultRoute, planBind, type HostInterfaces } from "@memberlist/core/internal";
import { NodeTransport } from "../src/node-transport.ts";

function host(addresses: Record<string, string[]>, preferred?: string): HostInterfaces {
  const info = (address: string): NetworkInterfaceInfo => ({
    address,
    family: "IPv4",
    netmask: "255.255.255.0",
    mac: "00:00:00:00:00:00",
    internal: address === "127.0.0.1" || address === "::1",
    cidr: null,
  });
  return {
    list: () => Object.fromEntries(Object.entries(addresses).map(([name, list]) => [name, list.map(info)])),
    defaultInterface: () => Promise.resolve(preferred),
  };
}

function choose(bind: string[], machine: HostInterfaces, addr = "", port = 0): Promise<{ addr: string; port: number }> {
  return chooseAdvertiseAddress({ addr, port, bound: planBind(bind), boundPort: 7946, host: machine });
}

const nothing = host({});

describe("[AdvertiseAddr] a transport with a configured address", () => {
  it.each([
    ["10.1.2.3", "10.1.2.3"],
    ["203.0.113.9", "203.0.113.9"],
    ["::ffff:10.1.2.3", "10.1.2.3"],
    ["FD00:0:0::0001", "fd00::1"],
  ])("takes %s as %s", async (addr, expected) => {
    expect(await choose(["0.0.0.0"], nothing, addr)).toEqual({ addr: expected, port: 7946 });
  });

  it.each(["web-1.example", "10.1", "10.0.0.1:80", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255"])(
    "refuses %s as an advertise address",
    async (addr) => {
      await expect(choose(["0.0.0.0"], nothing, addr)).rejects.toMatchObject({
        code: "advertise_address_failed",
        details: { addr },
      });
    },
  );

  it("advertises it with the configured port, otherwise with the bound port", async () => {
    expect(await choose(["127.0.0.1"], nothing, "10.1.2.3", 8000)).toEqual({ addr: "10.1.2.3", port: 8000 });
    expect(await choose(["127.0.0.1"], nothing, "", 8000)).toEqual({ addr: "127.0.0.1", port: 8000 });
  });
});

describe("a transport without a configured address", () => {
  it("advertises the first bound address", async () => {
    expect(await choose(["192.0.2.7", "::1"], nothing)).toEqual({ addr: "192.0.2.7", port: 7946 });
    expect((await choose(["::1"], nothing)).addr).toBe("::1");
  });

  it.each([
    ["RFC 1918", "10.0.0.5"],
    ["RFC 1918", "172.31.255.1"],
    ["RFC 1918", "192.168.1.1"],
    ["RFC 6598", "100.64.0.1"],
    ["RFC 2544", "198.19.0.1"],
  ])("finds a private address on 0.0.0.0: %s, %s", async (_, address) => {
    const machine = host({ lo: ["127.0.0.1"], eth0: ["8.8.8.8", "169.254.1.1", "fd00::1", address] });
    expect((await choose(["0.0.0.0"], machine)).addr).toBe(address);
  });

  it("prefers the interface of the default route", async () => {
    const machine = host({ docker0: ["172.17.0.1"], eth0: ["10.0.0.5"] }, "eth0");
    expect((await choose(["0.0.0.0"], machine)).addr).toBe("10.0.0.5");
    expect((await choose(["0.0.0.0"], host({ docker0: ["172.17.0.1"], eth0: ["10.0.0.5"] }))).addr).toBe("172.17.0.1");
  });

  it("prefers a unique local address on ::, and advertises IPv4 only if it is dual stack", async () => {
    expect((await choose(["::"], host({ eth0: ["10.0.0.5", "fd00::5"] }))).addr).toBe("fd00::5");
    expect((await choose(["::"], host({ eth0: ["10.0.0.5", "fe80::5"] }))).addr).toBe("10.0.0.5");
    expect((await choose(["0.0.0.0", "::"], host({ eth0: ["fd00::5"] }))).addr).toBe("fd00::5");
    await expect(choose(["::", "127.0.0.1"], host({ eth0: ["10.0.0.5"] }))).rejects.toMatchObject({
      code: "advertise_address_failed",
    });
  });

  it("lists each candidate with its cause in the error if none is private", async () => {
    const machine = host({ lo: ["127.0.0.1"], eth0: ["8.8.8.8", "fe80::1", "fd00::1"], odd0: ["192.0.2.1"] });
    const failure = await choose(["0.0.0.0"], machine).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: "advertise_address_failed",
      details: {
        candidates: [
          { interface: "lo", address: "127.0.0.1", reason: "loopback" },
          { interface: "eth0", address: "8.8.8.8", reason: "public" },
          { interface: "eth0", address: "fe80::1", reason: "link-local" },
          { interface: "eth0", address: "fd00::1", reason: "IPv6, which is not bound" },
          { interface: "odd0", address: "192.0.2.1", reason: "not private: reserved" },
        ],
      },
    });
    expect((failure as Error).message).toContain("eth0 8.8.8.8 (public)");
    expect((failure as Error).message).toContain("set advertiseAddr (or MEMBERLIST_ADVERTISE)");
    await expect(choose(["0.0.0.0"], nothing)).rejects.toThrow(/Candidates: none/);
  });

  it("uses its own port and interfaces", async () => {
    const transport = await NodeTransport.create({
      bindAddrs: ["0.0.0.0"],
      bindPort: 0,
      hostInterfaces: host({ eth0: ["10.9.8.7"] }),
    });
    expect(await transport.finalAdvertiseAddr("", 0)).toEqual({ addr: "10.9.8.7", port: transport.bindPort });
    expect(await transport.finalAdvertiseAddr("127.0.0.1", 9000)).toEqual({ addr: "127.0.0.1", port: 9000 });
    expect([transport.hasAddress("10.9.8.7"), transport.hasAddress("10.9.8.8")]).toEqual([true, false]);
    await transport.shutdown();
  });
});

describe("hasAddress", () => {
  it("knows the addresses of the real interfaces", async () => {
    const transport = await NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0 });
    expect([transport.hasAddress("127.0.0.1"), transport.hasAddress("203.0.113.9")]).toEqual([true, false]);
    await transport.shutdown();
  });

  it("returns undefined where the interfaces cannot be listed", async () => {
    const hidden = {
      ...host({}),
      list: () => {
        throw new Error("not permitted");
      },
    };
    const transport = await NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0, hostInterfaces: hidden });
    expect(transport.hasAddress("127.0.0.1")).toBeUndefined();
    await transport.shutdown();
  });
});

describe("defaultRoute", () => {
  const header = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT";
  const route = (name: string, destination: string, metric: number, mask: string): string =>
    [name, destination, "0100000A", "0003", "0", "0", metric, mask, "0", "0", "0"].join("\t");

  it("returns the interface with the lowest metric", () => {
    const table = [header, route("docker0", "000011AC", 0, "0000FFFF"), route("wlan0", "00000000", 600, "00000000")];
    expect(defaultRoute([...table, route("eth0", "00000000", 100, "00000000"), ""].join("\n"))).toBe("eth0");
    expect(defaultRoute(table.join("\n"))).toBe("wlan0");
  });

  it("returns undefined without a default route", () => {
    expect(defaultRoute(header)).toBeUndefined();
    expect(defaultRoute([header, route("tun0", "00000000", 0, "00000080")].join("\n"))).toBeUndefined();
    expect(defaultRoute("")).toBeUndefined();
  });
});

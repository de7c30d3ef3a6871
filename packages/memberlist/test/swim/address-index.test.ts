import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AddressIndex } from "../../src/swim/address-index.ts";
import { packIp, type PackedIp } from "../../src/wire/ip.ts";

describe("the index of addresses", () => {
  it.each([packIp("10.0.0.1"), "fd00::1"])("keeps the address %j until its last member is removed", (host) => {
    const index = new AddressIndex();
    const places = (): boolean[] => [7946, 80, 81].map((port) => index.has(host, port));
    index.add(host, 7946);
    index.add(host, 7946);
    index.add(host, 80);
    index.delete(host, 7946);
    expect(places()).toEqual([true, true, false]);
    index.delete(host, 7946);
    index.delete(host, 80);
    index.delete(host, 81);
    expect(places()).toEqual([false, false, false]);
  });

  it("agrees with a list of all members after any additions and removals", () => {
    // As many as make the tables grow, and a few, most of which are there twice.
    const number = fc.oneof(fc.nat(150), fc.nat(2));
    const host = fc.oneof(
      { weight: 6, arbitrary: number.map((i) => packIp(`10.0.0.${i}`)) },
      number.map((i) => packIp(`200.${i}.0.1`)),
      fc.constantFrom("fd00::1", "fd00::2"),
    );
    const address = fc.tuple(host, fc.constantFrom(1, 2, 65_535));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), address), { minLength: 1, maxLength: 400, size: "max" }), (steps) => {
        const index = new AddressIndex();
        const counts = new Map<string, number>();
        const seen = new Map<string, readonly [PackedIp, number]>();
        const wrong: string[] = [];
        const check = (name: string): void => {
          const [at, port] = seen.get(name) as readonly [PackedIp, number];
          if (index.has(at, port) !== (counts.get(name) ?? 0) > 0) wrong.push(name);
        };
        for (const [kind, [at, port]] of steps) {
          const name = `${at} ${port}`;
          const count = counts.get(name) ?? 0;
          seen.set(name, [at, port]);
          check(name);
          if (kind > 0) index.add(at, port);
          else index.delete(at, port);
          counts.set(name, kind > 0 ? count + 1 : Math.max(0, count - 1));
          check(name);
        }
        for (const name of seen.keys()) check(name);
        for (const [name, [at, port]] of seen) {
          for (let left = counts.get(name) ?? 0; left > 0; left--) index.delete(at, port);
          counts.set(name, 0);
          for (const other of seen.keys()) check(other);
        }
        expect(wrong).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});

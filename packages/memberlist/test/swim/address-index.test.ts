import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AddressIndex } from "../../src/swim/address-index.ts";

describe("the index of addresses", () => {
  it("keeps an address until its last member is removed", () => {
    const index = new AddressIndex();
    index.add("10.0.0.1", 7946);
    index.add("10.0.0.1", 7946);
    index.add("10.0.0.1", 80);
    index.delete("10.0.0.1", 7946);
    expect([index.has("10.0.0.1", 7946), index.has("10.0.0.1", 80), index.has("10.0.0.1", 81)]).toEqual([true, true, false]);
    index.delete("10.0.0.1", 7946);
    index.delete("10.0.0.1", 80);
    expect([index.has("10.0.0.1", 7946), index.has("10.0.0.1", 80)]).toEqual([false, false]);
  });

  it("agrees with a list of all members after any additions and removals", () => {
    const address = fc.tuple(fc.constantFrom("10.0.0.1", "10.0.0.2", "fd00::1"), fc.constantFrom(1, 2, 3));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), address), { maxLength: 60 }), (steps) => {
        const index = new AddressIndex();
        const members: (readonly [string, number])[] = [];
        for (const [isAdded, [host, port]] of steps) {
          const at = members.findIndex((member) => member[0] === host && member[1] === port);
          if (isAdded) {
            members.push([host, port]);
            index.add(host, port);
          } else if (at >= 0) {
            members.splice(at, 1);
            index.delete(host, port);
          }
          for (const addr of ["10.0.0.1", "10.0.0.2", "fd00::1"]) {
            for (const p of [1, 2, 3])
              expect(index.has(addr, p)).toBe(members.some((member) => member[0] === addr && member[1] === p));
          }
        }
      }),
    );
  });
});

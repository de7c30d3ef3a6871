import { describe, expect, it } from "vitest";
import { failuresOf } from "../src/attacks/verdict.ts";
import type { Outcome } from "../src/attacks/measure.ts";

const well: Outcome = {
  cost: { packets: 100, streams: 0, bytes: 100, reflected: 400 },
  seconds: 10,
  pings: { sent: 500, answered: 500, latest: 20 },
  unread: 0,
  joined: 20,
  suspected: 0,
  cpu: 100,
  memory: 128,
  stall: { wall: 5, cpu: 5 },
  quietSaves: 0,
  refusals: 32,
  counters: {},
};
const failures = (change: Partial<Outcome>, maxMemory?: number): string[] => failuresOf({ maxMemory }, { ...well, ...change });

describe("an attack", () => {
  it("counts as harmless for a member that did its work within the bounds", () => {
    expect(failures({})).toEqual([]);
    expect(failures({ memory: 300 }, 300)).toEqual([]);
  });

  it.each<[string, Partial<Outcome>, RegExp]>([
    ["a join failed", { joined: 19 }, /1 of 20 joins/],
    ["it was suspected", { suspected: 1 }, /suspected 1 times/],
    ["an ack was late", { pings: { sent: 500, answered: 500, latest: 501 } }, /ack came after 501 ms/],
    [
      "it answered more than four times a packet at somebody else's address",
      { cost: { ...well.cost, reflected: 401 } },
      /sent 401 packets/,
    ],
    ["its memory grew too much", { memory: 129 }, /grew by 129 MiB/],
    ["strangers made it write its store", { quietSaves: 1 }, /write its store 1 times/],
    ["it remembers too many strangers", { refusals: 33 }, /33 refusals/],
    ["a ping was not answered", { pings: { sent: 500, answered: 499, latest: 20 } }, /1 of 500 pings were not answered/],
  ])("counts as harmful when %s", (_, change, failure) => {
    expect(failures(change)).toEqual([expect.stringMatching(failure)]);
  });

  describe("in whose flood the kernel throws packets away", () => {
    const flood = { cost: { ...well.cost, packets: 99_500 }, unread: 20_000 };

    it("allows the watcher to lose twice its share of them", () => {
      expect(failures({ ...flood, pings: { sent: 500, answered: 300, latest: 20 } })).toEqual([]);
      expect(failures({ ...flood, pings: { sent: 500, answered: 299, latest: 20 } })).toEqual([
        expect.stringMatching(/201 of 500/),
      ]);
    });

    it("needs a quarter of the pings answered, however many packets are thrown away", () => {
      const most = { ...flood, unread: 90_000 };
      expect(failures({ ...most, pings: { sent: 500, answered: 125, latest: 20 } })).toEqual([]);
      expect(failures({ ...most, pings: { sent: 500, answered: 124, latest: 20 } })).toEqual([
        expect.stringMatching(/only 124 of 500/),
      ]);
      expect(failures({ ...most, pings: { sent: 500, answered: 0, latest: 0 } })).toEqual([
        expect.stringMatching(/only 0 of 500/),
      ]);
      expect(failures({ pings: { sent: 0, answered: 0, latest: 0 } })).toEqual([expect.stringMatching(/only 0 of 0/)]);
    });
  });
});

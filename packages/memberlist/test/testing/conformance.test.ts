import { describe, expect, it } from "vitest";
import { transportConformance, VirtualClock } from "../../src/testing/index.ts";
import { brokenPackets } from "./broken-packets.ts";
import { brokenStreams } from "./broken-streams.ts";
import { memoryHarness, pending } from "./conformance-support.ts";

describe("the memory transport conforms", () => {
  it.each(transportConformance(memoryHarness()))("$name", async ({ notApplicable, run }) => {
    expect(notApplicable).toBeUndefined();
    await expect(run()).resolves.toBeUndefined();
  });
});

const broken = { ...brokenPackets, ...brokenStreams };

describe("the conformance suite", () => {
  it("finds a broken transport for each of its cases", () => {
    expect(Object.keys(broken)).toEqual(transportConformance(memoryHarness()).map(({ name }) => name));
  });

  for (const [name, proofs] of Object.entries(broken)) {
    for (const [spoil, mend] of proofs) {
      it(`reports in the case "${name}": ${mend.source}`, async () => {
        const clock = new VirtualClock();
        const found = transportConformance(memoryHarness(spoil, clock)).find((each) => each.name === name);
        await expect(clock.settle(found!.run())).rejects.toThrow(mend);
      });
    }
  }

  it("reports a shutdown that never ends, in any case", async () => {
    const clock = new VirtualClock();
    const [first] = transportConformance(memoryHarness(() => ({ shutdown: () => pending() }), clock));
    await expect(clock.settle(first!.run())).rejects.toThrow(/shutdown: its promise never resolved/);
  });
});

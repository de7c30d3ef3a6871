import { describe, expect, it } from "vitest";
import { LostNodes, lostNodesMax, RetrySchedule } from "../../src/swim/healing.ts";
import { NodeRecord } from "../../src/swim/node-record.ts";
import { SeededRandom } from "../../src/testing/seeded-random.ts";

function record(name: string): NodeRecord {
  return new NodeRecord(name, "10.0.0.1", 7946, new Uint8Array(0), 0);
}

describe("the list of members that died", () => {
  it("stays bounded, and its sample keeps old and recent members", () => {
    const lost = new LostNodes(new SeededRandom(1));
    for (let i = 0; i < 4 * lostNodesMax; i++) lost.add(record(`n${i}`), i);
    expect(lost.size).toBe(lostNodesMax);
    const times = [...lost.all()].map(({ lostAt }) => lostAt);
    expect(times.filter((at) => at < 2 * lostNodesMax).length).toBeGreaterThan(50);
    expect(times.filter((at) => at >= 3 * lostNodesMax).length).toBeGreaterThan(500);
  });

  it("forgets members by age, and starts over when they die again", () => {
    const lost = new LostNodes(new SeededRandom(1));
    for (let i = 0; i < 10; i++) lost.add(record(`n${i}`), i);
    lost.add(record("n0"), 10);
    lost.expire(5);
    expect([...lost.all()].map(({ name }) => name).toSorted()).toEqual(["n0", "n5", "n6", "n7", "n8", "n9"]);
  });
});

describe("a member that is found again", () => {
  it("makes room, and is never the one that is dropped", () => {
    const lost = new LostNodes(new SeededRandom(2));
    for (let i = 0; i < lostNodesMax; i++) lost.add(record(`n${i}`), i);
    for (let i = 0; i < lostNodesMax; i += 2) lost.delete(`n${i}`);
    for (let i = 0; i < lostNodesMax / 2; i++) lost.add(record(`m${i}`), i);
    expect(lost.size).toBe(lostNodesMax);
    const rest = new Set([...lost.all()].map(({ name }) => name));
    expect(rest.size).toBe(lostNodesMax);
    expect([...rest].filter((name) => name.startsWith("m")).length).toBe(lostNodesMax / 2);
    lost.add(record("one-too-many"), 0);
    expect([lost.size, lost.get("one-too-many")?.name]).toEqual([lostNodesMax, "one-too-many"]);
  });
});

describe("a retry", () => {
  it("falls due at the next tick, and then at every second and every fourth", () => {
    const schedule = new RetrySchedule();
    const due: number[] = [];
    for (let tick = 0; tick < 16; tick++) {
      if (!schedule.isDue(tick * 100)) continue;
      due.push(tick);
      schedule.tried(tick === 11, tick * 100, 100);
    }
    expect(due).toEqual([0, 2, 6, 10, 14]);
    schedule.tried(true, 0, 100);
    expect([schedule.isDue(49), schedule.isDue(50)]).toEqual([false, true]);
  });
});

import { describe, expect, it } from "vitest";
import type { QueueFullPolicy } from "../../src/index.ts";
import { userOverhead } from "../../src/swim/user-broadcasts.ts";
import { ascii } from "../wire/hex.ts";
import { EngineHarness, type HarnessOptions } from "./engine-harness.ts";

function started(options: HarnessOptions = {}): EngineHarness {
  const node = new EngineHarness(options).start();
  node.takeEvents();
  return node;
}

function full(whenFull: QueueFullPolicy): EngineHarness {
  const node = started({ config: { broadcastQueue: { maxCount: 2, whenFull } } });
  for (const text of ["a", "bb"]) expect(node.engine.broadcast(ascii(text), undefined)).toBe(true);
  return node;
}

/** What the next packet takes in so many bytes, without the byte of the message type. */
function taken(node: EngineHarness, limit: number): string[] {
  return node.engine.gossip.userBroadcasts.take(limit).map((message) => String.fromCharCode(...message.subarray(1)));
}

describe("a full queue of user broadcasts", () => {
  it.each<[QueueFullPolicy, string, boolean, string[]]>([
    ["dropOldest", "oldest", true, ["bb", "ccc"]],
    ["dropMostSent", "most_sent", true, ["a", "ccc"]],
    ["dropNewest", "newest", false, ["a", "bb"]],
  ])("reports lost broadcasts: %s", (whenFull, lost, isTaken, left) => {
    const node = full(whenFull);
    expect(node.engine.broadcast(ascii("ccc"), undefined)).toBe(isTaken);
    expect(node.count(`broadcast_dropped.${lost}`)).toBe(1);
    expect(node.logged("queue_full")).toMatchObject([{ level: "warn" }]);
    const bytes = left.join("").length;
    expect(node.takeEvents()).toEqual([{ type: "queue_full", policy: whenFull, count: 2, bytes, suppressed: 0 }]);
    expect(taken(node, 1_000).toSorted()).toEqual(left);
  });

  it("reports a refusal, which throws and changes nothing; a message that is too long is not one", () => {
    const node = full("reject");
    expect(() => node.engine.broadcast(ascii("ccc"), undefined)).toThrow(expect.objectContaining({ code: "queue_full" }));
    expect(node.count("broadcast_dropped.rejected")).toBe(1);
    expect(node.takeEvents()).toEqual([{ type: "queue_full", policy: "reject", count: 2, bytes: 3, suppressed: 0 }]);
    const tooLong = new Uint8Array(node.engine.maxPayload + 1);
    expect(() => node.engine.broadcast(tooLong, undefined)).toThrow(expect.objectContaining({ code: "message_too_large" }));
    expect(node.count("broadcast_dropped.rejected")).toBe(1);
    expect(node.takeEvents()).toEqual([]);
    expect(taken(node, 1_000).toSorted()).toEqual(["a", "bb"]);
  });

  it("causes ten reports at once, and then one with the number of those left out", () => {
    const node = full("dropNewest");
    for (let i = 0; i < 30; i++) node.engine.broadcast(ascii("ccc"), undefined);
    expect(node.takeEvents()).toHaveLength(10);
    node.jump(1_000);
    node.run(() => node.engine.broadcast(ascii("ccc"), undefined));
    expect(node.takeEvents()).toMatchObject([{ type: "queue_full", suppressed: 20 }]);
    expect(node.count("broadcast_dropped.newest")).toBe(31);
  });
});

describe("a user broadcast in the queue", () => {
  it("leaves the queue once no packet can hold it, which is counted and logged", () => {
    let layerOverhead = 0;
    const node = started({ layerOverhead: () => layerOverhead });
    const before = node.engine.maxPayload;
    node.engine.broadcast(new Uint8Array(before), undefined);
    layerOverhead = 10;
    expect(node.engine.maxPayload).toBe(before - 10);
    expect(taken(node, 2_000)).toEqual([]);
    expect(node.count("broadcast_dropped.too_long")).toBe(1);
    const fields = { size: before, limit: before - 10 };
    expect(node.logged("broadcast_too_long")).toMatchObject([{ level: "warn", fields }]);
    expect(node.takeEvents()).toEqual([]);
  });

  it("stands beside others without a name, and gives way to one of the same name", () => {
    const node = started();
    for (const [text, name] of [["a"], ["b"], ["old", "x"], ["new", "x"]]) node.engine.broadcast(ascii(text ?? ""), name);
    expect(taken(node, 1_000).toSorted()).toEqual(["a", "b", "new"]);
  });

  it("keeps its own copy: the application may go on writing to its message", () => {
    const node = started();
    const message = ascii("before");
    node.engine.broadcast(message, undefined);
    message.fill(0);
    expect(taken(node, 1_000)).toEqual(["before"]);
  });
});

describe("a packet filled by the queue and the delegate", () => {
  it("begins with either in turn, and the second gets the room that the first leaves", () => {
    const rooms: number[] = [];
    const getBroadcasts = (overhead: number, limit: number): Uint8Array[] => {
      expect(overhead).toBe(userOverhead);
      rooms.push(limit);
      return limit >= overhead + 2 ? [ascii("dd")] : [];
    };
    const node = started({ delegates: { hasBroadcasts: true, getBroadcasts }, config: { retransmitMult: 100 } });
    node.engine.broadcast(ascii("qqq"), undefined);
    expect(taken(node, 100)).toEqual(["qqq", "dd"]);
    expect(taken(node, 100)).toEqual(["dd", "qqq"]);
    expect(rooms).toEqual([100 - userOverhead - 3, 100]);
    // Room for one of them alone.
    const enough = userOverhead + 3;
    rooms.length = 0;
    expect([taken(node, enough), taken(node, enough)]).toEqual([["qqq"], ["dd"]]);
    expect(rooms).toEqual([enough]);
    // One byte of room behind the first is asked for, no room is not.
    rooms.length = 0;
    expect(taken(node, enough + userOverhead)).toEqual(["qqq"]);
    expect(rooms).toEqual([]);
    expect(taken(node, enough + userOverhead)).toEqual(["dd"]);
    expect(taken(node, enough + userOverhead + 1)).toEqual(["qqq"]);
    expect(rooms).toEqual([enough + userOverhead, userOverhead + 1]);
  });

  it("asks neither for less than the overhead of a message", () => {
    let asked = 0;
    const getBroadcasts = (): Uint8Array[] => {
      asked++;
      return [];
    };
    const node = started({ delegates: { hasBroadcasts: true, getBroadcasts } });
    // Each of them would be the first in one of two packets.
    for (let i = 0; i < 2; i++) expect(taken(node, userOverhead)).toEqual([]);
    expect(asked).toBe(0);
    expect(taken(node, userOverhead + 1)).toEqual([]);
    expect(asked).toBe(1);
  });
});

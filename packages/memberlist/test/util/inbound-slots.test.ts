import { describe, expect, it } from "vitest";
import { InboundSlots, type InboundSlot } from "../../src/util/inbound-slots.ts";

/** Slots by name, and the names of those that had to make room, in order. */
function bench(maxInboundStreams: number, maxInboundStreamsPerPeer: number) {
  const slots = new InboundSlots({
    limits: { maxInboundStreams, maxInboundStreamsPerPeer },
    inAll: "maxInboundStreams",
    perHost: "maxInboundStreamsPerPeer",
  });
  const cut: string[] = [];
  /** One of the host that the name begins with. */
  const enter = (name: string): InboundSlot => {
    const slot = slots.enter(name.charAt(0), () => cut.push(name));
    if (typeof slot === "string") throw new Error(slot);
    return slot;
  };
  return { slots, cut, enter };
}

describe("InboundSlots", () => {
  it("refuses a host at its limit, by the limit's name, and lets it in again once one has left", () => {
    const { enter, cut } = bench(10, 2);
    const first = enter("a1");
    enter("a2");
    expect(() => enter("a3")).toThrow("maxInboundStreamsPerPeer");
    enter("b1");
    first.leave();
    enter("a4");
    expect(cut).toEqual([]);
  });

  it("cuts the oldest lingering slot of a host at its limit, and no other host's", () => {
    const { enter, cut, slots } = bench(10, 2);
    enter("b1").linger();
    const [first, second] = [enter("a1"), enter("a2")];
    second.linger();
    first.linger();
    enter("a3");
    enter("a4");
    expect(cut).toEqual(["a2", "a1"]);
    expect(() => enter("a5")).toThrow("maxInboundStreamsPerPeer");
    expect(slots.taken).toBe(3);
  });

  it("makes room by the oldest lingering slot of the host with the most lingering ones", () => {
    const { enter, cut } = bench(4, 4);
    enter("b1").linger();
    for (const name of ["a1", "a2"]) enter(name).linger();
    enter("a3");
    enter("c1");
    enter("c2");
    expect(cut).toEqual(["a1", "b1"]);
  });

  it("makes room by the host with the most slots: unproven ones first, and the oldest of them", () => {
    const { enter, cut } = bench(4, 4);
    enter("a1").prove();
    enter("a2");
    enter("a3");
    enter("a4").prove();
    enter("b1");
    enter("c1");
    expect(cut).toEqual(["a2", "a3"]);
  });

  it("takes a proven slot where the greedy host has no other", () => {
    const { enter, cut } = bench(3, 3);
    for (const name of ["a1", "a2", "a3"]) enter(name).prove();
    enter("b1");
    expect(cut).toEqual(["a1"]);
  });

  it("refuses a newcomer that would have as many as the host that had to give one up", () => {
    const { enter, cut } = bench(5, 5);
    for (const name of ["a1", "a2", "a3", "b1", "b2"]) enter(name);
    expect(() => enter("b3")).toThrow("maxInboundStreams");
    expect(() => enter("a4")).toThrow("maxInboundStreams");
    enter("c1");
    expect(cut).toEqual(["a1"]);
    expect(() => enter("d1")).not.toThrow();
    expect(cut).toEqual(["a1", "a2"]);
  });

  it("counts each slot once, however often it leaves, and after a cut, too", () => {
    const { enter, slots } = bench(2, 2);
    const first = enter("a1");
    first.linger();
    enter("a2");
    enter("a3");
    first.prove();
    first.linger();
    first.leave();
    first.leave();
    expect(slots.taken).toBe(2);
  });

  it("keeps a slot for a fresh host while one host holds two", () => {
    const { enter, slots } = bench(64, 16);
    for (let host = 0; host < 4; host++) for (let i = 0; i < 16; i++) enter(String.fromCharCode(97 + host));
    for (let i = 0; i < 60; i++) enter(String.fromCharCode(200 + i));
    expect(slots.taken).toBe(64);
  });
});

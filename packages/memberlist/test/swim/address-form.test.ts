import { describe, expect, it } from "vitest";
import { encodeAlive } from "../../src/wire/messages/encode.ts";
import { encodePushPull, decodePushNode } from "../../src/wire/messages/push-pull.ts";
import { EngineHarness, mergeAll } from "./engine-harness.ts";
import { alive, dead, type Message, type MessageOf } from "./messages.ts";

const mapped = (incarnation: number): MessageOf<"alive"> => alive("n2", { incarnation, isMapped: true });
const short = (incarnation: number): MessageOf<"alive"> => alive("n2", { incarnation });

function started(): EngineHarness {
  const node = new EngineHarness().start();
  node.takeBroadcasts();
  node.takeEvents();
  return node;
}

/** The form of n2's address in the state that a push/pull sends. */
function formOf(node: EngineHarness): true | undefined {
  return node.engine.pushPull.localState().find(({ name }) => name === "n2")?.isMapped;
}

/** The re-broadcast messages, by which a Go peer sees the bytes. */
function aliveMessages(messages: readonly Message[]): MessageOf<"alive">[] {
  return messages.filter((message) => message.kind === "alive");
}

describe("an IPv4 address of 16 bytes", () => {
  it("keeps its 16 bytes when it is gossiped, and shows as plain IPv4", () => {
    const node = started();
    node.deliver(mapped(1));
    expect(node.node("n2")).toMatchObject({ addr: "127.0.0.2", state: "alive" });
    const [message] = aliveMessages(node.takeBroadcasts());
    expect(message).toEqual(mapped(1));
    expect(Buffer.from(encodeAlive(message as never)).toString("hex")).toContain(`b0${"00".repeat(10)}ffff7f000002`);
  });

  it("keeps its 16 bytes in push/pulls, from any source", () => {
    const byGossip = started();
    byGossip.deliver(mapped(1));
    const byPushPull = started();
    byPushPull.run(() => mergeAll(byPushPull.engine, byGossip.engine.pushPull.localState(), false));
    for (const node of [byGossip, byPushPull]) {
      const state = node.engine.pushPull.localState().find(({ name }) => name === "n2");
      expect(state).toMatchObject({ addr: "127.0.0.2", isMapped: true });
      const head = encodePushPull(false, [], new Uint8Array(0)).length;
      expect(decodePushNode(encodePushPull(false, [state as never], new Uint8Array(0)).slice(head))).toEqual(state);
    }
  });

  it("equals its 4-byte form: no conflict, and no change at the same incarnation", () => {
    for (const [first, second] of [
      [mapped, short],
      [short, mapped],
    ] as const) {
      const node = started();
      node.deliver(first(1));
      node.takeBroadcasts();
      node.takeEvents();
      for (let i = 0; i < 3; i++) node.deliver(second(1));
      expect(node.count("dropped.name_conflict")).toBe(0);
      expect(node.takeEvents()).toEqual([]);
      expect(node.takeBroadcasts()).toEqual([]);
      expect(formOf(node)).toBe(first(1).isMapped);
    }
  });

  it("changes its form with the next incarnation, and keeps it through death and new metadata", () => {
    const node = started();
    node.deliver(short(1));
    expect(formOf(node)).toBeUndefined();
    node.deliver(mapped(2));
    expect(formOf(node)).toBe(true);
    node.deliver(dead("n2", 2));
    expect(formOf(node)).toBe(true);
    node.deliver({ ...mapped(3), meta: Uint8Array.of(1) });
    expect(formOf(node)).toBe(true);
    node.deliver(short(4));
    expect(formOf(node)).toBeUndefined();
  });

  it("leaves this node's advertised form unchanged when peers send the other form", () => {
    const node = started();
    node.deliver(alive("n1", { incarnation: 6, isMapped: true }));
    const [refutation] = aliveMessages(node.takeBroadcasts());
    expect(refutation).toMatchObject({ node: "n1", incarnation: 7 });
    expect(refutation?.isMapped).toBeUndefined();
    expect(node.count("dropped.name_conflict")).toBe(0);
  });
});

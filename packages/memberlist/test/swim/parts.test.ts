import { describe, expect, it } from "vitest";
import { Outputs } from "../../src/swim/outputs.ts";
import { AckHandlers } from "../../src/swim/ack-handlers.ts";
import { DroppedMessages } from "../../src/swim/dropped-messages.ts";
import { TimerQueue } from "../../src/swim/timers.ts";
import { makeCompound } from "../../src/wire/compound.ts";
import type { PushNodeState } from "../../src/wire/messages/types.ts";
import type { EngineLog, EngineStats } from "../../src/swim/ports.ts";
import { EngineHarness, stranger, verifyProtocol } from "./engine-harness.ts";
import { alive, encodeMessage, hostOf } from "./messages.ts";

it("ignores an extension for an unknown sequence number", () => {
  const timers = new TimerQueue();
  const acks = new AckHandlers(timers);
  acks.postpone(5, 100);
  expect([acks.size, timers.nextAt()]).toEqual([0, undefined]);
});

describe("the report of dropped messages", () => {
  it("covers only messages that failed to decode: any other error is rethrown", () => {
    const dropped = new DroppedMessages({} as EngineLog, {} as EngineStats);
    expect(() => dropped.addError(new TypeError("a fault of ours"), 1, stranger)).toThrow("a fault of ours");
  });

  it("counts none if none was dropped", () => {
    const node = new EngineHarness();
    node.deliver(makeCompound([alive("n2"), alive("n3")].map((message) => encodeMessage(message))));
    expect([...node.counters.keys()].filter((name) => name.startsWith("dropped."))).toEqual([]);
  });

  it("contains their count and the first one's error", () => {
    const node = new EngineHarness();
    node.deliver(Uint8Array.of(99));
    node.deliver(makeCompound([Uint8Array.of(99), Uint8Array.of(98)]));
    const [one, two] = node.logged("message_dropped").map(({ message }) => message);
    expect(one).toContain("message type 99 is not supported");
    expect(one).not.toMatch(/ 1 /);
    expect(two).toMatch(/ 2 messages.*message type 99 is not supported/);
  });
});

describe("verifyProtocol", () => {
  function remote(name: string, vsn: readonly number[]): PushNodeState {
    return { name, addr: hostOf(name), port: 7946, meta: new Uint8Array(0), incarnation: 1, state: 0, vsn };
  }

  it("refuses a delegate version above any live node's maximum", () => {
    const range = (min: number, max: number, current: number): readonly number[] => [1, 5, 2, min, max, current];
    const check = (...nodes: readonly (readonly number[])[]): (() => void) => {
      return () =>
        verifyProtocol(
          nodes.map((vsn, i) => remote(`n${i + 2}`, vsn)),
          [],
        );
    };
    expect(check(range(0, 1, 1), range(0, 3, 1))).not.toThrow();
    expect(check(range(0, 1, 1), range(0, 3, 2))).toThrow(/delegate/);
    expect(check(range(0, 3, 2), range(0, 1, 1))).toThrow(/delegate/);
  });

  it("names the accepted versions and the settings to change", () => {
    const messageOf = (...all: readonly (readonly number[])[]): unknown => {
      try {
        verifyProtocol(
          all.map((vsn, i) => remote(`n${i + 2}`, vsn)),
          [],
        );
      } catch (error) {
        return (error as Error).message;
      }
      return undefined;
    };
    expect(messageOf([1, 3, 3, 0, 0, 0], [1, 5, 5, 0, 0, 0])).toMatch(
      /n3 speaks protocol version 5.* 1 to 3 .*Set protocolVersion$/,
    );
    expect(messageOf([1, 2, 2, 0, 0, 0], [2, 5, 5, 0, 0, 0])).toMatch(/n3 speaks protocol version 5.* 2 to 2 /);
    expect(messageOf([1, 2, 2, 0, 0, 0], [3, 5, 5, 0, 0, 0])).toMatch(/n2 speaks protocol version 2, and no version is accepted/);
    const delegate = messageOf([1, 5, 2, 0, 1, 1], [1, 5, 2, 0, 3, 2]);
    expect(delegate).toMatch(/n3 speaks delegate protocol version 2.* 0 to 1 .*delegateProtocolMin.*delegateProtocolVersion$/);
  });
});

describe("Outputs", () => {
  it("starts without actions and events", () => {
    expect(new Outputs()).toEqual({ actions: [], events: [] });
  });
});

import { expect, it } from "vitest";
import type { Channel } from "@memberlist/core";
import { VirtualClock } from "@memberlist/core/testing";
import { noCounts } from "../src/counters.ts";
import { MessageLog } from "../src/message-log.ts";
import type { TopicsMember } from "../src/options.ts";
import { Repair } from "../src/repair.ts";
import { RetainedValues } from "../src/retained.ts";

it("sends one answer at a time to each member, and to at most eight members", async () => {
  const sent: string[] = [];
  const streams: (() => void)[] = [];
  const sendReliable = ({ name }: { name: string }): Promise<void> => {
    sent.push(name);
    return new Promise((resolve) => streams.push(resolve));
  };
  const config = { name: "self", clock: new VirtualClock() };
  const member = { config, get: (name: string) => ({ name, state: "alive" }) } as unknown as TopicsMember;
  const counters = noCounts();
  const log = new MessageLog({ own: 0, retention: 60_000, maxStoredBytes: 1_000, counters, deliver: () => undefined });
  const message = { origin: 1, sender: "web-1", sequence: 1, floor: 1, age: 0, version: 0, topic: "prices" };
  log.add({ ...message, payload: new Uint8Array(10) }, 0);
  const channel = (): Channel => ({ sendReliable }) as unknown as Channel;
  const repair = new Repair({ member, channel, log, retained: new RetainedValues(1, 1_000), counters });
  const ask = (name: string): Promise<void> =>
    repair.answer(name, { type: "pull", ranges: [{ origin: 1, from: 1, to: 1 }], retained: [] });
  const [first, ...others] = ["a", "a", "b", "c", "d", "e", "f", "g", "h", "i"].map(ask);
  expect(sent.join("")).toBe("abcdefgh");
  streams[0]?.();
  await first;
  others.push(ask("a"));
  expect(sent.at(-1)).toBe("a");
  for (const end of streams) end();
  await Promise.all(others);
  expect(counters.repairs).toBe(9);
});

import { expect, it } from "vitest";
import type { Channel } from "@memberlist/core";
import { VirtualClock } from "@memberlist/core/testing";
import { Sender } from "../src/sender.ts";

/** A channel whose streams end when they are released. */
function channel(): { readonly channel: Channel; readonly open: (() => void)[]; readonly sent: number[] } {
  const open: (() => void)[] = [];
  const sent: number[] = [];
  const sendReliable = (_: unknown, message: Uint8Array): Promise<void> => {
    sent.push(message[0] ?? -1);
    return new Promise((resolve) => open.push(resolve));
  };
  return { channel: { sendReliable, maxPayload: () => 3 } as unknown as Channel, open, sent };
}

it("opens at most maxStreams streams at once, the oldest frame first, and none for a frame that its sender has cancelled", async () => {
  const { channel: one, open, sent } = channel();
  const sender = new Sender(() => one, new VirtualClock(), 2);
  const stop = new AbortController();
  const never = new AbortController();
  const send = (i: number, signal: AbortSignal): Promise<boolean> =>
    sender.sendStream("to", () => Uint8Array.of(i), 1_000, signal);
  const all = [0, 1, 2, 3, 4].map((i) => send(i, i === 2 ? stop.signal : never.signal));
  expect(sent).toEqual([0, 1]);
  stop.abort();
  open.shift()?.();
  await all[2];
  await Promise.resolve();
  expect(sent).toEqual([0, 1, 3]);
  for (const release of open.splice(0)) release();
  await all[3];
  expect(sent).toEqual([0, 1, 3, 4]);
  for (const release of open.splice(0)) release();
  await Promise.all(all);
  const last = send(5, never.signal);
  expect(sent.at(-1)).toBe(5);
  open[0]?.();
  await last;
});

it("sends frames that fit into a packet of the channel as packets", () => {
  const sender = new Sender(() => channel().channel, new VirtualClock(), 1);
  expect([new Uint8Array(3), new Uint8Array(4)].map((frame) => sender.isShort(frame))).toEqual([true, false]);
});

it("sends nothing for a frame whose time is over when a stream becomes free", async () => {
  const { channel: one, open, sent } = channel();
  const clock = new VirtualClock();
  const sender = new Sender(() => one, clock, 1);
  const { signal } = new AbortController();
  const first = sender.sendStream("to", () => Uint8Array.of(1), 1_000, signal);
  const second = sender.sendStream("to", () => Uint8Array.of(2), 1_000, signal);
  await clock.advance(1_000);
  open[0]?.();
  expect(await Promise.all([first, second])).toEqual([true, false]);
  expect(sent).toEqual([1]);
});

it("ends the wait for a stream at its deadline or by its signal, while all streams are in use", async () => {
  const { channel: one, sent } = channel();
  const clock = new VirtualClock();
  const sender = new Sender(() => one, clock, 1);
  const [never, stop] = [new AbortController(), new AbortController()];
  const ended: [number, boolean][] = [];
  const send = (i: number, until: number, { signal }: AbortController): void =>
    void sender.sendStream("to", () => Uint8Array.of(i), until, signal).then((isSent) => ended.push([i, isSent]));
  send(1, 5_000, never);
  send(2, 1_000, never);
  send(3, 5_000, stop);
  await clock.advance(1_000);
  expect(ended).toEqual([[2, false]]);
  stop.abort();
  await clock.advance(0);
  expect(ended).toEqual([
    [2, false],
    [3, false],
  ]);
  expect([sent, clock.pending]).toEqual([[1], 0]);
});

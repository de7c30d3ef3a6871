import { expect, it } from "vitest";
import { VirtualClock } from "../../src/testing/index.ts";
import type { MessageBlock } from "../../src/thread/message-block.ts";
import { OutgoingMessages } from "../../src/thread/outgoing-messages.ts";
import { shared } from "../../src/thread/thread-messages.ts";

const to = { host: "10.0.0.1", port: 7946, name: "b" };

it("asks for a pause before the blocks of small messages take much more memory than 1 MiB", () => {
  const posted: MessageBlock[] = [];
  const outgoing = new OutgoingMessages({
    clock: new VirtualClock(),
    memory: new Int32Array(new SharedArrayBuffer(shared.bytes)),
    post: (blocks) => posted.push(...structuredClone(blocks, { transfer: blocks.map(({ bytes }) => bytes) })) > 0,
    onDropped: () => expect.unreachable(),
  });
  while (posted.length < 100_000 && outgoing.add(new Uint8Array(10), to, false)) outgoing.flush();
  const taken = posted.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  expect(posted.length).toBeGreaterThan(100);
  expect(posted.length).toBeLessThan(10_000);
  expect(taken).toBeLessThan(2 * 1024 * 1024);
});

it("does not ask for a pause on behalf of a thread that has ended", () => {
  const memory = new Int32Array(new SharedArrayBuffer(shared.bytes));
  const outgoing = new OutgoingMessages({
    clock: new VirtualClock(),
    memory,
    post: () => true,
    onDropped: () => expect.unreachable(),
  });
  Atomics.store(memory, shared.isCongested, 1);
  expect(outgoing.add(new Uint8Array(10), to, false)).toBe(false);
  outgoing.forget();
  expect(outgoing.add(new Uint8Array(10), to, false)).toBe(true);
});

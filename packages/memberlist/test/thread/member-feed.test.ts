import { expect, it } from "vitest";
import { localConfig } from "../../src/index.ts";
import { createInstrumented } from "../../src/memberlist.ts";
import { MemoryNetwork, SeededRandom, VirtualClock } from "../../src/testing/index.ts";
import { MemberFeed } from "../../src/thread/member-feed.ts";
import { MessageBlockReader } from "../../src/thread/message-block.ts";
import { shared, type FeedMessage } from "../../src/thread/thread-messages.ts";

const from = { host: "10.0.0.7", port: 7946, name: "" };

/** How many messages a feed has. */
function countOf({ items }: FeedMessage): number {
  return items.reduce((sum, item) => sum + (item.type === "messages" ? item.block.count : 0), 0);
}

/** Handles one feed, as the application does. */
function handle(feed: MemberFeed, memory: Int32Array): void {
  Atomics.add(memory, shared.handledFeeds, 1);
  if (Atomics.exchange(memory, shared.feedWaits, 0) === 1) feed.handled();
}

it("posts the rest of many messages as soon as the application has handled the first of them", async () => {
  const posted: FeedMessage[] = [];
  const memory = new Int32Array(new SharedArrayBuffer(shared.bytes));
  const feed = new MemberFeed({ post: (message) => posted.push(message as FeedMessage), listen: () => undefined });
  feed.share(memory);
  for (let i = 0; i < 3_000; i++) feed.message(new Uint8Array([1]), from);
  await Promise.resolve();
  expect(posted.map(countOf)).toEqual([1_024]);
  for (let handled = 0; handled < posted.length; handled++) handle(feed, memory);
  expect(posted.map(countOf)).toEqual([1_024, 1_024, 952]);
});

it("posts a message at once, and those that come until the application has handled it in the next feed", async () => {
  const clock = new VirtualClock();
  const random = new SeededRandom(1);
  const posted: FeedMessage[] = [];
  let handles = true;
  const memory = new Int32Array(new SharedArrayBuffer(shared.bytes));
  const feed = new MemberFeed({
    post: (message) => {
      posted.push(message as FeedMessage);
      if (handles) clock.defer(() => handle(feed, memory));
    },
    listen: () => undefined,
  });
  feed.share(memory);
  const counts = (): number[] => posted.map(countOf);
  const transport = new MemoryNetwork({ clock, random }).transport();
  const config = { ...localConfig(), name: "a", transport, clock, random, probeInterval: 0, pushPullInterval: 0 };
  const member = await createInstrumented(config, { onMember: (local) => feed.attach(local) });
  feed.started();
  await clock.advance(1_000);
  handles = false;
  posted.length = 0;

  feed.message(new Uint8Array([0]), from);
  await clock.advance(0);
  expect(counts()).toEqual([1]);
  for (let i = 1; i <= 9; i++) feed.message(new Uint8Array([i]), from);
  feed.reply(1, undefined, undefined);
  await clock.advance(1_000);
  expect(counts()).toEqual([1]);
  handle(feed, memory);
  expect(counts()).toEqual([1, 9]);
  expect(posted.at(-1)?.items.map(({ type }) => type)).toEqual(["messages", "reply"]);
  feed.end();
  await member.shutdown();
});

it("keeps parts of packets in order with other messages, drops and counts those beyond its limits", async () => {
  const clock = new VirtualClock();
  const random = new SeededRandom(1);
  const posted: FeedMessage[] = [];
  const memory = new Int32Array(new SharedArrayBuffer(shared.bytes));
  const feed = new MemberFeed({ post: (message) => posted.push(message as FeedMessage), listen: () => undefined });
  feed.share(memory);
  const transport = new MemoryNetwork({ clock, random }).transport();
  const config = { ...localConfig(), name: "a", transport, clock, random, probeInterval: 0, pushPullInterval: 0 };
  const member = await createInstrumented(config, { onMember: (local) => feed.attach(local) });
  feed.started();
  await clock.advance(1_000);
  let handledFeeds = 0;
  const handleAll = (): void => {
    for (; handledFeeds < posted.length; handledFeeds++) handle(feed, memory);
  };
  handleAll();
  // The application does not handle this one.
  feed.event({ type: "refute", node: member.localNode(), from: "b", at: 0 });
  await clock.advance(1_000);
  const first = posted.length;
  expect(first).toBe(handledFeeds + 1);
  const packet = new Uint8Array(10_001);
  for (let i = 0; i < 10_000; i++) packet[i] = i;
  for (let i = 0; i < 7_000; i++) {
    for (let j = 0; j < 10; j++) feed.part(packet, i, i + 2, from);
    if (i % 1_000 === 0) feed.message(Uint8Array.of(i / 1_000), from);
  }
  expect(member.counters()).toEqual({ "dropped.application_slow": 70_000 + 7 - 65_536 });
  handleAll();
  expect(posted.reduce((sum, one) => sum + countOf(one), 0)).toBe(65_536);
  const received: number[] = [];
  for (const { items } of posted.slice(first)) {
    for (const item of items) {
      if (item.type !== "messages") continue;
      for (const reader = new MessageBlockReader(item.block); !reader.isAtEnd;)
        reader.next((message) => received.push(message[0] ?? -1));
    }
  }
  const expected: number[] = [];
  for (let i = 0; i < 7_000; i++) {
    for (let j = 0; j < 10; j++) expected.push((i + 1) % 256);
    if (i % 1_000 === 0) expected.push(i / 1_000);
  }
  expect(received).toEqual(expected.slice(0, 65_536));

  packet.fill(0);
  for (let i = 0; i < 1_000; i++) feed.message(new Uint8Array(60_000), from);
  expect(member.counters()["dropped.application_slow"]).toBe(
    70_000 + 7 - 65_536 + 1_000 - Math.floor((32 * 1024 * 1024) / 60_001),
  );
  feed.end();
  await member.shutdown();
});

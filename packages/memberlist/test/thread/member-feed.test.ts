import { expect, it } from "vitest";
import { localConfig } from "../../src/index.ts";
import { createInstrumented } from "../../src/memberlist.ts";
import { MemoryNetwork, SeededRandom, VirtualClock } from "../../src/testing/index.ts";
import { MemberFeed } from "../../src/thread/member-feed.ts";
import { shared, type FeedMessage } from "../../src/thread/thread-messages.ts";

const from = { host: "10.0.0.7", port: 7946, name: "" };

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
  expect(posted.map(({ block }) => block?.count)).toEqual([1_024]);
  for (let handled = 0; handled < posted.length; handled++) handle(feed, memory);
  expect(posted.map(({ block }) => block?.count)).toEqual([1_024, 1_024, 952]);
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
  const counts = (): (number | undefined)[] => posted.map(({ block }) => block?.count);
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

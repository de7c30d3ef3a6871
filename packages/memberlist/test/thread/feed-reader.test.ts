import { expect, it } from "vitest";
import { lanConfig, type MemberEvent, type Node } from "../../src/index.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { createLog } from "../../src/ports/log.ts";
import { Delegates } from "../../src/runtime/delegates.ts";
import { RecentEvents } from "../../src/runtime/recent-events.ts";
import { Stats } from "../../src/runtime/stats.ts";
import { VirtualClock } from "../../src/testing/index.ts";
import { FeedReader } from "../../src/thread/feed-reader.ts";
import { MemberMirror } from "../../src/thread/member-mirror.ts";
import type { FeedItem, FeedMessage } from "../../src/thread/thread-messages.ts";

const b = { name: "b", addr: "10.0.0.2", port: 7946, meta: new Uint8Array(), state: "alive", incarnation: 1 };
const versions = { pMin: 1, pMax: 5, pCur: 2, dMin: 0, dMax: 0, dCur: 0 };
const node = { ...b, ...versions } as Node;
const join: FeedItem = { type: "event", event: { type: "join", node, at: 0 } };

/** @returns a reader whose clock can be blocked: its timers then fire late */
function reader(): {
  readonly clock: VirtualClock;
  readonly feed: FeedReader;
  readonly events: string[];
  readonly block: (ms: number) => void;
} {
  const clock = new VirtualClock();
  let blocked = 0;
  const late: Clock = {
    now: () => clock.now() + blocked,
    wallTime: () => clock.wallTime() + blocked,
    setTimeout: (callback, delay) => clock.setTimeout(callback, delay),
    clearTimeout: (timer) => clock.clearTimeout(timer),
    defer: (callback) => clock.defer(callback),
  };
  const config = resolveConfig({ ...lanConfig(), name: "a", clock: late });
  const log = createLog(config);
  const stats = new Stats({ clock: late, log });
  const events: string[] = [];
  const publish = (event: MemberEvent): void => void events.push(event.type);
  const feed = new FeedReader({
    config,
    log,
    stats,
    publish,
    mirror: new MemberMirror(late),
    delegates: new Delegates(config, log, stats),
    recent: new RecentEvents(),
    isStopped: false,
    setNumbers: () => undefined,
    reply: () => undefined,
    handled: () => undefined,
  });
  return { clock, feed, events, block: (ms) => (blocked += ms) };
}

function feedOf(...items: FeedItem[]): FeedMessage {
  return { type: "feed", nodes: [{ name: "b", info: node }], items, numbers: undefined, metrics: [] };
}

it("reports members as dead that a new thread has not found within 30 s", async () => {
  const { clock, feed, events } = reader();
  feed.read(feedOf(join));
  feed.restart();
  await clock.advance(29_000);
  expect(events).toEqual(["join"]);
  await clock.advance(2_000);
  expect(events).toEqual(["join", "leave"]);
});

it("reads the waiting feeds first if the application was blocked for longer", async () => {
  const { clock, feed, events, block } = reader();
  feed.read(feedOf(join));
  feed.restart();
  await clock.advance(1_000);
  block(40_000);
  await clock.advance(30_000);
  feed.read(feedOf(join));
  await clock.advance(60_000);
  expect(events).toEqual(["join"]);
});

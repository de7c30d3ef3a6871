import { describe, expect, it } from "vitest";
import { describeEvent } from "../src/describe-event.ts";
import type { NodeRef, StatusEvent } from "../src/index.ts";
import { formatBytes, formatDuration, readable } from "../src/readable.ts";

describe("readable", () => {
  it("escapes invisible characters and those that change the order of text", () => {
    expect(readable("a\tb\n\u202ec\u2066\u200b\u2028\0")).toBe("a\\u{9}b\\u{a}\\u{202e}c\\u{2066}\\u{200b}\\u{2028}\\u{0}");
    expect(readable("grün 😀 日本")).toBe("grün 😀 日本");
    expect(readable("half \ud83d")).toBe("half \\u{d83d}");
  });

  it("cuts long strings between characters", () => {
    expect(readable("x".repeat(201))).toBe(`${"x".repeat(200)}…`);
    expect(readable("x".repeat(200))).toBe("x".repeat(200));
    expect(readable("😀".repeat(300), 3)).toBe("😀😀😀…");
  });
});

it.each([
  [0, "0 ms"],
  [0.354, "0.35 ms"],
  [42.4, "42 ms"],
  [1_500, "1.5 s"],
  [59_000, "59 s"],
  [60_000, "1 m"],
  [61_000, "1 m 1 s"],
  [3_600_000 * 25, "1 d 1 h"],
  [86_400_000 * 3 + 60_000, "3 d"],
])("shows %d ms as %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

it.each([
  [0, "0 B"],
  [999, "999 B"],
  [1_234, "1.23 kB"],
  [52_428_800, "52.4 MB"],
  [1e18, "1000000 TB"],
])("shows %d bytes as %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

describe("describeEvent", () => {
  const node: NodeRef = { name: "web-2", address: "10.0.0.2:7946", state: "alive", incarnation: 1 };
  const at = 0;
  const failed = {
    code: "probe_failed",
    direct: "no_ack",
    indirect: ["web-3", "web-4"],
    nacks: 1,
    nacksExpected: 2,
    stream: "failed",
    elapsed: 1,
    rtt: 1,
  } as const;
  const died = {
    code: "suspicion_timeout",
    suspicion: failed,
    accusers: ["a", "b"],
    confirmationsWanted: 2,
    suspectFor: 3_120,
  } as const;

  it.each<[StatusEvent, string, string]>([
    [{ type: "join", node, at }, "good", "web-2 joined at 10.0.0.2:7946"],
    [{ type: "leave", node, cause: { code: "left" }, at }, "plain", "web-2 left"],
    [
      { type: "leave", node, cause: { code: "declared_dead", from: "web-9", suspicion: undefined }, at },
      "bad",
      "web-2 is dead: web-9 declared it dead",
    ],
    [
      { type: "leave", node, cause: died, at },
      "bad",
      "web-2 is dead: it did not refute within 3.1 s; suspected by a, b; no ack to a ping, nor through web-3, web-4 (1 of 2 sent a nack), nor over a stream",
    ],
    [{ type: "update", node, at }, "plain", "web-2 changed its metadata"],
    [
      {
        type: "suspect",
        node,
        from: "web-1",
        cause: { ...failed, indirect: [], direct: "send_failed", stream: "not_tried" },
        at,
      },
      "warn",
      "web-2 is suspect: the ping could not be sent",
    ],
    [
      { type: "suspect", node, from: "web-1", cause: { code: "accused", from: "web-1" }, at },
      "warn",
      "web-2 is suspect: web-1 could not reach it",
    ],
    [
      { type: "suspect", node, from: "web-1", cause: { code: "push_pull", state: "dead" }, at },
      "warn",
      "web-2 is suspect: the peer of a push/pull has it as dead",
    ],
    [{ type: "alive", node, at }, "good", "web-2 is alive: it refuted the suspicion"],
    [{ type: "refute", node, from: "web-1", at }, "warn", "this node refuted a suspicion of web-1"],
    [{ type: "refute", node, from: "", at }, "warn", "this node refuted an outdated message about itself"],
    [
      { type: "conflict", node, other: { ...node, address: "10.0.0.9:7946" }, suppressed: 3, at },
      "bad",
      "10.0.0.9:7946 uses the name web-2 of 10.0.0.2:7946 (and 3 more)",
    ],
    [{ type: "event_loop_blocked", node, late: 800, at }, "warn", "the event loop was blocked: timers fired 800 ms late"],
    [
      { type: "address_lost", node, address: "10.0.0.2:7946", at },
      "bad",
      "the machine has lost the advertised address 10.0.0.2:7946: other members cannot reach this node",
    ],
    [
      { type: "isolated", lost: 1, seeds: 2, tried: [], at },
      "bad",
      "isolated: no other member is alive; trying 1 dead member and 2 seeds",
    ],
    [{ type: "healed", members: 3, tried: [], at }, "good", "healed: another member found this node; 3 members"],
    [
      { type: "healed", members: 1, tried: [], via: { node: "web-3", address: "10.0.0.3:7946", elapsed: 1 }, at },
      "good",
      "healed: reached web-3; 1 member",
    ],
    [
      { type: "label_mismatch", from: "10.0.0.7:7946", over: "packet", label: "te\nst", suppressed: 0, at },
      "warn",
      'a packet from 10.0.0.7:7946 has the wrong label "te\\\\u{a}st"',
    ],
    [
      { type: "queue_full", policy: "dropOldest", count: 7, bytes: 2_000, suppressed: 0, at },
      "warn",
      "the queue of broadcasts is full (7 messages, 2 kB): dropOldest",
    ],
    [
      { type: "log", level: "error", code: "internal_error", message: "it broke\n", fields: { code: "internal_error" }, at },
      "bad",
      "internal_error: it broke\\u{a}",
    ],
  ])("describes %j in a sentence", (event, tone, text) => {
    expect(describeEvent(event)).toEqual({ tone, text });
  });

  it("cuts long lists of accusers, and survives events of later versions", () => {
    const accusers = Array.from({ length: 9 }, (_, i) => `n${i}`);
    expect(describeEvent({ type: "leave", node, cause: { ...died, suspicion: undefined, accusers }, at }).text).toContain(
      "suspected by n0, n1, n2, n3, n4 and 4 more",
    );
    expect(describeEvent({ type: "eclipse", at } as unknown as StatusEvent)).toEqual({ tone: "plain", text: "eclipse" });
  });
});

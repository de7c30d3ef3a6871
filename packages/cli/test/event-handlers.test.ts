import { describe, expect, it } from "vitest";
import type { Node } from "@memberlist/core";
import { EventHandlers, parseEventHandler } from "../src/agent/event-handlers.ts";

const versions = { pMin: 1, pMax: 5, pCur: 2, dMin: 0, dMax: 0, dCur: 0 };

function node(meta: string): Node {
  const base = { name: "a", addr: "10.0.0.1", port: 7946, state: "alive", incarnation: 1 } as const;
  return { ...base, ...versions, meta: Buffer.from(meta) };
}

describe("EventHandlers", () => {
  it("runs the next command after one that could not be started", { timeout: 30_000 }, async () => {
    const problems: string[] = [];
    // An environment variable cannot have this value.
    let self = node(String.raw`{"role":"\u0000"}`);
    const handlers = new EventHandlers(
      [parseEventHandler("user=exit 7")],
      () => self,
      (problem) => problems.push(problem),
    );
    handlers.onMessage(Buffer.from("first"));
    await expect.poll(() => problems).toHaveLength(1);
    expect(problems[0]).toContain("null bytes");
    self = node("");
    handlers.onMessage(Buffer.from("second"));
    await expect.poll(() => problems, { timeout: 20_000 }).toHaveLength(2);
    expect(problems[1]).toContain("it ended with code 7");
  });
});

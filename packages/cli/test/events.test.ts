import { afterEach, expect, it, vi } from "vitest";
import type { Node } from "@memberlist/core";
import { plain } from "@memberlist/status/internal";
import { eventLine, printEvent } from "../src/agent/print-event.ts";
import { Io } from "../src/terminal/io.ts";

const versions = { pMin: 1, pMax: 5, pCur: 2, dMin: 0, dMax: 0, dCur: 0 };
const node: Node = {
  name: "b",
  addr: "10.0.0.2",
  port: 7946,
  meta: new Uint8Array(0),
  state: "dead",
  incarnation: 1,
  ...versions,
};
const at = Date.UTC(2026, 0, 2, 3, 4, 5);
const withoutColours = (_style: string, text: string): string => text;
afterEach(() => void vi.restoreAllMocks());

it("prints failed for a member that died, and leave for one that left", () => {
  const died = { type: "leave", node, cause: { code: "declared_dead", from: "a", suspicion: undefined }, at } as const;
  expect(eventLine(plain(died), withoutColours)).toBe("2026-01-02T03:04:05.000Z failed   b is dead: a declared it dead");
  const left = { type: "leave", node: { ...node, state: "left" }, cause: { code: "left" }, at } as const;
  expect(eventLine(plain(left), withoutColours)).toBe("2026-01-02T03:04:05.000Z leave    b left");
});

it("prints JSON with an ISO 8601 time, numbers of three decimals, and the state", () => {
  const written = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  printEvent(plain({ type: "event_loop_blocked", node, late: 123.456789, at }), true, new Io());
  expect(JSON.parse(String(written.mock.calls[0]?.[0]))).toEqual({
    type: "event_loop_blocked",
    node: { name: "b", address: "10.0.0.2:7946", state: "dead", incarnation: 1 },
    late: 123.457,
    at: "2026-01-02T03:04:05.000Z",
  });
});

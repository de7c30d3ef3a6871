import { describe, expect, it } from "vitest";
import type { DemoEvent } from "../src/demo-event.ts";
import { JsonView } from "../src/json-view.ts";
import { LiveTable } from "../src/live-table.ts";
import { PlainView } from "../src/plain-view.ts";
import { painter } from "@memberlist/cli/internal";
import { sample, success } from "./sample.ts";
import { Screen } from "./screen.ts";

const failure: DemoEvent = {
  event: "step",
  at: 3_400,
  step: "kill",
  title: "kill node-2",
  status: "failed",
  durationMs: 25_000,
  reason: "not done in 25000 ms: go-3 sees node-2 suspect\nmore of it",
};

function plain(events: readonly DemoEvent[], colours: boolean = false): string {
  let text = "";
  const view = new PlainView((part) => (text += part), painter(colours));
  for (const event of events) view.show(event);
  view.close();
  return text;
}

function live(events: readonly DemoEvent[], columns: number, rows: number = 40): Screen {
  const screen = new Screen(columns, rows);
  const view = new LiveTable(screen, painter(true));
  for (const event of events) view.show(event);
  view.close();
  return screen;
}

describe("the plain view", () => {
  it("shows each change with its time and its observer, and the times of each step", () => {
    const text = plain([...sample, success]);
    expect(text).toContain("go-3 is the Go peer");
    expect(text).toContain("preset local, probeInterval 500 ms");
    expect(text).toMatch(/^ {2}2\.200 s {2}node-2 {2}suspect +seen by node-1$/m);
    expect(text).toMatch(/^ {2}0\.100 s {2}go-3 {4}runs go1\.26\.0, memberlist v0\.7\.0 at 127\.0\.0\.1:7003, pid 102$/m);
    expect(text).toMatch(/ready +node-1 {3}12 ms {2}node-2 {3}1\.2 s {2}go-3 +–$/m);
    expect(text).toMatch(/go-3 +received +"hello"/);
    expect(text.trimEnd().split("\n").at(-1)).toBe("all 2 steps passed in 3 s");
  });

  it("shows metadata only when it has changed", () => {
    expect(plain(sample).match(/metadata.*/g)).toEqual(['metadata   "v2" seen by go-3']);
  });

  it("uses colours only where they are wanted", () => {
    const escape = String.fromCharCode(27);
    expect(plain([...sample, success])).not.toContain(escape);
    expect(plain([...sample, success], true)).toContain(`${escape}[31mdead`);
  });

  it("ends with the summary, and does not show agents that stop after it", () => {
    const stopped: DemoEvent = {
      event: "agent",
      at: 4_100,
      agent: "node-1",
      status: "stopped",
      kind: "node",
      runtime: "",
      address: "",
      pid: 100,
    };
    expect(plain([...sample, success, stopped])).toBe(plain([...sample, success]));
  });

  it("reports a failed step and its cause", () => {
    const text = plain([...sample, failure, { ...success, ok: false, failed: "kill" } as DemoEvent]);
    expect(text).toContain("✗ kill failed after 25 s");
    expect(text).toContain("go-3 sees node-2 suspect");
    expect(text).toContain("at the step: kill");
  });
});

describe("the live table", () => {
  it("leaves one table, with each agent's view of each member, and the summary below", () => {
    const { text, cursorShown } = live([...sample, success], 120);
    expect(text.match(/seen by/g)).toHaveLength(1);
    expect(text).toMatch(/^ {2}agent +runtime +process +address +meta +node-1 +node-2 +go-3$/m);
    // The killed agent sees no members.
    expect(text).toMatch(/^ {2}node-2 +node v20\.19\.0 +killed +127\.0\.0\.1:7002 +v1 +suspect {11}dead$/m);
    expect(text.trimEnd().split("\n").at(-1)).toBe("all 2 steps passed in 3 s");
    expect(text).toMatch(/^✓ start 3 processes +1 s$/m);
    expect(cursorShown).toBe(true);
  });

  it("stays within the width and the height of the terminal", () => {
    for (let columns = 24; columns <= 130; columns++) {
      expect(live([...sample, failure, success], columns).tooLong).toEqual([]);
    }
    for (let rows = 2; rows <= 12; rows++) live(sample, 80, rows);
  });

  it("gives up columns where the terminal is narrow, the names and states last", () => {
    expect(live([...sample, success], 62).text).toMatch(/^ {2}agent +address +meta +node-1 +node-2 +go-3$/m);
    const narrow = live([...sample, success], 24).text;
    expect(narrow).toMatch(/^ {2}agent +1 +2 +3$/m);
    expect(narrow).toMatch(/^ {2}node-2 +su +de$/m);
  });

  it("hides the cursor while it draws, and gives it back", () => {
    const screen = new Screen(100, 30);
    const view = new LiveTable(screen, painter(false));
    for (const event of sample) view.show(event);
    expect(screen.cursorShown).toBe(false);
    view.close();
    expect(screen.cursorShown).toBe(true);
  });

  it("draws anew below its messages when the cluster is kept, and drops strangers that all have forgotten", () => {
    const screen = new Screen(100, 40);
    const view = new LiveTable(screen, painter(false));
    const guest = { at: 5_000, observer: "go-3", node: "guest" } as const;
    const keep: DemoEvent = { event: "keep", at: 4_500, addresses: ["127.0.0.1:7001"], command: "the command" };
    for (const event of [...sample, { ...success, keeps: true } as DemoEvent, keep]) view.show(event);
    expect(screen.text.match(/seen by/g)).toHaveLength(1);
    view.show({ event: "state", ...guest, state: "alive" });
    view.show({ event: "note", at: 5_100, text: "a note" });
    expect(screen.text).toMatch(/^ {2}guest .* alive$/m);
    view.show({ event: "state", ...guest, state: "forgotten" });
    view.show({ event: "note", at: 5_200, text: "another" });
    expect(screen.text).not.toMatch(/guest/);
    expect(screen.text).toContain("the command");
    expect(screen.text.match(/seen by/g)).toHaveLength(1);
    view.close();
    expect(screen.text).not.toContain("seen by");
  });
});

describe("JSON", () => {
  it("prints one event a line", () => {
    let text = "";
    const view = new JsonView((part) => (text += part));
    for (const event of sample) view.show(event);
    const lines = text.trimEnd().split("\n");
    // What is undefined is left out.
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(JSON.parse(JSON.stringify(sample)));
  });

  it("rounds times to the microsecond", () => {
    let text = "";
    new JsonView((part) => (text += part)).show({ event: "note", at: 1_234.567_89, text: "x" });
    expect(text).toBe('{"event":"note","at":1234.568,"text":"x"}\n');
  });
});

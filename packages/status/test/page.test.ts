import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { clusters } from "../../memberlist/test/facade/cluster.ts";
import { statusHandler, type MemberStatus, type StatusDocument } from "../src/index.ts";
import { select, type Sort } from "../src/page/member-list.ts";
import { Model } from "../src/page/model.ts";
import { get } from "./support.ts";

const cluster = clusters();
const chrome = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

describe("the page", () => {
  it("allows only its own script and style, and only connections to its own server", async () => {
    const response = await get(statusHandler((await cluster().start({ name: "a" })).members), "/", { accept: chrome });
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const html = await response.text();
    const hashOf = (pattern: RegExp): string => {
      const found = [...html.matchAll(pattern)];
      expect(found).toHaveLength(1);
      return `'sha256-${createHash("sha256")
        .update(found[0]?.[1] ?? "")
        .digest("base64")}'`;
    };
    const policy = new Map(
      (response.headers.get("content-security-policy") ?? "").split("; ").map((part) => {
        const [directive = "", ...sources] = part.split(" ");
        return [directive, sources.join(" ")];
      }),
    );
    expect(Object.fromEntries(policy)).toEqual({
      "default-src": "'none'",
      "script-src": hashOf(/<script[^>]*>([\s\S]*?)<\/script>/g),
      "style-src": hashOf(/<style[^>]*>([\s\S]*?)<\/style>/g),
      "connect-src": "'self'",
      "img-src": "data:",
      "base-uri": "'none'",
      "form-action": "'none'",
      "frame-ancestors": "'none'",
      "require-trusted-types-for": "'script'",
      "trusted-types": "'none'",
    });
    expect(html).not.toMatch(/(?:src|href)="?(?:https?:)?\/\//);
    expect(html).toContain("uPlot: MIT License");
    expect(html.length).toBeLessThan(100_000);
  });

  it.each([
    [chrome, "text/html"],
    ["text/html", "text/html"],
    ["text/html;q=0.5, application/json;q=0.4", "text/html"],
    ["text/html;q=0.4, application/json;q=0.5", "application/json"],
    ["text/html;q=0", "application/json"],
    ["application/json, text/plain, */*", "application/json"],
    ["application/json, text/html", "application/json"],
    ["*/*", "application/json"],
    ["", "application/json"],
    ["text/html;q=broken", "application/json"],
  ])("answers Accept: %s with %s", async (accept, type) => {
    const { headers } = await get(statusHandler((await cluster().start({ name: "a" })).members), "/", { accept });
    expect(headers.get("content-type")).toContain(type);
    expect(headers.get("vary")).toBe("accept");
  });
});

function member(name: string, other: Partial<MemberStatus> = {}): MemberStatus {
  return {
    name,
    address: "10.0.0.1:7946",
    state: "alive",
    since: 0,
    age: 0,
    incarnation: 1,
    protocol: [1, 5, 2],
    delegateProtocol: [0, 0, 0],
    meta: { format: "empty" },
    accusers: [],
    ...other,
  };
}

describe("select", () => {
  const names = (members: readonly MemberStatus[], sort: Sort["key"], isDescending = false, filter = ""): string[] =>
    select(members, { filter, state: undefined, sort: { key: sort, isDescending } }).map(({ name }) => name);

  it("sorts names as people do, and states by concern", () => {
    const members = [
      member("n10"),
      member("n9", { state: "dead" }),
      member("n2", { state: "suspect" }),
      member("n1", { state: "left" }),
      member("n8"),
    ];
    expect(names(members, "name")).toEqual(["n1", "n2", "n8", "n9", "n10"]);
    expect(names(members, "state")).toEqual(["n2", "n9", "n1", "n8", "n10"]);
    expect(names(members, "name", true)).toEqual(["n10", "n9", "n8", "n2", "n1"]);
  });

  it("puts members without a round-trip time last, and keeps equal ones in the order of their names", () => {
    const members = [member("b"), member("c", { rtt: 2 }), member("d", { rtt: 1 }), member("a")];
    expect(names(members, "rtt")).toEqual(["d", "c", "a", "b"]);
    expect(names([member("b", { since: 5 }), member("a", { since: 5 }), member("c", { since: 9 })], "since")).toEqual([
      "c",
      "a",
      "b",
    ]);
  });

  it("finds every word in name, address or metadata of each format", () => {
    const members = [
      member("a", { meta: { format: "json", value: { Role: "Web" } } }),
      member("b", { meta: { format: "tags", tags: { role: "db", dc: "east" } } }),
      member("c", { meta: { format: "text", text: "zone=west" }, address: "10.9.9.9:1" }),
      member("d", { meta: { format: "binary", bytes: 2, hex: "beef" } }),
    ];
    expect(names(members, "name", false, "role")).toEqual(["a", "b"]);
    expect(names(members, "name", false, 'WEB "role"')).toEqual(["a"]);
    expect(names(members, "name", false, "dc=east b")).toEqual(["b"]);
    expect(names(members, "name", false, "10.9. west")).toEqual(["c"]);
    expect(names(members, "name", false, "beef")).toEqual(["d"]);
    expect(names(members, "name", false, "nothing")).toEqual([]);
  });
});

describe("the model", () => {
  it("keeps a bounded number of events and samples, and counts ages by the clock of the node", () => {
    const model = new Model();
    const status = {
      at: 1_000_000,
      members: [member("a", { since: 990_000 })],
      events: [],
      samples: [],
      counters: { send_failed: 3 },
    } as unknown as StatusDocument;
    // The browser's clock is an hour off.
    const now = status.at + 3_600_000;
    model.reset(status, now);
    expect(model.age(member("a", { since: 990_000 }), now + 500)).toBe(10_500);
    const sample = { at: 0 } as StatusDocument["samples"][number];
    for (let i = 0; i < 2_000; i++) {
      model.addEvent({ event: { type: "isolated", lost: 0, seeds: 0, tried: [], at: i } });
      model.update({ ...status, members: [], gone: [], sample: { ...sample, at: i } }, now);
    }
    expect(model.events.length).toBeLessThan(1_100);
    expect(model.events.at(-1)?.at).toBe(1_999);
    expect(model.samples).toHaveLength(300);
  });

  it("adds, changes and forgets members, and keeps the first counters over a new connection", () => {
    const model = new Model();
    const status = {
      at: 0,
      members: [member("a"), member("b")],
      events: [],
      samples: [],
      counters: { x: 1 },
      traffic: { packetsSent: 10 },
    } as unknown as StatusDocument;
    model.reset(status, 0);
    const { revision } = model;
    model.update({ ...status, members: [member("c")], gone: ["a"] }, 0);
    expect([...model.members.keys()]).toEqual(["b", "c"]);
    expect(model.revision).toBeGreaterThan(revision);
    model.addEvent({ event: { type: "isolated", lost: 0, seeds: 0, tried: [], at: 0 }, member: member("b", { state: "dead" }) });
    expect(model.members.get("b")?.state).toBe("dead");
    model.reset({ ...status, counters: { x: 5 } }, 0);
    expect(model.firstCounters).toEqual({ x: 1 });
    expect([...model.members.keys()]).toEqual(["a", "b"]);
  });

  it.each([
    ["its counters", { counters: { x: 4 }, traffic: { packetsSent: 10 } }],
    ["its traffic", { counters: { x: 9 }, traffic: { packetsSent: 3 } }],
  ])("counts from 0 after a restart of the node, which it detects by %s", (_, restarted) => {
    const model = new Model();
    const status = { at: 0, members: [], events: [], samples: [] } as unknown as StatusDocument;
    model.reset({ ...status, counters: { x: 3 }, traffic: { packetsSent: 9 } } as unknown as StatusDocument, 0);
    model.update({ ...status, counters: { x: 5 }, traffic: { packetsSent: 10 } } as unknown as StatusDocument, 0);
    model.reset({ ...status, ...restarted } as unknown as StatusDocument, 0);
    expect(model.firstCounters).toEqual({});
  });
});

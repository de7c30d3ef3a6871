import { describe, expect, it } from "vitest";
import type { Memberlist } from "@memberlist/core";
import { settlePromises } from "@memberlist/core/testing";
import { EventClient, frame } from "../src/event-client.ts";
import { clusters, membersOf } from "../../memberlist/test/facade/cluster.ts";
import { statusHandler, type StatusDocument } from "../src/index.ts";
import { EventReader, get } from "./support.ts";

const cluster = clusters();

describe("an event stream", () => {
  it("begins with the whole state", async () => {
    const one = cluster();
    const [a] = membersOf(await one.joined(2)) as [Memberlist, Memberlist];
    const response = await get(statusHandler(a), "/events");
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const reader = new EventReader(response);
    await reader.read();
    expect(reader.received.map(({ type }) => type)).toEqual(["status"]);
    expect(
      reader
        .of("status")[0]
        ?.members.map(({ name }) => name)
        .sort(),
    ).toEqual(["node-0", "node-1"]);
    await reader.cancel();
  });

  it("sends each change at once, with its cause and the changed member", async () => {
    const one = cluster();
    const [a, b] = membersOf(await one.joined(3)) as [Memberlist, Memberlist, Memberlist];
    const reader = (await EventReader.open(statusHandler(a))).readAll();
    await settlePromises();
    await b.shutdown();
    const has = (type: string) => (): boolean => reader.of("event").some(({ event }) => event.type === type);
    await one.until(has("suspect"));
    // The event came at once, and did not wait for a sample.
    expect(a.get("node-1")?.state).toBe("suspect");
    expect(reader.of("event").at(-1)?.event.at).toBe(a.get("node-1")?.since);
    expect(reader.of("event").at(-1)?.member).toMatchObject({ name: "node-1", state: "suspect" });
    await one.until(has("leave"));
    const last = reader.of("event").findLast(({ event }) => event.type === "leave");
    expect(last?.event).toMatchObject({ node: { name: "node-1", state: "dead" }, cause: a.get("node-1")?.cause });
    expect(last?.member).toMatchObject({ state: "dead", cause: a.get("node-1")?.cause });
  });

  it("sends an update at each interval, with the members whose round-trip time changed", async () => {
    const one = cluster(1, { latency: 3 });
    const [a] = membersOf(await one.joined(2)) as [Memberlist, Memberlist];
    const reader = (await EventReader.open(statusHandler(a, { sampleInterval: 500 }))).readAll();
    await one.clock.advance(3_000);
    const updates = reader.of("update");
    expect(updates).toHaveLength(6);
    expect(updates.at(-1)).toMatchObject({ node: a.toJSON(), queues: a.queues(), traffic: a.traffic(), counters: a.counters() });
    expect(updates.map(({ sample }) => sample?.elapsed)).toEqual([500, 500, 500, 500, 500, 500]);
    const changed = updates.flatMap(({ members }) => members.map(({ name, rtt }) => [name, rtt]));
    expect(changed).toEqual([["node-1", 6]]);
  });

  it("sends log lines and the names of forgotten members", async () => {
    const one = cluster();
    const [a, b] = membersOf(await one.joined(2, { gossipToTheDeadTime: 1_000 })) as [Memberlist, Memberlist];
    const reader = (await EventReader.open(statusHandler(a))).readAll();
    await settlePromises();
    await b.shutdown();
    await one.until(() => reader.of("update").some(({ gone }) => gone.includes("node-1")), 600_000);
    expect(a.get("node-1")).toBeUndefined();
    const lines = reader.of("event").flatMap(({ event }) => (event.type === "log" ? [event.code] : []));
    expect(lines).toContain("suspect");
    expect(lines).toEqual(a.recentEvents().flatMap((event) => (event.type === "log" ? [event.code] : [])));
  });

  it("does not repeat the events of its status", async () => {
    const one = cluster();
    const [a, b] = membersOf(await one.joined(2)) as [Memberlist, Memberlist];
    const reader = await EventReader.open(statusHandler(a));
    // The stream is open, but makes its status only when it is read.
    await b.shutdown();
    await one.until(() => a.get("node-1")?.state === "dead");
    reader.readAll();
    await one.clock.advance(5_000);
    const { events = [] } = reader.of("status")[0] ?? {};
    expect(events.some(({ type }) => type === "leave")).toBe(true);
    const [first] = reader.of("event").map(({ event }) => event);
    for (const { event } of reader.of("event")) expect(events).not.toContainEqual(event);
    expect(first?.at ?? Infinity).toBeGreaterThan(events.at(-1)?.at ?? Infinity);
    expect(reader.of("update").length).toBeGreaterThan(0);
  });

  it("sends the same messages to all clients", async () => {
    const one = cluster();
    const [a, b] = membersOf(await one.joined(2)) as [Memberlist, Memberlist];
    const handler = statusHandler(a);
    const readers = await Promise.all([1, 2, 3].map(async () => (await EventReader.open(handler)).readAll()));
    await settlePromises();
    await b.shutdown();
    await one.until(() => a.get("node-1")?.state === "dead");
    await one.clock.advance(2_500);
    const [first, ...others] = readers.map(({ received }) => received.slice(1));
    expect(first?.length).toBeGreaterThan(2);
    for (const other of others) expect(other).toEqual(first);
  });

  it("ends with the node", async () => {
    const one = cluster();
    const [a] = membersOf(await one.joined(2)) as [Memberlist, Memberlist];
    const handler = statusHandler(a);
    const reader = (await EventReader.open(handler)).readAll();
    await settlePromises();
    await a.shutdown();
    await one.until(() => reader.isClosed);
    expect(reader.received.at(-1)).toMatchObject({ type: "end", data: { node: { state: "shutdown" } } });
    const again = await get(handler, "/events");
    expect([again.status, await again.text()]).toEqual([503, "the node was shut down\n"]);
  });

  it.each([
    ["cancels it", (reader: EventReader) => reader.cancel()],
    ["aborts its request", (_: EventReader, abort: AbortController) => Promise.resolve(abort.abort())],
  ])("leaves no timer and no reader behind when the client %s", async (_, leave) => {
    const one = cluster();
    const { members } = await one.start({ name: "a" });
    const handler = statusHandler(members, { maxEventStreams: 1 });
    const pending = one.clock.pending;
    for (let i = 0; i < 3; i++) {
      const abort = new AbortController();
      const reader = await EventReader.open(handler, abort.signal);
      await reader.read();
      expect(one.clock.pending).toBe(pending + 1);
      await leave(reader, abort);
      await settlePromises();
      expect(one.clock.pending).toBe(pending);
    }
    const aborted = await EventReader.open(handler, AbortSignal.abort());
    expect(await aborted.read()).toBeUndefined();
    expect(one.clock.pending).toBe(pending);
  });

  it("refuses further clients at maxEventStreams, until one closes its stream", async () => {
    const handler = statusHandler((await cluster().start({ name: "a" })).members, { maxEventStreams: 2 });
    const [first] = [await EventReader.open(handler), await EventReader.open(handler)];
    const refused = await get(handler, "/events");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "10"]);
    await first.cancel();
    await (await EventReader.open(handler)).cancel();
  });

  it("does not count as open after its state could not be read", async () => {
    let closed = 0;
    const client = new EventClient(
      () => {
        throw new Error("the state cannot be read");
      },
      () => closed++,
    );
    await expect(client.body.getReader().read()).rejects.toThrow("the state cannot be read");
    expect(closed).toBe(1);
    client.close();
    expect(closed).toBe(1);
  });

  it("keeps a bounded backlog for a slow client, and then sends it the whole state again", async () => {
    const document = { node: "a" } as unknown as StatusDocument;
    let statuses = 0;
    const client = new EventClient(
      () => ({ document: { ...document, at: ++statuses }, events: [] }),
      () => undefined,
    );
    const reader = new EventReader(new Response(client.body));
    const update = frame("update", "x".repeat(1_000));
    for (let i = 0; i < 2_000; i++) client.push(update);
    expect((await reader.read())?.map(({ type }) => type)).toEqual(["status"]);
    for (let i = 0; i < 900; i++) client.push(update);
    expect(await reader.read()).toHaveLength(900);
    for (let i = 0; i < 1_001; i++) client.push(update);
    expect(await reader.read()).toEqual([{ type: "status", data: { ...document, at: 2 } }]);
    client.push(update);
    client.end(frame("end", ""));
    client.push(update);
    expect((await reader.read())?.map(({ type }) => type)).toEqual(["update", "end"]);
    expect(await reader.read()).toBeUndefined();
  });
});

import { describe, expect, it } from "vitest";
import { decodeTags, type MemberEvent, type Tags } from "../../src/index.ts";
import { bytes, clusters, outcome, type TestNode } from "./cluster.ts";

const cluster = clusters();

const tagsAt = (observer: TestNode, name: string): Tags | undefined =>
  decodeTags(observer.members.get(name)?.meta ?? new Uint8Array(0));

describe("a member with tags", () => {
  it("shows them to all members at the join and after each change", async () => {
    const one = cluster();
    const [a, b, c] = (await one.joined(3, (i) => ({ tags: { role: "web", id: String(i) } }))) as [TestNode, TestNode, TestNode];
    expect([0, 1, 2].map((i) => tagsAt(a, `node-${i}`))).toEqual([0, 1, 2].map((i) => ({ role: "web", id: String(i) })));
    const updates: MemberEvent[] = [];
    const reading = (async () => {
      for await (const event of a.members.events()) if (event.type === "update") updates.push(event);
    })();
    await one.settle(b.members.setTags({ ...decodeTags(b.members.localNode().meta), role: "db" }));
    await one.until(() => [a, b, c].every((node) => tagsAt(node, "node-1")?.["role"] === "db"));
    expect(tagsAt(c, "node-1")).toEqual({ role: "db", id: "1" });
    await a.members.shutdown();
    await reading;
    expect(updates).toMatchObject([{ node: { name: "node-1" } }]);
  });

  it("keeps them if new ones are too large, are not strings, or come after a leave", async () => {
    const one = cluster();
    const { members } = await one.start({ tags: { role: "web" } });
    expect(await outcome(members.setTags({ note: "x".repeat(510) }))).toBe("meta_too_large");
    expect(await outcome(members.setTags({ port: 80 } as unknown as Tags))).toBe("invalid_argument");
    expect(await outcome(members.setTags({ role: "db" }, { timeout: -1 }))).toBe("invalid_argument");
    await one.settle(members.leave());
    expect(await outcome(members.setTags({ role: "db" }))).toBe("left");
    expect(decodeTags(members.localNode().meta)).toEqual({ role: "web" });
  });

  it("keeps them over a leave and a rejoin", async () => {
    const one = cluster();
    const [a, b] = (await one.joined(2, { tags: { role: "web" } })) as [TestNode, TestNode];
    await one.settle(a.members.setTags({ role: "db" }));
    await one.settle(a.members.leave());
    await one.until(() => b.members.get("node-0")?.state === "left");
    await one.settle(a.members.join([b.seed]));
    await one.until(() => b.members.get("node-0")?.state === "alive");
    expect(tagsAt(b, "node-0")).toEqual({ role: "db" });
  });

  it("replaces them by the bytes of updateNode, and these by tags", async () => {
    const one = cluster();
    const { members } = await one.start({ meta: bytes("mine") });
    await one.settle(members.setTags({ role: "web" }));
    await one.until(() => decodeTags(members.localNode().meta)?.["role"] === "web");
    expect(decodeTags(members.localNode().meta)).toEqual({ role: "web" });
    await one.settle(members.updateNode({ meta: bytes("other") }));
    await one.until(() => decodeTags(members.localNode().meta) === undefined);
    expect(members.localNode().meta).toEqual(bytes("other"));
  });

  it("copies those of the config", async () => {
    const one = cluster();
    const tags: Record<string, string> = { role: "web" };
    const { members } = await one.start({ tags });
    tags["role"] = "db";
    await one.settle(members.updateNode());
    expect(decodeTags(members.localNode().meta)).toEqual({ role: "web" });
    expect(members.config.tags).toEqual({ role: "web" });
  });
});

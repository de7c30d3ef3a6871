import { describe, expect, it } from "vitest";
import type { Store } from "../../src/index.ts";
import { encodeSuspect } from "../../src/wire/messages/encode.ts";
import { clusters, names, type Cluster, type TestNode } from "./cluster.ts";
import { RawPeer } from "./raw-peer.ts";

const cluster = clusters();

/** A store in memory that remembers every save. */
class MemoryStore implements Store {
  text: string | undefined;
  saves = 0;
  failure: Error | undefined;

  constructor(text?: string) {
    this.text = text;
  }

  load(): Promise<string | undefined> {
    return this.failure === undefined ? Promise.resolve(this.text) : Promise.reject(this.failure);
  }

  save(text: string): Promise<void> {
    this.saves++;
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.text = text;
    return Promise.resolve();
  }

  get saved(): { incarnation: number; members: { name: string }[] } {
    return JSON.parse(this.text ?? "{}") as { incarnation: number; members: { name: string }[] };
  }
}

/** Three members, the last with a store. */
async function threeWithStore(one: Cluster): Promise<{ a: TestNode; b: TestNode; c: TestNode; store: MemoryStore }> {
  const store = new MemoryStore();
  const [a, b, c] = (await one.joined(3, (i) => (i === 2 ? { store } : {}))) as [TestNode, TestNode, TestNode];
  await one.advance(10_000);
  return { a, b, c, store };
}

function restart(one: Cluster, node: TestNode, store: Store): Promise<TestNode> {
  return one.start({ name: node.name, host: node.transport.host, store });
}

describe("join after leave", () => {
  it("makes the node alive again for all members, any number of times", async () => {
    const one = cluster();
    const [a, b, c] = (await one.joined(3)) as [TestNode, TestNode, TestNode];
    for (let round = 1; round <= 3; round++) {
      await one.settle(c.members.leave());
      await one.until(() => a.members.numMembers() === 2 && b.members.numMembers() === 2);
      expect(c.members.localNode().state).toBe("left");
      if (round === 3) await one.advance(120_000); // Even its own table would have forgotten it.
      await one.settle(c.members.join([a.seed]));
      await one.until(() => [a, b, c].every(({ members }) => members.numMembers() === 3));
      expect(c.members.localNode()).toMatchObject({ state: "alive", incarnation: 1 + round });
    }
    expect(c.members.recentEvents().some(({ type }) => type === "refute")).toBe(false);
    await one.settle(c.members.updateNode({ meta: new Uint8Array([7]) }));
    await one.until(() => a.members.members().some(({ meta }) => meta[0] === 7));
    await one.advance(60_000);
    expect(names(a)).toHaveLength(3);
  });
});

describe("a restart with a store", () => {
  it("rejoins by itself before others suspect it, and needs no refutation", async () => {
    const one = cluster();
    const { a, b, c, store } = await threeWithStore(one);
    // It had to refute: the others remember a higher incarnation than that of a fresh start.
    one.network.partition([a.transport, b.transport], [c.transport]);
    await one.until(() => a.members.members().some(({ state }) => state === "suspect"));
    one.network.heal();
    await one.until(() => a.members.members().some(({ incarnation }) => incarnation > 1));
    await one.advance(10_000);
    await c.members.shutdown();
    const again = await restart(one, c, store);
    await one.settle(again.members.ready({ members: 3 }));
    await one.advance(60_000);
    expect(again.members.recentEvents().some(({ type }) => type === "refute")).toBe(false);
    expect(a.members.recentEvents().filter((event) => event.type === "leave")).toEqual([]);
    expect([names(a), names(b), names(again)].map(({ length }) => length)).toEqual([3, 3, 3]);
  });

  it("saves nothing because of strangers, and strangers cannot displace saved members", async () => {
    const one = cluster();
    const store = new MemoryStore();
    const [, b] = (await one.joined(2, (i) => (i === 1 ? { store, label: "blue" } : { label: "blue" }))) as [TestNode, TestNode];
    await one.advance(20_000);
    const { saves } = store;
    expect(saves).toBeGreaterThan(0);
    const changes = b.members.recentEvents().filter(({ type }) => type === "join");
    const peer = new RawPeer(one);
    for (let i = 0; i < 400; i++) {
      peer.send(Uint8Array.of(244, 1, 0x41, 8), b);
      await one.advance(1_000);
    }
    expect(store.saves).toBe(saves);
    const remembered = b.members.recentEvents();
    expect(remembered.filter(({ type }) => type === "join")).toEqual(changes);
    expect(changes.length).toBeGreaterThan(0);
    expect(remembered.filter(({ type }) => type === "label_mismatch")).toHaveLength(32);
    expect(remembered.map(({ at }) => at)).toEqual(remembered.map(({ at }) => at).toSorted((x, y) => x - y));
  });

  it("saves at most once a second while forged suspicions raise its incarnation, and a leave at once", async () => {
    const one = cluster();
    const { c, store } = await threeWithStore(one);
    const { saves } = store;
    const peer = new RawPeer(one);
    const refuted = (): number => c.members.localNode().incarnation;
    for (let i = 0; i < 100; i++) {
      peer.send(encodeSuspect({ incarnation: refuted(), node: c.name, from: "made-up" }), c);
      await one.advance(100);
    }
    expect(refuted()).toBeGreaterThan(90);
    expect(store.saves - saves).toBeGreaterThan(5);
    expect(store.saves - saves).toBeLessThanOrEqual(13);
    await one.advance(1_000);
    expect(store.saved.incarnation).toBeGreaterThanOrEqual(refuted());
    expect(store.saved.incarnation).toBeLessThanOrEqual(refuted() + 8);
    peer.send(encodeSuspect({ incarnation: refuted(), node: c.name, from: "made-up" }), c);
    await one.advance(10);
    await one.settle(c.members.leave());
    expect(store.saved.members).toEqual([]);
  });

  it("starts above every incarnation that others may hold after a crash under forged suspicions, which cause few saves", async () => {
    const one = cluster();
    const { c, store } = await threeWithStore(one);
    const { saves } = store;
    const peer = new RawPeer(one);
    const refuted = (): number => c.members.localNode().incarnation;
    const before = refuted();
    let atRisk = 0;
    for (let i = 0; i < 3_000; i++) {
      peer.send(encodeSuspect({ incarnation: refuted(), node: c.name, from: "made-up" }), c);
      await one.advance(1);
      if (refuted() > store.saved.incarnation + 8) atRisk++;
    }
    expect(refuted() - before).toBeGreaterThan(2_900);
    expect(atRisk).toBe(0);
    expect(store.saves - saves).toBeLessThan(30);
    // The crash: the store stays as it is.
    const again = await one.start({ name: c.name, store: new MemoryStore(store.text) });
    expect(again.members.localNode().incarnation).toBeGreaterThan(refuted());
  });

  it("revives a node that was declared dead", async () => {
    const one = cluster();
    const { a, c, store } = await threeWithStore(one);
    await c.members.shutdown();
    await one.until(() => a.members.numMembers() === 2);
    const again = await restart(one, c, store);
    await one.settle(again.members.ready({ members: 3 }));
    await one.until(() => a.members.numMembers() === 3);
    await one.advance(30_000);
    expect(again.members.recentEvents().some(({ type }) => type === "refute")).toBe(false);
  });

  it("does not rejoin after a leave, but keeps its incarnation", async () => {
    const one = cluster();
    const { c, store } = await threeWithStore(one);
    expect(store.saved.members).toHaveLength(2);
    await one.settle(c.members.leave());
    expect(store.saved.members).toEqual([]);
    await c.members.shutdown();
    const again = await restart(one, c, store);
    await one.advance(60_000);
    expect(again.members.numMembers()).toBe(1);
    expect(again.members.localNode().incarnation).toBeGreaterThan(1);
  });

  it("does not join a node of another name at a saved address", async () => {
    const one = cluster();
    const { a, b, c, store } = await threeWithStore(one);
    for (const node of [a, b, c]) await node.members.shutdown();
    const stranger = await one.start({ name: "stranger", host: a.transport.host });
    const again = await restart(one, c, store);
    await one.advance(60_000);
    expect([again.members.numMembers(), stranger.members.numMembers()]).toEqual([1, 1]);
    expect(again.members.counters()).toMatchObject({ rejoin_failed: 1 });
    // While isolated, it keeps the members that it looks for.
    await again.members.shutdown();
    expect(store.saved.members).toHaveLength(2);
  });
});

describe("a store", () => {
  const start = `{"format":"memberlist-snapshot-1","name":"node-0","label":"","incarnation":5,"members":[`;

  it.each([
    ["", "store_corrupted"],
    [start, "store_corrupted"],
    [`${start}{"name":"x","host":"example.org","port":7946}]}`, "store_corrupted"],
    [`${start}{"name":"x","host":"10.0.0.9","port":0}]}`, "store_corrupted"],
    [`${start}]}`.replace(`-1"`, `-2"`), "store_corrupted"],
    [`${start}]}`.replace(":5,", ":-5,"), "store_corrupted"],
    ["null", "store_corrupted"],
    [`${start}]}`.replace("node-0", "node-9"), "store_foreign"],
    [`${start}]}`.replace(`"label":""`, `"label":"blue"`), "store_foreign"],
  ])("causes a count and a warning if it contains %j, which the node ignores", async (text, code) => {
    const one = cluster();
    const store = new MemoryStore(text);
    const node = await one.start({ store });
    expect(node.members.localNode().incarnation).toBe(1);
    expect(node.members.counters()[code]).toBe(1);
    expect(node.log.filter(({ fields }) => fields["code"] === code)).toMatchObject([{ level: "warn" }]);
    await one.advance(10_000);
    // A foreign state is not overwritten.
    expect(store.text === text).toBe(code === "store_foreign");
  });

  it("makes the node start above the saved incarnation, within the range of incarnations", async () => {
    const one = cluster();
    const node = await one.start({ store: new MemoryStore(`${start}]}`) });
    expect(node.members.localNode().incarnation).toBeGreaterThan(5);
    const last = await one.start({
      name: "last",
      store: new MemoryStore(`${start}]}`.replace("node-0", "last").replace(":5,", ":4294967295,")),
    });
    expect(last.members.localNode().incarnation).toBeLessThan(2 ** 32 - 1);
  });

  it("causes a report and no harm if it fails", async () => {
    const one = cluster();
    const store = new MemoryStore();
    store.failure = new Error("disk full");
    const node = await one.start({ store });
    await one.advance(10_000);
    expect(node.members.counters()).toMatchObject({ store_load_failed: 1, store_save_failed: 1 });
  });

  it("does not block the shutdown if it never completes a save", async () => {
    const one = cluster();
    const node = await one.start({ store: { load: () => Promise.resolve(undefined), save: () => new Promise(() => undefined) } });
    await one.settle(node.members.shutdown());
    expect(one.clock.pending).toBe(0);
  });

  it("receives a save every few seconds at most", async () => {
    const one = cluster();
    const { store } = await threeWithStore(one);
    const before = store.saves;
    await one.advance(600_000);
    expect(store.saves - before).toBe(0);
  });
});

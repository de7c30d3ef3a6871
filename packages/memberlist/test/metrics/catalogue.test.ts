import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { decodeKey, generateKey, type Metrics } from "../../src/index.ts";
import { metricCatalogue, type Metric, type MetricKind } from "../../src/metrics/index.ts";
import { bytes, clusters, type Cluster, type TestNode } from "../facade/cluster.ts";

const cluster = clusters();

interface Seen {
  readonly kinds: Set<MetricKind>;
  readonly labels: Set<string>;
  readonly values: number[];
}

/** What was reported, by the metric's name. */
function collector(): { readonly metrics: Metrics; readonly seen: Map<string, Seen> } {
  const seen = new Map<string, Seen>();
  const note =
    (kind: MetricKind) =>
    (name: string, value: number, labels: Readonly<Record<string, string>>): void => {
      const entry = seen.get(name) ?? { kinds: new Set(), labels: new Set(), values: [] };
      seen.set(name, entry);
      entry.kinds.add(kind);
      entry.labels.add(Object.keys(labels).join());
      entry.values.push(value);
    };
  return { metrics: { increment: note("counter"), gauge: note("gauge"), sample: note("sample") }, seen };
}

/** Members that join, send, gossip, are lost, and are found again. */
async function liveThroughEverything(one: Cluster, metrics: Metrics): Promise<TestNode> {
  const secretKey = decodeKey(generateKey());
  const config = { secretKey, queueCheckInterval: 1_000, healingInterval: 5_000, pushPullInterval: 5_000 };
  const [node, ...others] = (await one.joined(5, (i) => ({ ...config, ...(i === 0 ? { metrics } : {}) }))) as [
    TestNode,
    ...TestNode[],
  ];
  Object.defineProperty(node.transport, "counters", { value: { udpDroppedSends: 3 } });
  const [peer] = others as [TestNode];
  await one.settle(node.members.sendReliable(peer.seed, bytes("hello")));
  await one.settle(peer.members.sendReliable(node.seed, bytes("hello")));
  await one.settle(node.members.broadcast(bytes("to all")));
  await one.settle(peer.members.updateNode());
  await one.advance(12_000);
  for (const { members } of others) await one.settle(members.shutdown());
  await one.until(() => node.members.numMembers() === 1, 200_000);
  await one.advance(30_000);
  return node;
}

const byName = new Map<string, Metric>(metricCatalogue.map((metric) => [metric.name, metric]));

/** The members of a union of string literals in a source file. */
function unionOf(path: string, name: string): string[] {
  const source = readFileSync(new URL(`../../src/${path}`, import.meta.url), "utf8");
  const [, rest = ""] = source.split(`type ${name} =`);
  return [...(rest.split(";")[0] ?? "").matchAll(/"([^"]+)"/g)].map(([, code]) => code as string);
}

/** The metrics that counters are, by the names in the sources. */
function counted(): Set<string> {
  const plain = unionOf("api/codes.ts", "PlainCounter").filter((name) => name !== "metrics_failed");
  expect(plain.length).toBeGreaterThan(25);
  const families = ["dropped", "stream_dropped", "broadcast_dropped", "limit", "healing"];
  const metrics = plain.map((name) => {
    const [family = ""] = name.split(".");
    return `memberlist.${families.includes(family) ? family : name}`;
  });
  return new Set([...metrics, "memberlist.stream_dropped", "memberlist.limit"]);
}

describe("the catalogue of metrics", () => {
  it("lists every metric that a member reports, with its kind and its labels, and no others", async () => {
    const { metrics, seen } = collector();
    await liveThroughEverything(cluster(), metrics);
    for (const [name, { kinds, labels }] of seen) {
      const { kind, labels: own } = byName.get(name) ?? {};
      expect({ name, kinds: [...kinds], labels: [...labels] }).toEqual({ name, kinds: [kind], labels: [own?.join()] });
    }
    const reported = new Set([...seen.keys(), ...counted()]);
    expect([...byName.keys()].filter((name) => !reported.has(name))).toEqual([]);
  });

  it("lists every counter as a metric", () => {
    expect([...counted()].filter((name) => byName.get(name)?.kind !== "counter")).toEqual([]);
  });

  it("uses the names of the Go library", () => {
    const names = `health.score queue.broadcasts tcp.accept tcp.connect tcp.sent udp.sent udp.received node.instances size.local
      size.remote probeNode gossip pushPullNode degraded.probe degraded.timeout msg.alive msg.suspect msg.dead`.split(/\s+/);
    expect(names).toHaveLength(18);
    expect(names.filter((name) => !byName.has(`memberlist.${name}`))).toEqual([]);
  });

  it("stays out of the core's bundle", async () => {
    const bundle = async (entry: string): Promise<boolean> => {
      const path = fileURLToPath(new URL(`../../src/${entry}`, import.meta.url));
      const { metafile } = await build({
        entryPoints: [path],
        bundle: true,
        write: false,
        metafile: true,
        format: "esm",
        platform: "node",
      });
      return Object.values(metafile.outputs).some(({ inputs }) =>
        Object.keys(inputs).some((name) => name.endsWith("metrics/catalogue.ts")),
      );
    };
    expect([await bundle("index.ts"), await bundle("metrics/index.ts")]).toEqual([false, true]);
  });

  it("describes each in a sentence, and gives every sample, and nothing else, ascending buckets", () => {
    for (const metric of metricCatalogue) {
      const { name, kind, buckets, help } = metric;
      expect({ name, isSentence: /^[A-Z].*\.$/.test(help) }).toEqual({ name, isSentence: true });
      expect({ name, hasBuckets: buckets.length > 5 }).toEqual({ name, hasBuckets: kind === "sample" });
      expect({ name, buckets: [...buckets].sort((a, b) => a - b) }).toEqual({ name, buckets });
    }
  });
});

describe("a member with metrics", () => {
  it("reports the true size of its state, and the number of members in each state", async () => {
    const one = cluster();
    const sizes: number[] = [];
    const instances = new Map<string, number>();
    const metrics: Metrics = {
      increment: () => undefined,
      sample: () => undefined,
      gauge: (name, value, labels) => {
        if (name === "memberlist.size.local") sizes.push(value);
        if (name === "memberlist.node.instances") instances.set(labels["node_state"] as string, value);
      },
    };
    const node = await one.start({ metrics });
    expect(Object.fromEntries(instances)).toEqual({ alive: 1, suspect: 0, dead: 0, left: 0 });
    const peers = [await one.start({ meta: new Uint8Array(100) }), await one.start({ meta: new Uint8Array(500) })];
    for (const { seed } of peers) await one.settle(node.members.join([seed]));
    // The state that goes to the second peer has the first one's metadata.
    const [first = 0, second = 0] = sizes;
    expect(first).toBeGreaterThan(50);
    expect(second - first).toBeGreaterThan(150);
    expect(second - first).toBeLessThan(250);
    await one.until(() => node.members.numMembers() === 3);
    expect(Object.fromEntries(instances)).toEqual({ alive: 3, suspect: 0, dead: 0, left: 0 });
    await one.settle(peers[0]?.members.leave() ?? Promise.reject(new Error("no peer")));
    await one.until(() => instances.get("left") === 1);
    await one.settle(peers[1]?.members.shutdown() ?? Promise.reject(new Error("no peer")));
    await one.until(() => instances.get("suspect") === 1);
    await one.until(() => instances.get("dead") === 1);
    expect(Object.fromEntries(instances)).toEqual({ alive: 1, suspect: 0, dead: 1, left: 1 });
  });

  it("reports the traffic of streams in both directions, alike on both ends", async () => {
    const one = cluster();
    const [mine, theirs] = [collector(), collector()];
    const label = "shop";
    const a = await one.start({ metrics: mine.metrics, label });
    const b = await one.start({ metrics: theirs.metrics, label });
    await one.settle(a.members.join([b.seed]));
    await one.settle(a.members.sendReliable(b.seed, new Uint8Array(5_000)));
    await one.advance(100);
    const sum = (seen: Map<string, Seen>, name: string): number =>
      (seen.get(`memberlist.tcp.${name}`)?.values ?? []).reduce((total, value) => total + value, 0);
    // A stream begins with the label, 2 bytes and its length, which the messages' bytes do not include.
    expect(sum(theirs.seen, "received")).toBe(sum(mine.seen, "sent") + 2 * (2 + label.length));
    expect(sum(mine.seen, "received")).toBe(sum(theirs.seen, "sent"));
    expect(sum(mine.seen, "received")).toBeGreaterThan(0);
  });

  it("reports the longest queue of received messages since the last measurement", async () => {
    const one = cluster();
    const { metrics, seen } = collector();
    const [a, b] = (await one.joined(2, (i) => (i === 0 ? { metrics, queueCheckInterval: 500 } : {}))) as [TestNode, TestNode];
    await one.advance(1_000);
    const values = (): number[] => seen.get("memberlist.queue.handoff")?.values ?? [];
    const before = values().length;
    for (let i = 0; i < 7; i++) b.members.sendBestEffort(a.seed, bytes(`message ${i}`));
    await one.advance(1_000);
    expect(values().slice(before)).toEqual([7, 0]);
  });

  it("reports the configured labels and the reason of each drop", async () => {
    const one = cluster();
    const all: [string, number, Readonly<Record<string, string>>][] = [];
    const metrics: Metrics = {
      increment: (...args) => void all.push(args),
      gauge: () => undefined,
      sample: () => undefined,
    };
    const node = await one.start({ metrics, metricLabels: { zone: "a" } });
    const peer = one.network.transport();
    for (let i = 0; i < 2; i++)
      peer.writeTo(Uint8Array.of(99), { host: node.transport.host, port: node.transport.port, name: "" });
    await one.advance(10);
    const dropped = all.filter(([name]) => name === "memberlist.dropped");
    expect(dropped).toEqual([
      ["memberlist.dropped", 1, { zone: "a", reason: "unknown_type" }],
      ["memberlist.dropped", 1, { zone: "a", reason: "unknown_type" }],
    ]);
    expect(dropped[0]?.[2]).toBe(dropped[1]?.[2]);
    expect(node.members.counters()).toEqual({ "dropped.unknown_type": 2 });
    await peer.shutdown();
  });
});

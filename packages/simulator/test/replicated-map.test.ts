import { expect, test } from "vitest";
import { TransmitLimitedQueue } from "@memberlist/core";
import { simulate, type AppConfig, type AppContext } from "@memberlist/simulator";

interface Entry {
  readonly value: string;
  readonly version: number;
}

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const decode = (bytes: Uint8Array): [string, Entry][] => JSON.parse(new TextDecoder().decode(bytes)) as [string, Entry][];

/** A map that every member has: changes are gossiped, and push/pull mends what gossip could not reach. The higher version wins. */
class ReplicatedMap {
  readonly entries: Map<string, Entry> = new Map();
  readonly #changes: TransmitLimitedQueue;

  constructor({ members }: AppContext) {
    this.#changes = new TransmitLimitedQueue({
      numNodes: () => members()?.numMembers() ?? 1,
      maxPayload: () => members()?.maxPayload() ?? Infinity,
      retransmitMult: 3,
    });
  }

  set(key: string, value: string): void {
    const entry = { value, version: (this.entries.get(key)?.version ?? 0) + 1 };
    this.entries.set(key, entry);
    this.#changes.queueBroadcast({ name: key, message: encode([[key, entry]]) });
  }

  /** What the member needs of it. */
  config(): AppConfig {
    return {
      delegate: {
        notifyMsg: (message) => this.#merge(decode(message)),
        getBroadcasts: (overhead, limit) => this.#changes.getBroadcasts(overhead, limit),
        localState: () => encode([...this.entries]),
        mergeRemoteState: (state) => this.#merge(decode(state)),
      },
    };
  }

  #merge(changes: readonly [string, Entry][]): void {
    for (const [key, entry] of changes) {
      const known = this.entries.get(key);
      if (known === undefined || entry.version > known.version) this.entries.set(key, entry);
    }
  }
}

test("continues on both sides of a partition, and agrees once it has healed", async () => {
  const maps = new Map<string, ReplicatedMap>();
  const sim = await simulate({
    nodes: 6,
    seed: 3,
    latency: [1, 20],
    loss: 0.05,
    app: (context) => {
      const map = new ReplicatedMap(context);
      maps.set(context.name, map);
      return map.config();
    },
  });
  const map = (name: string): ReplicatedMap => maps.get(name) as ReplicatedMap;
  sim.invariant("versions-only-rise", versionsOnlyRise(maps));
  const values = (key: string): (string | undefined)[] => [...maps.values()].map((each) => each.entries.get(key)?.value);

  map("node-0").set("colour", "red");
  // Gossip may miss a member; then push/pulls bring it, one in 30 s.
  await sim.clock.runUntil(() => values("colour").every((value) => value === "red"), { limit: 300_000 });

  sim.network.partition(["node-0", "node-1"]);
  map("node-0").set("colour", "green");
  map("node-5").set("shape", "round");
  await sim.clock.advance(60_000);
  expect(values("colour")).toEqual(["green", "green", "red", "red", "red", "red"]);
  expect(values("shape")).toEqual([undefined, undefined, "round", "round", "round", "round"]);
  expect(sim.node("node-0").members.numMembers()).toBe(2);

  sim.network.heal();
  await sim.join("node-0", ["node-5"]);
  await sim.settle();
  await sim.clock.runUntil(() =>
    [...values("colour"), ...values("shape")].every((value) => value === "green" || value === "round"),
  );

  // It returns with nothing, and gets all of it from whom it joins.
  await sim.restart("node-3");
  expect(map("node-3").entries.size).toBe(0);
  await sim.join("node-3", ["node-0"]);
  expect(map("node-3").entries.get("colour")?.value).toBe("green");
  await sim.end();
});

function versionsOnlyRise(maps: ReadonlyMap<string, ReplicatedMap>): () => string | undefined {
  const seen = new Map<ReplicatedMap, Map<string, number>>();
  return () => {
    for (const [name, map] of maps) {
      for (const [key, { version }] of map.entries) {
        const before = seen.get(map)?.get(key) ?? 0;
        if (version < before) return `${key} fell from ${before} to ${version} at ${name}`;
        seen.set(map, new Map(seen.get(map)).set(key, version));
      }
    }
    return undefined;
  };
}

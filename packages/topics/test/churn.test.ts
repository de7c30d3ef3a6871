import { SeededRandom } from "@memberlist/core/testing";
import { expect, it } from "vitest";
import { TopicsCluster } from "./cluster.ts";

const minutes = 1.5;
const publishers = ["node-0", "node-1", "node-2", "node-3"];

/** The first message of a sender that is not in order, or came twice. */
function disorder(numbers: readonly number[]): string | undefined {
  const at = numbers.findIndex((number, i) => i > 0 && number <= (numbers[i - 1] as number));
  return at < 0 ? undefined : `${numbers[at]} follows ${numbers[at - 1]}`;
}

it.each([1, 2])(
  "misses nothing and delivers nothing twice through loss, partitions, crashes and restarts (seed %d)",
  async (seed) => {
    const random = new SeededRandom(seed);
    const cluster = await TopicsCluster.of({ nodes: 10, seed, loss: 0.1, checkInterval: 0 });
    const { sim } = cluster;
    const published = new Map<string, number>(publishers.map((name) => [name, 0]));
    for (let second = 0; second < minutes * 60; second++) {
      for (const name of publishers) {
        const number = (published.get(name) ?? 0) + 1;
        published.set(name, number);
        await cluster.publish(name, number);
      }
      // Publishers stay up; the others crash and return, and now and then the network splits for half a minute.
      if (second % 20 === 5) {
        const name = `node-${4 + Math.floor(random.next() * 6)}`;
        await sim.crash(name);
        await sim.clock.advance(5_000);
        await sim.restart(name);
        cluster.subscribe(name);
        await sim.clock.settle(sim.startJoin(name, ["node-0", "node-1", "node-2"]), { limit: 120_000 });
      }
      if (second % 80 === 40) sim.network.partition(sim.names.filter(() => random.next() < 0.5));
      if (second % 80 === 70) sim.network.heal();
      await sim.clock.advance(1_000);
    }
    sim.network.heal();
    // Healing and the next push/pulls.
    await sim.clock.advance(240_000);
    for (const name of sim.names) {
      for (const publisher of publishers) {
        const numbers = cluster.texts(name, publisher) as number[];
        expect(disorder(numbers), `${name} of ${publisher}`).toBeUndefined();
        // A restarted subscriber begins within the retention, which is longer than this test.
        expect([numbers[0], numbers.length], `${name} of ${publisher}`).toEqual([1, published.get(publisher)]);
      }
      expect(cluster.of(name).topics.counters().missed).toBe(0);
    }
    await cluster.end();
  },
);

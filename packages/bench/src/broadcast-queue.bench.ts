import { bench, describe } from "vitest";
import { aliveBroadcasts, unboundedQueue } from "./payloads.ts";

for (const size of [10, 1_000, 100_000]) {
  describe(`a queue of ${size} broadcasts`, () => {
    const entries = aliveBroadcasts(size);
    const queue = unboundedQueue(size);
    for (const entry of entries) queue.queueBroadcast(entry);
    let next = 0;
    bench("replace one, fill one packet", () => {
      queue.queueBroadcast(entries[next++ % size]!);
      queue.getBroadcasts(2, 1_398);
    });
  });
}

import { TransmitLimitedQueue } from "@memberlist/core";
import { bench, describe } from "vitest";
import { alives } from "./payloads.ts";
import { encodeAlive } from "../../memberlist/src/wire/messages/encode.ts";

for (const size of [10, 1_000, 100_000]) {
  describe(`a queue of ${size} broadcasts`, () => {
    const entries = alives(size).map((alive) => ({ name: alive.node, message: encodeAlive(alive) }));
    const queue = new TransmitLimitedQueue({
      numNodes: () => size,
      maxPayload: () => Infinity,
      retransmitMult: 1_000_000,
      maxCount: Infinity,
      maxBytes: Infinity,
    });
    for (const entry of entries) queue.queueBroadcast(entry);
    let next = 0;
    bench("replace one, fill one packet", () => {
      queue.queueBroadcast(entries[next++ % size]!);
      queue.getBroadcasts(2, 1_398);
    });
  });
}

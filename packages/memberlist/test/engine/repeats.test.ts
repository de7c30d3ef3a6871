import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeCompound } from "../../src/wire/compound.ts";
import { EngineHarness } from "./engine-harness.ts";
import { alive, dead, encodeMessage, suspect, type Message } from "./messages.ts";

/** With a list of allowed networks, even one that allows all, each alive message is looked at: nothing is dropped as a repeat. */
const looksAtAll = { cidrsAllowed: ["0.0.0.0/0", "::/0"] };

const names = fc.constantFrom("n1", "n2", "n3", "é");
const incarnations = fc.integer({ min: 0, max: 3 });
const claims: fc.Arbitrary<Message> = fc.oneof(
  fc
    .record({
      node: names,
      incarnation: incarnations,
      meta: fc.constantFrom(new Uint8Array(0), Uint8Array.of(1), Uint8Array.of(2)),
      addr: fc.constantFrom("127.0.0.2", "127.0.0.3", "2001:db8::1"),
      port: fc.constantFrom(0, 7946, 7947),
      vsn: fc.constantFrom<readonly number[]>([1, 5, 2, 0, 0, 0], [1, 5, 3, 0, 0, 0], [], [0, 0, 0, 0, 0, 0], [5, 1, 2, 0, 0, 0]),
    })
    .map(({ node, ...claim }) => alive(node, claim)),
  fc.record({ node: names, incarnation: incarnations }).map(({ node, incarnation }) => suspect(node, incarnation)),
  fc
    .record({ node: names, incarnation: incarnations, from: names })
    .map(({ node, incarnation, from }) => dead(node, incarnation, from)),
);

function outcome(node: EngineHarness): unknown {
  const { counters, events, engine } = node;
  return { counters: [...counters], events: [...events], state: engine.localState(), queued: engine.numQueuedBroadcasts };
}

describe("alive messages that say what is known", () => {
  it("are dropped before they are decoded, and nothing is different for it", () => {
    fc.assert(
      fc.property(fc.array(fc.array(claims, { minLength: 1, maxLength: 6 }), { maxLength: 12 }), (packets) => {
        const plain = new EngineHarness().start();
        const thorough = new EngineHarness({ config: looksAtAll }).start();
        for (const packet of packets) {
          const messages = packet.map((message) => encodeMessage(message));
          for (const node of [plain, thorough])
            node.deliver(messages.length === 1 ? (messages[0] as Uint8Array) : makeCompound(messages));
        }
        expect(outcome(plain)).toEqual(outcome(thorough));
      }),
      { numRuns: 500 },
    );
  });

  it("take no place in the queue of those that wait", () => {
    const node = new EngineHarness({ config: { handoffQueueDepth: 1 } }).start();
    node.deliver(encodeMessage(alive("n2")));
    const repeated = encodeMessage(alive("n2"));
    node.deliver(makeCompound([repeated, repeated, encodeMessage(alive("n3"))]));
    expect(node.count("dropped.handoff_full")).toBe(0);
    expect(node.engine.numMembers).toBe(3);
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MemberlistError } from "../../src/api/errors.ts";
import { makeCompound } from "../../src/wire/compound.ts";
import { UnchangedNodes } from "../../src/wire/messages/unchanged-nodes.ts";
import type { PushNodeState } from "../../src/wire/messages/types.ts";
import { encodePushPull } from "../../src/wire/messages/push-pull.ts";
import { readPushPull, type PushPullReading } from "../../src/wire/stream-messages.ts";
import { StreamReader } from "../../src/wire/stream-reader.ts";
import { EngineHarness, mergeAll } from "./engine-harness.ts";
import { alive, dead, encodeMessage, suspect, type Message } from "./messages.ts";

/** With a list of allowed networks, even one that allows all, each alive message is decoded: none is dropped as a duplicate. */
const looksAtAll = { cidrsAllowed: ["0.0.0.0/0", "::/0"] };

const names = fc.constantFrom("n1", "n2", "n3", "é");
const incarnations = fc.integer({ min: 0, max: 3 });
const forms = fc.constantFrom<true | undefined>(undefined, true);
const messagesAt = (addrs: readonly string[], ports: readonly number[]): fc.Arbitrary<Message> =>
  fc.oneof(
    fc
      .record({
        node: names,
        incarnation: incarnations,
        meta: fc.constantFrom(new Uint8Array(0), Uint8Array.of(1), Uint8Array.of(2)),
        addr: fc.constantFrom(...addrs),
        isMapped: forms,
        port: fc.constantFrom(...ports),
        vsn: fc.constantFrom<readonly number[]>(
          [1, 5, 2, 0, 0, 0],
          [1, 5, 3, 0, 0, 0],
          [],
          [0, 0, 0, 0, 0, 0],
          [5, 1, 2, 0, 0, 0],
        ),
      })
      .map(({ node, ...fields }) => alive(node, fields)),
    fc.record({ node: names, incarnation: incarnations }).map(({ node, incarnation }) => suspect(node, incarnation)),
    fc
      .record({ node: names, incarnation: incarnations, from: names })
      .map(({ node, incarnation, from }) => dead(node, incarnation, from)),
  );

/** Members are forgotten soon, and may return elsewhere. */
const forgetful = { probeInterval: 10, probeTimeout: 5, suspicionMult: 1, gossipToTheDeadTime: 20, deadNodeReclaimTime: 10 };
const configs = fc.constantFrom({}, forgetful);

/** The messages of one packet, and the pause after it in ms. */
type Round = readonly [messages: readonly Message[], ms: number];

const rounds = (messages: fc.Arbitrary<Message>): fc.Arbitrary<Round[]> =>
  fc.array(fc.tuple(fc.array(messages, { minLength: 1, maxLength: 6 }), fc.constantFrom(0, 0, 15, 60)), { maxLength: 12 });

/** The outcome in a node that drops duplicates, and in one that decodes all messages. */
function outcomesOf(all: readonly Round[], config: object): [plain: unknown, thorough: unknown] {
  const plain = new EngineHarness({ config }).start();
  const thorough = new EngineHarness({ config: { ...config, ...looksAtAll } }).start();
  for (const [decoded, ms] of all) {
    const messages = decoded.map((message) => encodeMessage(message));
    for (const node of [plain, thorough]) {
      node.deliver(messages.length === 1 ? (messages[0] as Uint8Array) : makeCompound(messages));
      node.advance(ms);
    }
  }
  return [outcome(plain), outcome(thorough)];
}

function outcome(node: EngineHarness): unknown {
  const { counters, events, engine } = node;
  return {
    counters: [...counters],
    events: [...events],
    state: engine.pushPull.localState(),
    queued: engine.numQueuedBroadcasts,
  };
}

describe("a node that receives duplicate alive messages", () => {
  it("drops them without decoding, with the same outcome as if it decoded them", () => {
    fc.assert(
      fc.property(rounds(messagesAt(["127.0.0.2", "127.0.0.3", "2001:db8::1"], [0, 7946, 7947])), configs, (all, config) => {
        const single = all.flatMap(([messages, ms]) => messages.map((message, i): Round => [[message], i === 0 ? ms : 0]));
        const [plain, thorough] = outcomesOf(single, config);
        expect(plain).toEqual(thorough);
      }),
      { numRuns: 1_000 },
    );
  }, 60_000);

  it("drops them out of compounds, with the same outcome", () => {
    // No member changes its address: which of two messages in one packet reports a conflict depends on their order, which is not promised.
    fc.assert(
      fc.property(rounds(messagesAt(["127.0.0.2"], [0, 7946])), configs, (all, config) => {
        const [plain, thorough] = outcomesOf(all, config);
        expect(plain).toEqual(thorough);
      }),
      { numRuns: 1_000 },
    );
  });

  it("decodes them again once the member was forgotten or has moved", () => {
    const node = new EngineHarness({ config: forgetful }).start();
    const hear = (message: Message): void => {
      for (let i = 0; i < 3; i++) node.deliver(encodeMessage(message));
    };
    hear(alive("n2"));
    node.deliver(dead("n2"));
    node.advance(200);
    expect(node.state("n2")).toBeUndefined();
    hear(alive("n2"));
    expect(node.state("n2")).toBe("alive");
    node.deliver(dead("n2", 1, "n2"));
    node.deliver(encodeMessage(alive("n2", { incarnation: 2, addr: "127.0.0.9" })));
    expect(node.engine.members().find(({ name }) => name === "n2")?.addr).toBe("127.0.0.9");
    expect(node.count("dropped.name_conflict")).toBe(0);
    // What was a duplicate before contradicts the table now.
    hear(alive("n2"));
    expect(node.count("dropped.name_conflict")).toBe(3);
  });

  it("gives them no place in the handoff queue", () => {
    const node = new EngineHarness({ config: { handoffQueueDepth: 1 } }).start();
    node.deliver(encodeMessage(alive("n2")));
    const repeated = encodeMessage(alive("n2"));
    node.deliver(makeCompound([repeated, repeated, encodeMessage(alive("n3"))]));
    expect(node.count("dropped.handoff_full")).toBe(0);
    expect(node.engine.numMembers).toBe(3);
  });
});

const limits = { maxPushStateBytes: 1e6, maxPushStateNodes: 100, maxUserMsgBytes: 1e6, maxDecompressedBytes: 1e6 };
const states: fc.Arbitrary<PushNodeState> = fc.record({
  name: names,
  incarnation: incarnations,
  meta: fc.constantFrom(new Uint8Array(0), Uint8Array.of(1), Uint8Array.of(2)),
  addr: fc.constantFrom("127.0.0.2", "127.0.0.3", "2001:db8::1"),
  isMapped: forms,
  port: fc.constantFrom(0, 7946, 7947),
  vsn: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom<readonly number[]>([1, 5, 2, 0, 0, 0], [1, 5, 3, 0, 0, 0]) },
    fc.constantFrom<readonly number[]>([], [1, 2, 2, 0, 0, 0]),
  ),
  state: fc.nat(4),
});

/** Gives a node a peer's state as a stream would. @returns how many of its nodes were decoded; and why they were refused, if they were */
async function pushPull(
  node: EngineHarness,
  message: Uint8Array,
  reading: PushPullReading,
): Promise<{ decoded: number; refused?: unknown }> {
  const { nodes } = await readPushPull(new StreamReader(message.subarray(1)), limits, reading);
  try {
    node.run(() => mergeAll(node.engine, nodes, false));
    return { decoded: nodes.length };
  } catch (error) {
    return { decoded: nodes.length, refused: (error as MemberlistError).code };
  }
}

/** Our own nodes, as they are now. */
function knownOf({ engine }: EngineHarness): Promise<UnchangedNodes> {
  return UnchangedNodes.of(encodePushPull(false, engine.pushPull.localState(), new Uint8Array(0)), undefined);
}

describe("a node that receives unchanged nodes in a push/pull", () => {
  it("skips them without decoding, with the same outcome as if it decoded them", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(states, { maxLength: 8 }), { maxLength: 8 }), async (pushPulls) => {
        const plain = new EngineHarness().start();
        const thorough = new EngineHarness().start();
        for (const nodes of pushPulls) {
          const message = encodePushPull(false, nodes, new Uint8Array(0));
          const fast = await pushPull(plain, message, { unchanged: await knownOf(plain) });
          const whole = await pushPull(thorough, message, {});
          expect(fast.refused).toBe(whole.refused);
          expect(fast.decoded).toBeLessThanOrEqual(whole.decoded);
        }
        expect(outcome(plain)).toEqual(outcome(thorough));
      }),
      { numRuns: 500 },
    );
  });

  it("merges them like others when the table has changed between writing and reading", async () => {
    const fields = { meta: new Uint8Array(0), addr: "127.0.0.2", port: 7946, vsn: [1, 5, 2, 0, 0, 0] };
    const reported = fc
      .record({ name: names, incarnation: incarnations, state: fc.nat(4) })
      .map((node) => ({ ...fields, ...node }));
    const someReported = fc.array(reported, { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(someReported, someReported, someReported, configs, async (before, meanwhile, nodes, config) => {
        const plain = new EngineHarness({ config }).start();
        const thorough = new EngineHarness({ config }).start();
        for (const node of [plain, thorough]) node.run(() => mergeAll(node.engine, before, false));
        const unchanged = await knownOf(plain);
        for (const node of [plain, thorough]) {
          node.run(() => mergeAll(node.engine, meanwhile, false));
          node.advance(15);
        }
        const message = encodePushPull(false, nodes, new Uint8Array(0));
        await pushPull(plain, message, { unchanged });
        await pushPull(thorough, message, {});
        expect(outcome(plain)).toEqual(outcome(thorough));
      }),
      { numRuns: 500 },
    );
  });

  it("skips all of them if the two states are the same", async () => {
    const node = new EngineHarness().start();
    const others = Array.from({ length: 20 }, (_, i) => ({
      name: `n${i + 2}`,
      addr: i % 2 === 0 ? `127.0.1.${i}` : `2001:db8::${i}`,
      port: 7946,
      meta: new Uint8Array(i),
      incarnation: 1 + i,
      state: 0,
      vsn: [1, 5, 2, 0, 0, 0],
    }));
    const message = encodePushPull(true, others, new Uint8Array(0));
    expect(await pushPull(node, message, { unchanged: await knownOf(node) })).toEqual({ decoded: 20 });
    const unchanged = await knownOf(node);
    expect(await pushPull(node, message, { unchanged })).toEqual({ decoded: 0 });
    const same = encodePushPull(true, node.engine.pushPull.localState(), new Uint8Array(0));
    expect(await pushPull(node, same, { unchanged })).toEqual({ decoded: 0 });
    // Suspects and dead members are decoded even if we have them in the same state.
    const suspects = encodePushPull(
      true,
      others.slice(0, 3).map((other) => ({ ...other, state: 1 })),
      new Uint8Array(0),
    );
    expect(await pushPull(node, suspects, { unchanged })).toEqual({ decoded: 3 });
    expect(await pushPull(node, suspects, { unchanged: await knownOf(node) })).toEqual({ decoded: 3 });
  });
});

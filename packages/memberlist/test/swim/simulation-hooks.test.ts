import { describe, expect, it } from "vitest";
import type { Sender } from "../../src/swim/simulation-hooks.ts";
import { EngineHarness } from "./engine-harness.ts";
import { ack, alive } from "./messages.ts";

describe("the onSend hook", () => {
  const config = { probeInterval: 200, probeTimeout: 50, gossipInterval: 20, pushPullInterval: 300, disableTcpPings: true };

  interface Held {
    readonly node: EngineHarness;
    readonly waiting: Map<Sender, () => void>;
    isHeld: boolean;
    release(): void;
  }

  /** A node whose senders wait, each with its first send. */
  function held(): Held {
    const waiting = new Map<Sender, () => void>();
    const onSend = (sender: Sender, send: () => void): void => {
      if (!self.isHeld) send();
      else if (!waiting.has(sender)) waiting.set(sender, send);
    };
    const node = new EngineHarness({ fixedRandom: 0, config, hooks: { onSend } });
    const release = (): void => {
      self.isHeld = false;
      const sends = [...waiting.values()];
      waiting.clear();
      node.run(() => {
        for (const send of sends) send();
      });
    };
    const self: Held = { node, waiting, isHeld: true, release };
    node.start().deliverAll(alive("n3"), alive("n2"));
    return self;
  }

  it("pauses probes, gossip and push/pulls, and resumes one of each later", () => {
    const { node, waiting, release } = held();
    node.advance(1000);
    expect([node.sent, node.pushPulls]).toEqual([[], []]);
    expect([...waiting.keys()].toSorted()).toEqual(["gossip", "probe", "pushPull"]);
    release();
    expect(node.sentOf("ping")).toHaveLength(1);
    expect(node.sentOf("alive").length).toBeGreaterThan(0);
    expect(node.pushPulls).toHaveLength(1);
  });

  it("sends no indirect ping for a target that answered while they were paused", () => {
    const answered = held();
    answered.release();
    answered.node.advance(0);
    answered.isHeld = true;
    answered.node.advance(60);
    answered.node.deliver(ack(answered.node.sentOf("ping")[0]?.seqNo ?? -1));
    answered.release();
    expect(answered.node.sentOf("indirectPing")).toEqual([]);
    const silent = held();
    silent.release();
    silent.node.advance(0);
    silent.isHeld = true;
    silent.node.advance(60);
    expect(silent.node.sentOf("indirectPing")).toEqual([]);
    expect([...silent.waiting.keys()]).toContain("probe");
    expect(["gossip", "probe", "pushPull"]).toEqual(expect.arrayContaining([...silent.waiting.keys()]));
    silent.release();
    expect(silent.node.sentOf("indirectPing")).toHaveLength(1);
  });
});

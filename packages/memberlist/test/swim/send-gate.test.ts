import { describe, expect, it } from "vitest";
import { SendGate, type Sender } from "../../src/swim/send-gate.ts";
import { EngineHarness } from "./engine-harness.ts";
import { ack, alive } from "./messages.ts";

describe("a closed gate", () => {
  it("keeps the first send of each sender, and lets them go on in their order, as one input", () => {
    const gate = new SendGate();
    const sent: string[] = [];
    const send = (sender: Sender, what: string): void => gate.pass(sender, () => sent.push(what));
    let inputs = 0;
    gate.run = (goOn) => {
      inputs++;
      goOn();
    };
    send("probe", "before");
    gate.close();
    send("gossip", "gossip");
    send("probe", "probe");
    send("gossip", "gossip again");
    expect(sent).toEqual(["before"]);
    gate.open();
    expect(sent).toEqual(["before", "gossip", "probe"]);
    send("gossip", "after");
    expect(sent).toEqual(["before", "gossip", "probe", "after"]);
    gate.close();
    gate.open();
    expect(sent).toHaveLength(4);
    expect(inputs).toBe(1);
  });

  it("goes on by itself where nobody says how", () => {
    const gate = new SendGate();
    let sent = 0;
    gate.close();
    gate.pass("probe", () => sent++);
    gate.open();
    expect(sent).toBe(1);
  });
});

describe("a member behind a gate", () => {
  const config = { probeInterval: 200, probeTimeout: 50, gossipInterval: 20, pushPullInterval: 300, disableTcpPings: true };

  function gated(): { gate: SendGate; node: EngineHarness } {
    const gate = new SendGate();
    const node = new EngineHarness({ fixedRandom: 0, config, tunables: { gate } });
    gate.run = (goOn) => node.run(goOn);
    gate.close();
    node.start().deliverAll(alive("n3"), alive("n2"));
    return { gate, node };
  }

  it("neither probes, gossips nor pushes while it is closed, and does one of each when it opens", () => {
    const { gate, node } = gated();
    node.advance(1000);
    expect([node.sent, node.pushPulls]).toEqual([[], []]);
    gate.open();
    expect(node.sentOf("ping")).toHaveLength(1);
    expect(node.sentOf("alive").length).toBeGreaterThan(0);
    expect(node.pushPulls).toHaveLength(1);
  });

  it("asks nobody for a target that was answered for while the gate was closed", () => {
    const { gate, node } = gated();
    gate.open();
    node.advance(0);
    gate.close();
    node.advance(60);
    node.deliver(ack(node.sentOf("ping")[0]?.seqNo ?? -1));
    gate.open();
    expect(node.sentOf("indirectPing")).toEqual([]);
    const asking = gated();
    asking.gate.open();
    asking.node.advance(0);
    asking.gate.close();
    asking.node.advance(60);
    expect(asking.node.sentOf("indirectPing")).toEqual([]);
    asking.gate.open();
    expect(asking.node.sentOf("indirectPing")).toHaveLength(1);
  });
});

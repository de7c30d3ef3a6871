import type { Sender } from "@memberlist/core/internal";
import { expect, it } from "vitest";
import { SendGate } from "../src/send-gate.ts";

it("pauses the first send of each sender while it is closed, and resumes them in order as one input", () => {
  let inputs = 0;
  const gate = new SendGate((goOn) => {
    inputs++;
    goOn();
  });
  const sent: string[] = [];
  const send = (sender: Sender, what: string): void => gate.pass(sender, () => sent.push(what));
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

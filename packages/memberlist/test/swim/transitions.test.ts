import { describe, expect, it } from "vitest";
import { EngineHarness, type KnownNode } from "./engine-harness.ts";
import { alive, dead, suspect, type Message } from "./messages.ts";

type Start = "unknown" | "alive" | "suspect" | "dead" | "left" | "ourselves";
type Received = "alive" | "suspect" | "dead" | "left";

/** The resulting state, broadcast and event; "-" for none, and an empty string if nothing changes. */
type Outcome = string;

/** The effect of each message on a node, by its incarnation: lower than the known one, equal, higher. Source: PROTOCOL.md section 5. */
const transitions: Record<Start, Record<Received, [lower: Outcome, equal: Outcome, higher: Outcome]>> = {
  unknown: {
    alive: ["alive alive join", "alive alive join", "alive alive join"],
    suspect: ["", "", ""],
    dead: ["", "", ""],
    left: ["", "", ""],
  },
  alive: {
    alive: ["", "", "alive alive -"],
    suspect: ["", "suspect suspect suspect", "suspect suspect suspect"],
    dead: ["", "dead dead leave", "dead dead leave"],
    left: ["", "left dead leave", "left dead leave"],
  },
  suspect: {
    alive: ["", "", "alive alive alive"],
    // A confirmation: it is passed on, and changes nothing else.
    suspect: ["", "suspect suspect -", "suspect suspect -"],
    dead: ["", "dead dead leave", "dead dead leave"],
    left: ["", "left dead leave", "left dead leave"],
  },
  dead: {
    alive: ["", "", "alive alive join"],
    suspect: ["", "", ""],
    dead: ["", "", ""],
    left: ["", "", ""],
  },
  left: {
    alive: ["", "", "alive alive join"],
    suspect: ["", "", ""],
    dead: ["", "", ""],
    left: ["", "", ""],
  },
  ourselves: {
    alive: ["", "alive alive refute", "alive alive refute"],
    suspect: ["", "alive alive refute", "alive alive refute"],
    dead: ["", "alive alive refute", "alive alive refute"],
    left: ["", "alive alive refute", "alive alive refute"],
  },
};

const known = 5;
const foreignMeta: Uint8Array = Uint8Array.of(1, 2, 3);

/** A node that knows six others, of which the subject is at incarnation 5 and in the state `start`. */
function arrange(start: Start): { node: EngineHarness; subject: string } {
  const node = new EngineHarness().start();
  for (let i = 3; i <= 7; i++) node.deliver(alive(`n${i}`));
  const subject = start === "ourselves" ? "n1" : "n2";
  if (start === "ourselves") node.deliver(suspect("n1", known - 1));
  else if (start !== "unknown") node.deliver(alive("n2", { incarnation: known }));
  if (start === "suspect") node.deliver(suspect("n2", known, "n3"));
  if (start === "dead") node.deliver(dead("n2", known, "n3"));
  if (start === "left") node.deliver(dead("n2", known, "n2"));
  node.takeBroadcasts();
  node.takeEvents();
  return { node, subject };
}

function messageOf(received: Received, subject: string, incarnation: number): Message {
  switch (received) {
    case "alive":
      return alive(subject, { incarnation, meta: subject === "n1" ? foreignMeta : new Uint8Array(0) });
    case "suspect":
      return suspect(subject, incarnation, "n4");
    case "dead":
      return dead(subject, incarnation, "n4");
    default:
      return dead(subject, incarnation, subject);
  }
}

/** The visible outcome: the node in the table, events and broadcasts. */
function expectation(
  start: Start,
  received: Received,
  incarnation: number,
  outcome: Outcome,
  before: KnownNode | undefined,
): unknown {
  if (outcome === "") return { node: before, events: [], broadcasts: [] };
  const [state, kind, event] = outcome.split(" ");
  const subject = start === "ourselves" ? "n1" : "n2";
  const isConfirmation = start === "suspect" && received === "suspect";
  const sent = start === "ourselves" ? incarnation + 1 : incarnation;
  const { addr, port, meta, vsn } = alive("n2");
  return {
    node: { name: subject, addr, port, meta, vsn, ...before, state, incarnation: isConfirmation ? known : sent },
    events: event === "-" ? [] : [`${event} ${subject}`],
    broadcasts: [
      { ...(start === "ourselves" ? alive("n1", { incarnation: sent }) : messageOf(received, subject, incarnation)), kind },
    ],
  };
}

describe("the state machine of a node", () => {
  for (const start of Object.keys(transitions) as Start[]) {
    for (const received of Object.keys(transitions[start]) as Received[]) {
      for (const [i, relation] of ["lower", "equal", "higher"].entries()) {
        const outcome = transitions[start][received][i] as Outcome;
        it(`answers ${received} with ${relation} incarnation in state ${start}: ${outcome === "" ? "nothing" : outcome}`, () => {
          const { node, subject } = arrange(start);
          const incarnation = known + i - 1;
          const expected = expectation(start, received, incarnation, outcome, node.node(subject));
          node.deliver(messageOf(received, subject, incarnation));
          expect({ node: node.node(subject), events: node.eventTypes(), broadcasts: node.takeBroadcasts() }).toEqual(expected);
        });
      }
    }
  }

  it("counts live nodes after every change of state", () => {
    const members = (["unknown", "alive", "suspect", "dead", "left"] as const).map(
      (start) => arrange(start).node.engine.numMembers,
    );
    expect(members).toEqual([6, 7, 7, 6, 6]);
  });
});

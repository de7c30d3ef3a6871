import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { Node } from "../../src/api/node.ts";
import { EngineHarness } from "./engine-harness.ts";
import { alive, dead, goodVersions, hostOf, suspect } from "./messages.ts";

type Known = Omit<Node, "pMin" | "pMax" | "pCur" | "dMin" | "dMax" | "dCur">;

/** The expected table after membership messages, in the simplest form: one object for each node. */
class NaiveTable {
  readonly nodes: Map<string, Known> = new Map();

  alive(name: string, incarnation: number, meta: Uint8Array): void {
    const before = this.nodes.get(name);
    if (before !== undefined && incarnation <= before.incarnation) return;
    if (before === undefined && incarnation === 0) return;
    this.nodes.set(name, { name, addr: hostOf(name), port: 7946, meta, incarnation, state: "alive" });
  }

  suspect(name: string, incarnation: number): void {
    this.#accuse(name, incarnation, ["alive"], "suspect");
  }

  dead(name: string, incarnation: number, from: string): void {
    this.#accuse(name, incarnation, ["alive", "suspect"], name === from ? "left" : "dead");
  }

  #accuse(name: string, incarnation: number, states: readonly string[], state: Known["state"]): void {
    const before = this.nodes.get(name);
    if (before === undefined || incarnation < before.incarnation || !states.includes(before.state)) return;
    this.nodes.set(name, { ...before, incarnation, state });
  }
}

const names = fc.constantFrom("n2", "n3", "n4");
const incarnations = fc.nat(6);
const metas = fc.oneof(
  { weight: 3, arbitrary: fc.uint8Array({ maxLength: 4 }) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 120, maxLength: 140 }) },
);
const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant("alive" as const), name: names, incarnation: incarnations, meta: metas }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("suspect" as const), name: names, incarnation: incarnations }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("dead" as const), name: names, incarnation: incarnations, from: names }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom("view" as const, "members" as const), name: names }) },
);

it("knows of each member the same as a naive table, after any sequence of messages and with views taken in between", () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
      const node = new EngineHarness().start();
      const model = new NaiveTable();
      const taken: { readonly view: Node; readonly copy: Node }[] = [];
      for (const step of commands) {
        const { name } = step;
        if (step.type === "alive") {
          const { incarnation, meta } = step;
          node.deliver(alive(name, { incarnation, meta, vsn: goodVersions }));
          model.alive(name, incarnation, meta);
        } else if (step.type === "suspect") {
          node.deliver(suspect(name, step.incarnation));
          model.suspect(name, step.incarnation);
        } else if (step.type === "dead") {
          node.deliver(dead(name, step.incarnation, step.from));
          model.dead(name, step.incarnation, step.from);
        } else {
          const views = step.type === "view" ? [node.engine.member(name)] : node.engine.members();
          for (const view of views) if (view !== undefined) taken.push({ view, copy: { ...view, meta: view.meta.slice() } });
        }
        const infos = node.engine.memberInfos(["alive", "suspect", "dead", "left"], 0, 0);
        const others = infos.filter((info) => info.name !== node.engine.localNode.name);
        expect(others.map(({ name: of }) => of).toSorted()).toEqual([...model.nodes.keys()].toSorted());
        for (const info of others) expect(info).toMatchObject(model.nodes.get(info.name) as Known);
      }
      // A view stays as it was, and the table has its own.
      for (const { view, copy } of taken) expect(view).toEqual(copy);
      for (const [name, known] of model.nodes) expect(node.engine.member(name)).toMatchObject(known);
    }),
    { numRuns: 200 },
  );
});

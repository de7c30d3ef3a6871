import { describe, expect, it } from "vitest";
import { TurnBudget } from "../../src/util/turn-budget.ts";

/** A budget of 10 a turn, and turns that the test ends. */
function budgetOf10(): {
  readonly budget: TurnBudget;
  readonly nextTurn: () => Promise<void>;
  readonly turnsAsked: () => number;
} {
  const ends: (() => void)[] = [];
  let asked = 0;
  const budget = new TurnBudget(10, () => {
    asked++;
    return new Promise((resolve) => void ends.push(resolve));
  });
  const nextTurn = async (): Promise<void> => {
    for (const end of ends.splice(0)) end();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { budget, nextTurn, turnsAsked: () => asked };
}

describe("TurnBudget", () => {
  it("runs work at once, without a promise, until the turn's budget is spent", () => {
    const { budget, turnsAsked } = budgetOf10();
    const spend = (cost: number) => (): number => {
      budget.spend(cost);
      return cost;
    };
    expect([budget.run(spend(4)), budget.run(spend(5)), budget.run(spend(50))]).toEqual([4, 5, 50]);
    expect(budget.run(spend(1))).toBeInstanceOf(Promise);
    expect(turnsAsked()).toBe(1);
  });

  it("runs waiting work in order, one budget a turn", async () => {
    const { budget, nextTurn } = budgetOf10();
    const ran: number[] = [];
    const results = Array.from({ length: 12 }, (_, i) =>
      budget.run(() => {
        budget.spend(4);
        ran.push(i);
        return i;
      }),
    );
    const inTurns = [ran.length];
    while (ran.length < 12) {
      await nextTurn();
      inTurns.push(ran.length);
    }
    expect(inTurns).toEqual([3, 6, 9, 12]);
    expect(ran).toEqual(Array.from({ length: 12 }, (_, i) => i));
    expect(await Promise.all(results.map(async (result) => result))).toEqual(ran);
  });

  it("never lets new work overtake waiting work", async () => {
    const { budget, nextTurn } = budgetOf10();
    const ran: string[] = [];
    const work = (name: string, cost: number) => () => {
      budget.spend(cost);
      ran.push(name);
    };
    const first = budget.run(work("first", 10));
    const waiting = budget.run(work("waiting", 1));
    const late = budget.run(work("late", 1));
    expect(ran).toEqual(["first"]);
    await nextTurn();
    for (const one of [first, waiting, late]) await one;
    expect(ran).toEqual(["first", "waiting", "late"]);
  });

  it("rethrows errors of work, at once and after a wait, and continues", async () => {
    const { budget, nextTurn } = budgetOf10();
    const fail = (): never => {
      throw new Error("bad");
    };
    expect(() => budget.run(fail)).toThrow("bad");
    budget.spend(10);
    const failed = budget.run(fail);
    const next = budget.run(() => 7);
    const outcome = Promise.allSettled([failed, next]);
    await nextTurn();
    expect(await outcome).toMatchObject([{ status: "rejected" }, { status: "fulfilled", value: 7 }]);
  });

  it("restores its whole budget after a turn, and requests no turn while the budget is whole", async () => {
    const { budget, nextTurn, turnsAsked } = budgetOf10();
    budget.spend(10);
    await nextTurn();
    await nextTurn();
    expect(budget.run(() => 1)).toBe(1);
    expect(turnsAsked()).toBe(1);
  });
});

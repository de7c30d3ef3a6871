import type { AgentEvent, DemoEvent, StateEvent } from "./demo-event.ts";

/** A node in the table. */
export interface Row {
  readonly name: string;
  /** "" as long as it is not known. */
  readonly runtime: string;
  readonly address: string;
  readonly meta: string;
  /** Its process, where it is one of ours. */
  readonly process: string;
}

type State = Exclude<StateEvent["state"], "forgotten">;

/** What a live table shows: who sees whom how. Made from the events alone. */
export class Board {
  /** The agents that we run, in order: each sees the others. */
  observers: readonly string[] = [];
  readonly #rows: Map<string, Row> = new Map();
  readonly #running: Set<string> = new Set();
  readonly #states: Map<string, Map<string, State>> = new Map();

  /** Our agents, then all others that one of them knows. */
  get rows(): readonly Row[] {
    const known = [...this.#rows.values()].filter(({ name }) => !this.observers.includes(name) && this.#isKnown(name));
    return [...this.observers.map((name) => this.#row(name)), ...known];
  }

  /** Absent: not known to it, or it does not run. */
  state(observer: string, node: string): State | undefined {
    return this.#running.has(observer) ? this.#states.get(observer)?.get(node) : undefined;
  }

  isRunning(observer: string): boolean {
    return this.#running.has(observer);
  }

  apply(event: DemoEvent): void {
    if (event.event === "begin") this.observers = event.agents;
    else if (event.event === "agent") this.#applyAgent(event);
    else if (event.event === "state") this.#applyState(event);
    else if (event.event === "meta") this.#change(event.node, { address: event.address, meta: event.meta });
  }

  #applyAgent({ agent, status, runtime, address, pid }: AgentEvent): void {
    this.#change(agent, { runtime, address, process: status === "running" ? `pid ${pid}` : status });
    if (status === "running") this.#running.add(agent);
    else {
      this.#running.delete(agent);
      this.#states.delete(agent);
    }
  }

  #applyState({ observer, node, state }: StateEvent): void {
    let states = this.#states.get(observer);
    if (states === undefined) this.#states.set(observer, (states = new Map()));
    if (state !== "forgotten") {
      states.set(node, state);
      this.#row(node);
    } else if (!this.observers.includes(node)) {
      // Somebody who came and went. Ours stay in the table, with the state that they were last seen in.
      for (const each of this.#states.values()) each.delete(node);
    }
  }

  #isKnown(name: string): boolean {
    return this.observers.some((observer) => this.state(observer, name) !== undefined);
  }

  #row(name: string): Row {
    return this.#rows.get(name) ?? this.#change(name, {});
  }

  #change(name: string, fields: Partial<Row>): Row {
    const row = { name, runtime: "", address: "", meta: "", process: "", ...this.#rows.get(name), ...fields };
    this.#rows.set(name, row);
    return row;
  }
}

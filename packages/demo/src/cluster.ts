import { epochMs } from "@memberlist/interop";
import { Agent, type AgentPlan } from "./agent.ts";
import type { DemoEvent, Report } from "./demo-event.ts";

/** How often the agents' events are taken, in ms. Times are the agents' own and do not depend on it. */
const drainInterval = 20;

interface Wait {
  readonly missing: () => readonly string[];
  readonly resolve: () => void;
}

/** Several agents, each in a process of its own, and what they see. */
export class Cluster {
  readonly agents: readonly Agent[];
  /** Rejects when an agent's process ends unexpectedly; never resolves. */
  readonly failed: Promise<never>;
  readonly #report: Report;
  /** What the agents have reported in this round. */
  #events: DemoEvent[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #waits: Set<Wait> = new Set();
  readonly #starting: Set<Promise<void>> = new Set();
  #fail: (error: Error) => void = () => undefined;
  #stopped = false;

  constructor(plans: readonly AgentPlan[], report: Report) {
    this.#report = report;
    this.agents = plans.map((plan) => new Agent(plan, (event) => this.#take(event)));
    this.failed = new Promise((_resolve, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => undefined); // Between two steps no code awaits it.
    this.#timer = setInterval(() => this.#round(), drainInterval);
  }

  get running(): readonly Agent[] {
    return this.agents.filter((agent) => agent.isRunning);
  }

  agent(name: string): Agent {
    const found = this.agents.find((agent) => agent.name === name);
    if (found === undefined) throw new Error(`unknown agent ${name}`);
    return found;
  }

  /** The observations that are still missing, as the cause of a failed step. */
  get missing(): readonly string[] {
    return [...this.#waits].flatMap((wait) => wait.missing());
  }

  /** Starts an agent's process, or starts it again. */
  async start(agent: Agent): Promise<void> {
    const starting = this.#start(agent);
    this.#starting.add(starting);
    try {
      await starting;
    } finally {
      this.#starting.delete(starting);
    }
  }

  /** Waits until `missing` returns an empty list. The wait has no deadline: race it against one. */
  async until(missing: () => readonly string[]): Promise<void> {
    this.#drain();
    if (missing().length === 0) return;
    await new Promise<void>((resolve) => this.#waits.add({ missing, resolve }));
  }

  /** Forgets all waits: their step is over. */
  stopWaiting(): void {
    this.#waits.clear();
  }

  /** Ends all processes. No agent can be started afterwards. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.stopWaiting();
    await Promise.allSettled(this.agents.map((agent) => agent.stop()));
    // Those that were just being started end themselves as soon as they are.
    await Promise.allSettled(this.#starting);
  }

  async #start(agent: Agent): Promise<void> {
    if (this.#stopped) throw new Error("the cluster was stopped");
    await agent.start();
    if (this.#stopped) return agent.stop();
    const { peer } = agent;
    peer.ended.then(
      () => {
        if (agent.isRunning && agent.peer === peer) this.#lost(agent);
      },
      () => undefined,
    );
  }

  #round(): void {
    this.#drain();
    for (const wait of this.#waits) {
      if (wait.missing().length > 0) continue;
      this.#waits.delete(wait);
      wait.resolve();
    }
  }

  #lost(agent: Agent): void {
    agent.lost();
    if (this.#stopped) return;
    const { complaints } = agent;
    this.#report({ event: "note", at: epochMs(), text: `${agent.name}'s process has ended` });
    this.#fail(new Error(`${agent.name}'s process has ended by itself${complaints === "" ? "" : `\n${complaints}`}`));
  }

  #drain(): void {
    for (const agent of this.agents) agent.drain();
    this.#flush();
  }

  #take(event: DemoEvent): void {
    this.#events.push(event);
    // What we do to an agent belongs before what comes of it.
    if (event.event === "agent") this.#flush();
  }

  /** Reports the events of all agents in the order in which they happened. */
  #flush(): void {
    const events = this.#events.sort((one, other) => one.at - other.at);
    this.#events = [];
    for (const event of events) this.#report(event);
  }
}

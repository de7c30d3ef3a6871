import { lanConfig } from "@memberlist/core";
import { settleByTicks } from "../settle.ts";
import { simulate } from "../simulate.ts";
import type { Tunables } from "../tunables.ts";
import type { Simulation } from "../simulation.ts";

/** The five configurations of the Lifeguard paper, in its order. */
export const lifeguardConfigurations = ["SWIM", "LHA-Probe", "LHA-Suspicion", "Buddy", "Lifeguard"] as const;

export type LifeguardConfiguration = (typeof lifeguardConfigurations)[number];

/** One run: `anomalous` agents are held for `duration` ms, together. Source: the Lifeguard paper, section on the experiments. */
export interface LifeguardInput {
  readonly configuration: LifeguardConfiguration;
  readonly seed: string;
  readonly agents: number;
  /** C: how many agents are slow. */
  readonly anomalous: number;
  /** D, in ms. */
  readonly duration: number;
  /** I, in ms, between two anomalies; undefined: the run has one anomaly, and measures latency. */
  readonly interval: number | undefined;
}

/** The result of one run. */
export interface LifeguardOutcome {
  /** Failure events about agents that are not anomalous, raised anywhere. */
  readonly falsePositives: number;
  /** The same, raised at agents that are not anomalous. */
  readonly healthyFalsePositives: number;
  readonly messages: number;
  readonly bytes: number;
  /** From the start of the anomaly to the first failure event at a healthy agent, in ms, for each anomalous agent that had one. */
  readonly firstDetections: readonly number[];
  /** The same, to the last healthy agent's failure event, for those that all of them saw fail. */
  readonly disseminations: readonly number[];
}

const quiesce = 15_000;
const end = 120_000;
const suspicionConfirmations = 3;
/**
 * ms for each packet that has waited for an anomaly's end. In the Go library one goroutine reads them, one by one, while the one that probes
 * goes on to its verdict. 0.02 is about what Go takes; what matters is that the verdict does not wait for the last of them.
 */
const readTime = 0.02;

interface Configuration {
  readonly tunables: Partial<Tunables>;
  readonly suspicionMaxTimeoutMult: number;
}

function configurationOf(name: LifeguardConfiguration): Configuration {
  const all = name === "Lifeguard";
  const decays = all || name === "LHA-Suspicion";
  return {
    tunables: {
      lhaProbe: all || name === "LHA-Probe",
      suspicionConfirmations: decays ? suspicionConfirmations : 0,
      buddy: all || name === "Buddy",
    },
    suspicionMaxTimeoutMult: decays ? 6 : 1,
  };
}

/** Plays one run in virtual time. */
export async function lifeguardRun(input: LifeguardInput): Promise<LifeguardOutcome> {
  const { tunables, suspicionMaxTimeoutMult } = configurationOf(input.configuration);
  const simulation = await simulate({
    nodes: input.agents,
    start: "preloaded",
    seed: input.seed,
    latency: [0.2, 1],
    checkInterval: 0,
    settle: settleByTicks,
    tunables,
    // Features that the paper's library did not have are off.
    config: { ...lanConfig(), suspicionMult: 5, suspicionMaxTimeoutMult, healingInterval: 0, lagAwareness: false },
  });
  await simulation.clock.advance(quiesce);
  const run = new Run(simulation, input);
  await run.play();
  await simulation.end();
  return run.outcome();
}

class Run {
  readonly #simulation: Simulation;
  readonly #input: LifeguardInput;
  readonly #slow: ReadonlySet<string>;
  readonly #failures: Map<string, { first: number; last: number; readonly observers: Set<string> }> = new Map();
  #falsePositives = 0;
  #healthyFalsePositives = 0;
  #messages = 0;
  #bytes = 0;
  #start = 0;
  /** While nodes are shut down in the end, nothing counts. */
  #isOver = false;

  constructor(simulation: Simulation, input: LifeguardInput) {
    this.#simulation = simulation;
    this.#input = input;
    const names = [...simulation.names];
    const slow = new Set<string>();
    while (slow.size < input.anomalous) {
      const [name] = names.splice(Math.floor(simulation.random.next() * names.length), 1);
      slow.add(name as string);
    }
    this.#slow = slow;
    const { packetsSent, bytesSent } = simulation.network.stats;
    this.#messages = -packetsSent;
    this.#bytes = -bytesSent;
    simulation.onEvent(({ at, observer, type, subject }) => {
      if (!this.#isOver && type === "leave" && subject.state === "dead") this.#failed(at, observer, subject.name);
    });
  }

  async play(): Promise<void> {
    const { duration, interval } = this.#input;
    const { clock } = this.#simulation;
    this.#start = clock.now();
    const until = this.#start + end;
    if (interval === undefined) {
      await this.#anomaly(duration);
      while (clock.now() < until && !this.#simulation.agrees()) await clock.advance(Math.min(500, until - clock.now()));
    } else {
      // The run ends with the end of the first anomaly after two minutes.
      for (;;) {
        await this.#anomaly(duration);
        if (clock.now() >= until) break;
        await clock.advance(interval);
      }
    }
    this.#isOver = true;
    const { packetsSent, bytesSent } = this.#simulation.network.stats;
    this.#messages += packetsSent;
    this.#bytes += bytesSent;
  }

  outcome(): LifeguardOutcome {
    const healthy = this.#input.agents - this.#input.anomalous;
    const failures = [...this.#failures.values()];
    return {
      falsePositives: this.#falsePositives,
      healthyFalsePositives: this.#healthyFalsePositives,
      messages: this.#messages,
      bytes: this.#bytes,
      firstDetections: failures.map(({ first }) => first - this.#start),
      disseminations: failures.filter(({ observers }) => observers.size === healthy).map(({ last }) => last - this.#start),
    };
  }

  async #anomaly(duration: number): Promise<void> {
    for (const name of this.#slow) this.#simulation.hold(name);
    await this.#simulation.clock.advance(duration);
    for (const name of this.#slow) this.#simulation.release(name, { readTime });
  }

  #failed(at: number, observer: string, subject: string): void {
    const isHealthyObserver = !this.#slow.has(observer);
    if (!this.#slow.has(subject)) {
      this.#falsePositives++;
      if (isHealthyObserver) this.#healthyFalsePositives++;
      return;
    }
    if (!isHealthyObserver) return;
    const known = this.#failures.get(subject);
    if (known === undefined) {
      this.#failures.set(subject, { first: at, last: at, observers: new Set([observer]) });
    } else if (!known.observers.has(observer)) {
      known.observers.add(observer);
      known.last = at;
    }
  }
}

import type { Clock, Memberlist, Random } from "@memberlist/core";
import { isFunction, isObject, type Rule, type Rules } from "@memberlist/core/internal";
import type { AppConfig } from "./sim-node.ts";
import { simNetworkRules, type SimNetworkOptions } from "./sim-network.ts";
import type { Tunables } from "./tunables.ts";

/** The arguments of the function that makes a node's application. */
export interface AppContext {
  /** The name of the node. */
  readonly name: string;
  /** 1 at the first start. */
  readonly life: number;
  /**
   * The node's time and timers, for the application to use instead of `Date.now()` and `setTimeout`, which do not follow virtual time. A crash of
   * the node clears all timers, and timers that are set afterwards never fire. After a restart with memory, the clock is that of the new process.
   */
  readonly clock: Clock;
  /** It depends on the simulation's seed alone. */
  readonly random: Random;
  /** The running member. Undefined before its first start, and from a crash until the next start. */
  readonly members: () => Memberlist | undefined;
}

/** Options of a simulation. */
export interface SimulationOptions extends SimNetworkOptions {
  /** Runs with the same seed are the same. Default 1. */
  readonly seed?: number | string;
  /** For all nodes. Default: `lanConfig()`. */
  readonly config?: AppConfig;
  /** Makes the application of one node: called at each start, except at a restart with memory. Its fields override those of `config`. */
  readonly app?: (context: AppContext) => AppConfig;
  /** The interval between two checks of the invariants, in ms of virtual time; 0: no checks. Default 1,000. */
  readonly checkInterval?: number;
  /**
   * Resolves when all promise jobs have run. The simulation calls it between any two timers. Default: at the next macrotask, so that the simulation also
   * waits for callbacks of `setImmediate`. {@link settleByTicks} is faster.
   */
  readonly settle?: () => Promise<void>;
  /** The enabled parts of Lifeguard; for experiments. */
  readonly tunables?: Partial<Tunables>;
}

/** Options of `restart`. */
export interface RestartOptions {
  /**
   * The application keeps its state (the same delegates), and joins all nodes that it knew. The restart resolves when that join has ended. Default
   * false.
   */
  readonly memory?: boolean;
}

/** Options of `hold`. */
export interface HoldOptions {
  /** How packets that the node sends by itself are handled. Default `wait`. */
  readonly senders?: "wait" | "goOn";
}

/** Options of `release`. */
export interface ReleaseOptions {
  /**
   * The time to read each received packet, in ms. Meanwhile the node's senders continue, as concurrent goroutines do. Default 0: the node reads all
   * packets before it sends any.
   */
  readonly readTime?: number;
}

const ms: Rule = { expected: "a number of ms from 0", accepts: (value) => Number.isFinite(value) && (value as number) >= 0 };
const object: Rule = { expected: "an object", accepts: isObject };

export const simulationRules: Rules<SimulationOptions> = {
  ...simNetworkRules,
  seed: { expected: "a string or a number", accepts: (value) => typeof value === "string" || Number.isFinite(value) },
  config: object,
  app: isFunction,
  checkInterval: ms,
  settle: isFunction,
  tunables: object,
};

export const releaseRules: Rules<ReleaseOptions> = { readTime: ms };

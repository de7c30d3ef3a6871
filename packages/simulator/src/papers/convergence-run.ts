import { lanConfig } from "@memberlist/core";
import { settleByTicks } from "../settle.ts";
import { simulate } from "../simulate.ts";

export interface ConvergenceInput {
  readonly seed: string;
  readonly nodes: number;
  /** The share of packets that are lost. */
  readonly loss: number;
  /** The share of nodes that fail as the message sets out. */
  readonly failed: number;
  /** `gossipNodes`. */
  readonly fanout: number;
  /** `gossipInterval`, in ms. */
  readonly interval: number;
}

/** When each node that runs has heard the message, in ms after it set out, in order. Those that never did, within `limit`, are left out. */
export interface Infection {
  readonly heardAt: readonly number[];
  /** How many run. */
  readonly nodes: number;
}

const limit = 20_000;

/** Plays how one node's new metadata goes round, by gossip alone. */
export async function convergenceRun(input: ConvergenceInput): Promise<Infection> {
  const { nodes, seed, loss, failed, fanout, interval } = input;
  const simulation = await simulate({
    nodes,
    seed,
    start: "preloaded",
    latency: [0.2, 1],
    checkInterval: 0,
    settle: settleByTicks,
    // Without probes and push/pulls, gossip alone spreads the message.
    config: {
      ...lanConfig(),
      pushPullInterval: 0,
      healingInterval: 0,
      probeInterval: 0,
      gossipNodes: fanout,
      gossipInterval: interval,
    },
  });
  const { clock, network } = simulation;
  // The message sets out at any moment of a round.
  await clock.advance(interval * (1 + simulation.random.next()));
  const names = simulation.names.slice(1);
  for (let left = Math.round(failed * nodes); left > 0; left--) {
    const [name] = names.splice(Math.floor(simulation.random.next() * names.length), 1);
    await simulation.crash(name as string);
  }
  network.setLoss(loss);
  const start = clock.now();
  const heardAt = [0];
  simulation.onEvent(({ at, observer, type, subject }) => {
    if (type === "update" && subject.name === "node-0" && observer !== "node-0") heardAt.push(at - start);
  });
  const update = simulation.node("node-0").members.updateNode({ meta: new Uint8Array([1]), timeout: 0 });
  // It ends with the run, where not before.
  update.catch(() => {});
  const running = names.length + 1;
  while (heardAt.length < running && clock.now() - start < limit) await clock.advance(interval);
  await simulation.end();
  return { heardAt, nodes: running };
}

/** The curve that Serf's documentation publishes. @returns the share of nodes that have heard it after `round` rounds */
export function analyticShare(input: Omit<ConvergenceInput, "seed">, round: number): number {
  const { nodes, loss, failed, fanout } = input;
  const contacts = 0.5 * fanout * (1 - loss) * (1 - failed);
  return 1 / (1 + (nodes + 1) * Math.exp(-contacts * round));
}

/** When that curve reaches a share, in ms. */
export function analyticTime(input: Omit<ConvergenceInput, "seed">, share: number): number {
  const { nodes, loss, failed, fanout, interval } = input;
  const contacts = 0.5 * fanout * (1 - loss) * (1 - failed);
  return (interval * Math.log((nodes + 1) / (1 / share - 1))) / contacts;
}

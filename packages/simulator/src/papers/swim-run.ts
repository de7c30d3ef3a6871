import { lanConfig } from "@memberlist/core";
import { settleByTicks } from "../settle.ts";
import { simulate } from "../simulate.ts";
import type { AppConfig } from "../sim-node.ts";
import type { Simulation } from "../simulation.ts";

/** One group under SWIM's plain failure detector: fixed timeouts, no Buddy, no probes over streams, no push/pull. All know each other from the start. */
export interface SwimInput {
  readonly seed: string;
  readonly nodes: number;
}

/** How often a member is probed for the first time after it has failed. */
export interface SwimDetection extends SwimInput {
  /** How many members fail, one after another. */
  readonly failures: number;
}

export interface SwimFalsePositives extends SwimInput {
  /** k, the helpers of an indirect probe. */
  readonly indirectChecks: number;
  /** qml: the share of packets that arrive. */
  readonly delivered: number;
  readonly periods: number;
}

const period = 1_000;
const tunables = { lhaProbe: false, suspicionConfirmations: 0, buddy: false };
const quiet = { debug: (): void => {}, info: (): void => {}, warn: (): void => {}, error: (): void => {} };

function config(own: AppConfig): AppConfig {
  const base = { ...lanConfig(), probeInterval: period, probeTimeout: 300, disableTcpPings: true };
  return { ...base, suspicionMaxTimeoutMult: 1, enableCompression: false, pushPullInterval: 0, healingInterval: 0, ...own };
}

async function group({ nodes, seed }: SwimInput, own: AppConfig): Promise<Simulation> {
  const simulation = await simulate({
    nodes,
    seed,
    start: "preloaded",
    latency: [0.2, 1],
    checkInterval: 0,
    settle: settleByTicks,
    tunables,
    config: config(own),
  });
  await simulation.clock.advance(3 * period);
  return simulation;
}

/** @returns for each failure, the period (the first is 1) after it in which some member first probed the one that failed */
export async function swimDetection(input: SwimDetection): Promise<number[]> {
  let verdict: ((member: string, at: number) => void) | undefined;
  const simulation = await group(input, {
    logger: {
      ...quiet,
      info: ({ code, node }: { readonly code: string; readonly [field: string]: unknown }): void => {
        if (code === "suspect") verdict?.(String(node), simulation.clock.now());
      },
    },
  });
  const { clock } = simulation;
  const periods: number[] = [];
  for (const name of simulation.names.slice(-input.failures)) {
    // Each failure comes at a time of its own within a period.
    await clock.advance(simulation.random.next() * period);
    const failedAt = clock.now();
    await simulation.crash(name);
    let suspectedAt = Infinity;
    verdict = (member, at) => {
      if (member === name) suspectedAt = Math.min(suspectedAt, at);
    };
    await clock.runUntil(() => suspectedAt < Infinity, { limit: 2 * input.nodes * period });
    // A verdict comes at the end of the period that the probe began.
    periods.push(Math.max(1, Math.ceil((suspectedAt - period - failedAt) / period)));
    await clock.advance(12 * period);
  }
  await simulation.end();
  return periods;
}

export interface SwimLoad {
  readonly nodes: number;
  /** Packets sent per member and period, when nothing happens. */
  readonly sent: number;
  /** The share of members that somebody probes in a period. */
  readonly probed: number;
}

/** The traffic of a quiet group, over 60 periods. */
export async function swimLoad(input: SwimInput): Promise<SwimLoad> {
  const simulation = await group(input, {});
  const { clock, network } = simulation;
  const periods = 60;
  const probed = new Set<string>();
  const start = clock.now();
  const before = network.stats.packetsSent;
  simulation.onPacket((_, packet, to) => {
    if (isPing(packet)) probed.add(`${to} ${Math.floor((clock.now() - start) / period)}`);
  });
  await clock.advance(periods * period);
  const packets = network.stats.packetsSent - before;
  const load = { nodes: input.nodes, sent: packets / input.nodes / periods, probed: probed.size / input.nodes / periods };
  await simulation.end();
  return load;
}

/** For how many periods a message is followed. */
const infectionPeriods = 16;

/**
 * Plays how a message spreads on pings and acks alone, without rounds of gossip.
 *
 * @returns how many members have it, at the end of each period; the first figure is at the start
 */
export async function swimInfection(input: SwimInput): Promise<number[]> {
  // Each node that has it passes it on until the end of the run, as in the paper's model.
  const simulation = await group(input, { gossipInterval: 0, retransmitMult: 50 });
  const { clock, random } = simulation;
  await clock.advance(random.next() * period);
  const heard = new Set(["node-0"]);
  simulation.onEvent(({ observer, type, subject }) => {
    if (type === "update" && subject.name === "node-0") heard.add(observer);
  });
  const update = simulation.node("node-0").members.updateNode({ meta: new Uint8Array([1]), timeout: 0 });
  // It ends with the run, where not before.
  update.catch(() => {});
  const infected = [1];
  for (let i = 0; i < infectionPeriods; i++) {
    await clock.advance(period);
    infected.push(heard.size);
  }
  await simulation.end();
  return infected;
}

/** SWIM's curve: how many of n have heard after t periods. Source: the SWIM paper, section 4.1. */
export function infectionCurve(n: number, t: number): number {
  return n / (1 + (n - 1) * Math.exp(-(2 - 1 / n) * t));
}

/**
 * How often a member that is alive is found to have failed. Suspicion is off: a verdict counts, but does not remove the member. As in the paper, messages
 * ride along on pings and acks alone.
 *
 * @returns verdicts per member and period
 */
export async function swimFalsePositives(input: SwimFalsePositives): Promise<number> {
  let verdicts = 0;
  const simulation = await group(input, {
    indirectChecks: input.indirectChecks,
    suspicionMult: 1_000,
    gossipInterval: 0,
    logger: {
      ...quiet,
      info: ({ code }: { readonly code: string }): void => {
        if (code === "suspect") verdicts++;
      },
    },
  });
  simulation.network.setLoss(1 - input.delivered);
  // A verdict comes at the end of its probe's period: those of the first periods are of probes that began before the loss.
  await simulation.clock.advance(2 * period);
  verdicts = 0;
  await simulation.clock.advance(input.periods * period);
  const rate = verdicts / input.nodes / input.periods;
  await simulation.end();
  return rate;
}

/**
 * The share of members that somebody probes in a period, in a group of n: each of the n - 1 others probes a given one in 1 of n - 1 periods,
 * in an order of its own. The paper has its limit, 1 - 1/e.
 */
export function probedShare(n: number): number {
  return n === Infinity ? 1 - 1 / Math.E : 1 - (1 - 1 / (n - 1)) ** (n - 1);
}

/**
 * SWIM's formula, with all members alive: how often a member is found to have failed, of the periods in which it is probed. Source: the
 * SWIM paper, section 4.1, where n is infinite.
 */
export function swimFormula(delivered: number, indirectChecks: number, n: number = Infinity): number {
  return ((1 - delivered ** 2) * (1 - delivered ** 4) ** indirectChecks) / probedShare(n);
}

/** A lone ping, after its checksum; nothing else than pings and acks goes out when nothing happens. */
function isPing(packet: Uint8Array): boolean {
  const [first, , , , , afterChecksum] = packet;
  return (first === hasCrc ? afterChecksum : first) === ping;
}

const ping = 0;
const hasCrc = 12;

import { spawn } from "node:child_process";
import { createMemberlist, lanConfig, NodeTransport, type Memberlist } from "@memberlist/transport-node";
import { buildNodeProgram } from "./node-toolchain.ts";
import type { LagOrder, LagOutcome } from "./lag-protocol.ts";

/** What all processes with the one or the other setting did together. */
export interface LagSum extends Omit<LagOutcome, "accusedAt"> {
  readonly processes: number;
  readonly blocks: number;
  /** Of members that were there all the time. */
  readonly accusations: number;
  /** Of members that had just been blocked themselves, because this machine is too busy: no fault of the library. */
  readonly excused: number;
}

export interface LagReport {
  readonly on: LagSum;
  readonly off: LagSum;
}

export interface LagOptions {
  /** With lag awareness, and as many without it. */
  readonly processes: number;
  /** Of each process. */
  readonly blocks: number;
}

/** Members that are well in each cluster. */
const well = 4;
/** How long a packet travels to the blocked process, in ms. A block matters only where it falls between a ping and its ack. */
const latency = 400;

const lookInterval = 20;
/** In ms: with the latency, an ack then misses its `probeTimeout`. */
const stallMin = 100;
/** For how long a verdict may follow from it, in ms: a probe, and the block that it may meet. */
const stallEffect = 5_000;

const silent = { write: (): void => undefined };

/**
 * Processes that are blocked for 3 s every 5 s, each in a cluster of its own with members that are well, which live here. All sockets are
 * real; packets to a blocked process are sent later, as if they had been under way.
 */
export async function measureLag({ processes, blocks }: LagOptions): Promise<LagReport> {
  const program = await buildNodeProgram("lag-process");
  const stalls = new Stalls();
  const settings = Array.from({ length: processes }, () => [true, false]).flat();
  const outcomes = await Promise.all(
    settings.map(async (lagAwareness, i) => ({ lagAwareness, ...(await inCluster(program, i, { lagAwareness, blocks })) })),
  );
  const sum = (of: boolean): LagSum => {
    const those = outcomes.filter(({ lagAwareness }) => lagAwareness === of);
    const total = (what: "probes" | "packets"): number => those.reduce((all, one) => all + one[what], 0);
    const accusedAt = those.flatMap((one) => one.accusedAt);
    const excused = accusedAt.filter((at) => stalls.explain(at)).length;
    return {
      processes,
      blocks: processes * blocks,
      accusations: accusedAt.length - excused,
      excused,
      probes: total("probes"),
      packets: total("packets"),
      timerLate: Math.max(...those.map((one) => one.timerLate)),
      packetLate: Math.max(...those.map((one) => one.packetLate)),
    };
  };
  stalls.stop();
  return { on: sum(true), off: sum(false) };
}

/** When this process, where the members live that are well, did not get on. */
class Stalls {
  readonly #found: { readonly from: number; readonly to: number }[] = [];
  readonly #timer: NodeJS.Timeout;
  #last = Date.now();

  constructor() {
    this.#timer = setInterval(() => this.#look(), lookInterval);
  }

  /** Whether an accusation may come of one. */
  explain(at: number): boolean {
    return this.#found.some(({ from, to }) => at > from && at < to + stallEffect);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = Date.now();
    if (now - this.#last > stallMin) this.#found.push({ from: this.#last, to: now });
    this.#last = now;
  }
}

async function inCluster(program: string, i: number, order: Pick<LagOrder, "lagAwareness" | "blocks">): Promise<LagOutcome> {
  const base = `127.${50 + (process.pid % 150)}.${i + 1}`;
  const host = `${base}.1`;
  const members: Memberlist[] = [];
  try {
    for (let k = 0; k < well; k++) members.push(await startWell(`well-${k}`, `${base}.${k + 2}`, host));
    const seeds = members.map((member) => `${member.localNode().addr}:${member.localNode().port}`);
    for (const member of members.slice(1)) await member.join(seeds.slice(0, 1));
    return await run(program, { ...order, name: "blocked", host, seeds });
  } finally {
    await Promise.all(members.map((member) => member.shutdown()));
  }
}

async function startWell(name: string, bindAddr: string, far: string): Promise<Memberlist> {
  const transport = await NodeTransport.create({ bindAddrs: [bindAddr], bindPort: 0, logOutput: silent });
  const writeTo = transport.writeTo.bind(transport);
  transport.writeTo = (packet, to, done) => {
    if (to.host !== far) return writeTo(packet, to, done);
    setTimeout(() => writeTo(packet, to, done), latency).unref();
    return true;
  };
  return createMemberlist({ ...lanConfig(), name, transport, bindPort: transport.bindPort, logOutput: silent });
}

function run(program: string, order: LagOrder): Promise<LagOutcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, JSON.stringify(order)], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => (text += part));
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(JSON.parse(text) as LagOutcome);
      else reject(new Error(`a blocked process ended with ${code}`));
    });
  });
}

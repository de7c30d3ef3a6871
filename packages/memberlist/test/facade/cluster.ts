import { afterEach, beforeEach, it } from "vitest";
import { createMemberlist, lanConfig, MemberlistError, type Config, type LogLevel, type Memberlist } from "../../src/index.ts";
import type { LogFields, Logger } from "../../src/ports/logger.ts";
import { MemoryNetwork, SeededRandom, settlePromises, VirtualClock, type MemoryNetworkOptions } from "../../src/testing/index.ts";
import { createOverLoopback } from "./loopback-thread.ts";
import type { MemoryTransport } from "../../src/testing/index.ts";

interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** A whole node on a memory network, and what it logged. */
export interface TestNode {
  readonly name: string;
  readonly members: Memberlist;
  readonly transport: MemoryTransport;
  readonly log: LogLine[];
  /** `host:port`. */
  readonly address: string;
  /** `name/host:port`: what others join. */
  readonly seed: string;
}

/** Config fields; the transport listens on `host` and `port`. */
export type NodeConfig = Partial<Config> & { readonly host?: string; readonly port?: number };

/** Whether each member runs as in a thread of its own: in the vitest project `thread`. */
export const inThread: boolean = process.env["MEMBERLIST_TEST_THREAD"] === "1";

/**
 * A test for members on the event loop only: of state that such a member shows at once, or of the turns of that loop. From a member in a thread
 * the application gets the state up to 100 ms later, or not at all: docs/guide/threads.md lists the differences.
 */
export const itOnEventLoop: typeof it = inThread ? notHere() : it;

function notHere(): typeof it {
  const ignore = (): void => {};
  return Object.assign(ignore, { each: () => ignore }) as unknown as typeof it;
}

/** Time to advance after the end, in ms: longer than any latency in these tests, shorter than any timeout. */
const lastPackets = 900;

/** Whole nodes in virtual time: a run is a function of the seed. */
export class Cluster {
  readonly clock: VirtualClock = new VirtualClock();
  readonly random: SeededRandom;
  readonly network: MemoryNetwork;
  readonly nodes: TestNode[] = [];

  constructor(seed: number | string = 1, options: Partial<MemoryNetworkOptions> = {}) {
    this.random = new SeededRandom(seed);
    this.network = new MemoryNetwork({ clock: this.clock, random: this.random.fork(), ...options });
  }

  /** A node that knows no other yet. */
  async start(config: NodeConfig = {}): Promise<TestNode> {
    const { host, port, ...fields } = config;
    const transport = this.network.transport({ host, port });
    const log: LogLine[] = [];
    const name = fields.name ?? `node-${this.nodes.length}`;
    const logger = fields.logOutput === undefined ? recordingLogger(log) : undefined;
    const base = { ...lanConfig(), name, transport, clock: this.clock, random: this.random.fork(), logger };
    const members = await this.#create({ ...base, ...fields });
    const node: TestNode = { name, members, transport, log, address: transport.key, seed: `${name}/${transport.key}` };
    this.nodes.push(node);
    return node;
  }

  async #create(config: Config): Promise<Memberlist> {
    if (!inThread) return createMemberlist(config);
    const state = { isSettled: false };
    const creating = createOverLoopback(config).finally(() => (state.isSettled = true));
    creating.catch(() => undefined);
    // The create may load the cipher for the keys, which takes real time.
    while (!state.isSettled) await this.advance(0);
    return creating;
  }

  /** `count` nodes that all know each other. */
  async joined(count: number, config: NodeConfig | ((i: number) => NodeConfig) = {}): Promise<TestNode[]> {
    const nodes: TestNode[] = [];
    for (let i = 0; i < count; i++) nodes.push(await this.start(typeof config === "function" ? config(i) : config));
    const [first] = nodes as [TestNode];
    for (const node of nodes.slice(1)) await this.settle(node.members.join([first.seed]));
    await this.until(() => nodes.every(({ members }) => members.numMembers() === count));
    return nodes;
  }

  advance(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  settle<T>(promise: Promise<T>): Promise<T> {
    return this.clock.settle(promise, { limit: 600_000 });
  }

  until(condition: () => boolean, limit: number = 60_000): Promise<number> {
    return this.clock.runUntil(condition, { limit });
  }

  /** Shuts all nodes down, and checks that no timer is left. */
  async end(): Promise<void> {
    for (const { members } of this.nodes) await members.shutdown();
    await this.advance(lastPackets);
    if (this.clock.pending > 0) throw new Error(`${this.clock.pending} timers wait after the shutdown of all`);
  }
}

/** Clusters that end with the test. The test fails on an unhandled rejection. */
export function clusters(): (seed?: number | string, options?: Partial<MemoryNetworkOptions>) => Cluster {
  const open: Cluster[] = [];
  const rejections: unknown[] = [];
  const note = (reason: unknown): void => void rejections.push(reason);
  beforeEach(() => {
    rejections.length = 0;
    process.on("unhandledRejection", note);
  });
  afterEach(async () => {
    for (const cluster of open.splice(0)) await cluster.end();
    await settlePromises();
    process.off("unhandledRejection", note);
    if (rejections.length > 0) throw new Error("a promise was rejected without a handler", { cause: rejections[0] });
  });
  return (seed, options) => {
    const cluster = new Cluster(seed, options);
    open.push(cluster);
    return cluster;
  };
}

function recordingLogger(log: LogLine[]): Logger {
  const at =
    (level: LogLevel) =>
    (fields: LogFields, message: string): void =>
      void log.push({ level, message, fields });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** The code of the error that a promise rejects with (its message if it has no code), or "ok". */
export async function outcome(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "ok";
  } catch (error) {
    return error instanceof MemberlistError ? error.code : String(error);
  }
}

/** The code of the error that `action` throws, or "ok". */
export function thrown(action: () => unknown): string {
  try {
    action();
    return "ok";
  } catch (error) {
    return error instanceof MemberlistError ? error.code : String(error);
  }
}

export function codes(node: TestNode): string[] {
  return node.log.map(({ fields }) => fields.code);
}

export function membersOf(nodes: readonly TestNode[]): Memberlist[] {
  return nodes.map(({ members }) => members);
}

/** The names of all members that `node` sees, sorted. */
export function names(node: TestNode): string[] {
  return node.members
    .members()
    .map(({ name }) => name)
    .sort();
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(message: Uint8Array): string {
  return new TextDecoder().decode(message);
}

import { lanConfig, type Config, type Logger, type Memberlist } from "@memberlist/core";

/** What an attacker does: see `floodStreams` of `fixtures/attacker.mjs`. */
export interface Flood {
  readonly hosts: readonly string[];
  /** Streams a second. */
  readonly rate: number;
  /** What each stream brings before it falls silent. */
  readonly bytes: readonly number[];
}

const loopback = (count: number): string[] => Array.from({ length: count }, (_, i) => `127.0.0.${i + 2}`);

export const floods: readonly (readonly [name: string, flood: Flood])[] = [
  ["one address sends a wrong byte on each stream", { hosts: loopback(1), rate: 1_300, bytes: [255] }],
  ["eight addresses send a wrong byte on each stream", { hosts: loopback(8), rate: 1_300, bytes: [255] }],
  ["four addresses begin a user message on each stream", { hosts: loopback(4), rate: 1_300, bytes: [8] }],
  ["eight addresses begin a push/pull on each stream", { hosts: loopback(8), rate: 1_300, bytes: [6] }],
  // Of packets where members have streams alone; else of a type that there is not.
  ["four addresses begin a stream of packets on each stream", { hosts: loopback(4), rate: 1_300, bytes: [0xe7] }],
  ["one address begins a stream of packets on each stream", { hosts: loopback(1), rate: 1_300, bytes: [0xe7] }],
];

/** How long a flood lasts at most, in ms. */
export const floodLimit = 110_000;

/** Joins in a row during one flood. */
export const joins = 20;
/** Of as many messages, how many have to come at least: packets may be lost. */
export const messages = 15;
/** Streams that the attacker has opened before the first join: more than are served at once. */
const warmUp = 1_200;

export interface FloodedOptions {
  readonly create: (config: Config) => Promise<Memberlist>;
  readonly logger: Logger;
  /** Begins the attack on that port. What is returned ends it. */
  readonly attack: (port: number, flood: Flood) => Promise<() => Promise<void>>;
}

export interface Flooded {
  /** How many joins of a member at 127.0.0.1 have succeeded while the one that it joins was flooded, */
  readonly joined: number;
  /** and how many of its messages came, which are packets; one after each join. */
  readonly heard: number;
}

export async function joinsDuring(flood: Flood, { create, logger, attack }: FloodedOptions): Promise<Flooded> {
  const config = { ...lanConfig(), bindAddr: "127.0.0.1", bindPort: 0, logger, probeTimeout: 5_000, probeInterval: 10_000 };
  let accepted = 0;
  const metrics = {
    increment: (name: string, value: number) => void (accepted += name === "memberlist.tcp.accept" ? value : 0),
    gauge: () => undefined,
    sample: () => undefined,
  };
  let heard = 0;
  const target = await create({ ...config, name: "target", metrics, delegate: { notifyMsg: () => void heard++ } });
  const other = await create({ ...config, name: "other" });
  const { port } = target.localNode();
  const seen = (): number => {
    const { "transport.tcpRefusedStreams": refused = 0, "transport.refusedPacketStreams": refusedLater = 0 } = target.counters();
    return accepted + refused + refusedLater;
  };
  const end = await attack(port, flood);
  let joined = 0;
  try {
    await untilReached(seen, warmUp);
    for (let i = 0; i < joins; i++) {
      const from = seen();
      const { reached } = await other.join([`127.0.0.1:${port}`]).catch(() => ({ reached: 0 }));
      joined += reached;
      if (reached > 0) other.sendBestEffort({ host: "127.0.0.1", port, name: "target" }, Uint8Array.of(i));
      // The attack goes on between the joins.
      await untilReached(() => seen() - from, 10);
    }
    await untilReached(() => heard, joined).catch(() => undefined);
  } finally {
    await end();
    await Promise.all([target.shutdown(), other.shutdown()]);
  }
  return { joined, heard };
}

async function untilReached(count: () => number, least: number): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (count() < least) {
    if (performance.now() > deadline) throw new Error(`there were ${count()}, fewer than ${least}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

import { createMemberlist, lanConfig, type Memberlist } from "../src/index.ts";
import { MemoryNetwork, SeededRandom, VirtualClock } from "../src/testing/index.ts";
import { maxRepliesPerPacket } from "../src/wire/input-limits.ts";
import { worstPackets, type WorstPacket } from "./worst-packets.ts";

/** How often each packet is sent. */
const rounds = 11;

interface PacketCost {
  readonly name: string;
  readonly bytes: number;
  /** CPU ms of one packet: of the first, while the code is cold, and of the middle one. */
  readonly first: number;
  readonly median: number;
  /** Packets that were sent in return. */
  readonly replies: number;
}

/** The CPU time that one packet takes at a whole member, with all its later effects. */
async function costOf({ name, make }: WorstPacket): Promise<PacketCost> {
  const clock = new VirtualClock();
  const random = new SeededRandom(1);
  const network = new MemoryNetwork({ clock, random: random.fork() });
  const ignore = (): void => {};
  const members: Memberlist[] = [];
  for (const node of ["target", "friend"]) {
    members.push(
      await createMemberlist({
        ...lanConfig(),
        name: node,
        transport: network.transport(),
        probeInterval: 0,
        gossipInterval: 0,
        clock,
        random: random.fork(),
        delegate: { notifyMsg: ignore },
        logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
      }),
    );
  }
  await clock.settle(members[1]?.join(["target/10.0.0.1:7946"]) as Promise<unknown>);
  let replies = 0;
  const attacker = network.transport({ host: "10.9.9.9" });
  attacker.listen({ packet: () => replies++, stream: (stream) => stream.close() });
  for (const host of ["10.7.7.7", "10.7.7.8"])
    network.transport({ host }).listen({ packet: () => replies++, stream: (stream) => stream.close() });
  const costs: number[] = [];
  let bytes = 0;
  for (let round = 0; round < rounds; round++) {
    const packet = make(round);
    bytes = packet.length;
    const before = process.cpuUsage();
    attacker.writeTo(packet, { host: "10.0.0.1", port: 7946, name: "target" });
    await clock.advance(10);
    const { user, system } = process.cpuUsage(before);
    costs.push((user + system) / 1_000);
  }
  for (const member of members) await member.shutdown();
  const [first = 0] = costs;
  const median = costs.toSorted((a, b) => a - b)[costs.length >> 1] ?? 0;
  return { name, bytes, first, median, replies: replies / rounds };
}

/**
 * The costs of {@link worstPackets}, a line each for `write`.
 *
 * @returns those that cost over `limit` ms of CPU, or lead to more replies than a packet may
 */
export async function packetCosts(write: (line: string) => void, limit: number): Promise<readonly string[]> {
  const tooDear: string[] = [];
  for (const line of ["| packet | bytes | first, CPU ms | then | replies |", "| --- | --- | --- | --- | --- |"]) write(line);
  for (const packet of worstPackets) {
    const { name, bytes, first, median, replies } = await costOf(packet);
    write(`| ${name} | ${bytes} | ${first.toFixed(1)} | ${median.toFixed(1)} | ${replies.toFixed(1)} |`);
    if (median > limit) tooDear.push(`${name}: over ${limit} ms of CPU`);
    if (replies > maxRepliesPerPacket) tooDear.push(`${name}: over ${maxRepliesPerPacket} replies`);
  }
  return tooDear;
}

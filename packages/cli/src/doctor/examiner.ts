import { setTimeout as sleep } from "node:timers/promises";
import { MemberlistError, type FetchedMembers, type Node } from "@memberlist/core";
import type { PacketVisitor } from "@memberlist/core/internal";
import { formatAddress, parseAddress, type Address } from "@memberlist/core/transport";
import type { ClusterAccess } from "../cluster-options.ts";
import { localAddressTowards } from "../local-address.ts";
import { inParallel } from "../parallel.ts";
import type { BoundTransport, Runtime } from "../runtime.ts";
import type { Examination, MemberCheck, NameCheck, PairCheck, PingResult, SeedCheck, StreamResult } from "./examination.ts";
import { addressOf, visiting } from "../visit.ts";
import { LagWatch } from "./lag-watch.ts";

export interface ExaminerOptions extends ClusterAccess {
  /** How long to ping each member, in ms. */
  readonly duration: number;
  /** The time limit of each exchange over a stream, in ms. */
  readonly timeout: number;
  /** Further members are not examined. */
  readonly maxMembers: number;
  readonly progress: (line: string) => void;
}

/** The largest packet that members send with the default config, in bytes. */
export const usualPacketBytes = 1_400;
/** The time between two pings to a member, in ms. */
const pingInterval = 100;
/** How long to wait for an ack to the pings of a member, in ms: a blocked process answers late. */
const patience = 3_000;
/** How long to wait for an answer of one round trip, in ms. */
const shortWait = 700;
/** How long to wait for the answer of a relay, in ms: it waits for its own probe timeout first. */
const relayWait = 4_000;
const maxPairs = 300;
const atOnce = 16;

/** Examines a cluster from outside. Its streams and pings leave no trace there. */
export class Examiner {
  readonly #options: ExaminerOptions;
  readonly #runtime: Runtime;

  constructor(options: ExaminerOptions, runtime: Runtime) {
    this.#options = options;
    this.#runtime = runtime;
  }

  async examine(seeds: readonly string[]): Promise<Examination> {
    const { progress, maxMembers } = this.#options;
    progress(`asking ${seeds.join(", ")} for the members`);
    const asked = await inParallel(seeds, atOnce, async (seed) => ({ seed, stream: await this.#fetch(seed) }));
    const listed = listedNodes(asked.flatMap(({ stream }) => ("view" in stream ? [stream.view] : [])));
    const present = listed.filter(({ state }) => state === "alive" || state === "suspect");
    const gone = listed.filter(
      ({ state, name }) => (state === "dead" || state === "left") && !present.some((node) => node.name === name),
    );
    const examined = present.slice(0, maxMembers);
    const base = { gone, leftOut: present.length - examined.length };
    if (present.length === 0) {
      const checks = asked.map((seed) => ({ ...seed, elsewhere: undefined }));
      return { ...base, seeds: checks, members: [], names: [], pairs: [], pairsTried: 0, ownLag: 0 };
    }
    const hosts = present.map(({ addr }) => addr);
    const found = await visiting(hosts, this.#options, this.#runtime, ({ pinger, transport }) =>
      this.#examineMembers(asked, examined, pinger, transport),
    );
    return { ...base, ...found };
  }

  async #examineMembers(
    asked: readonly Omit<SeedCheck, "elsewhere">[],
    nodes: readonly Node[],
    pinger: PacketVisitor,
    transport: BoundTransport,
  ): Promise<Omit<Examination, "gone" | "leftOut">> {
    const { progress, duration } = this.#options;
    progress(`testing TCP and UDP to ${nodes.length} ${nodes.length === 1 ? "member" : "members"} for ${duration / 1_000} s`);
    const watch = new LagWatch();
    const basics = await inParallel(nodes, 64, async (node) => {
      const address = addressOf(node);
      const [stream, pings] = await Promise.all([this.#fetch(formatAddress(address)), this.#pings(pinger, address)]);
      return { node, stream, pings };
    });
    const ownLag = watch.stop();
    const reachable = basics.filter(({ pings }) => pings.some(({ rtt }) => rtt !== undefined)).map(({ node }) => node);
    const here = await this.#here(transport, nodes);
    progress("testing the size of packets, and UDP between members");
    const [members, found] = await Promise.all([
      inParallel(basics, atOnce, (basic) => this.#details(basic, reachable, pinger, here)),
      this.#pairs(reachable, pinger, here),
    ]);
    const views = [
      ...asked.flatMap(({ seed, stream }) => ("view" in stream ? [{ by: seed, view: stream.view }] : [])),
      ...basics.flatMap(({ node, stream }) => ("view" in stream ? [{ by: node.name, view: stream.view }] : [])),
    ];
    const [names, seeds] = await Promise.all([
      this.#names(views, pinger),
      inParallel(asked, atOnce, (seed) => this.#whoIs(seed, pinger)),
    ]);
    return { seeds, members, names, ...found, ownLag };
  }

  async #fetch(address: string): Promise<StreamResult> {
    const { keyring, label, timeout } = this.#options;
    const begunAt = performance.now();
    try {
      const view = await this.#runtime.fetchMembers(address, { keyring, label, timeout });
      return { view, ms: performance.now() - begunAt };
    } catch (error) {
      if (!(error instanceof MemberlistError)) throw error;
      const { code, message, details } = error;
      return { code, message, connected: details["connected"] === true, unanswered: details["unanswered"] === true };
    }
  }

  /** Sends pings at a fixed interval, without waiting for acks: a blocked process answers several at once. */
  async #pings(pinger: PacketVisitor, to: Address): Promise<readonly PingResult[]> {
    const count = Math.max(3, Math.round(this.#options.duration / pingInterval));
    const running: Promise<PingResult>[] = [];
    for (let i = 0; i < count; i++) {
      const sentAt = performance.now();
      running.push(pinger.ping(to, patience).then((rtt) => ({ sentAt, rtt })));
      await sleep(pingInterval);
    }
    return Promise.all(running);
  }

  /** Finds the address at which members most likely reach this process. */
  async #here(transport: BoundTransport, [node]: readonly Node[]): Promise<Address | undefined> {
    if (node === undefined) return undefined;
    const local = await localAddressTowards(node.addr, node.port);
    const host =
      local ??
      (await Promise.resolve(transport.finalAdvertiseAddr("", 0)).then(
        ({ addr }) => addr,
        () => undefined,
      ));
    return host === undefined ? undefined : { host, port: transport.bindPort, name: "" };
  }

  async #details(
    { node, stream, pings }: Pick<MemberCheck, "node" | "stream" | "pings">,
    reachable: readonly Node[],
    pinger: PacketVisitor,
    here: Address | undefined,
  ): Promise<MemberCheck> {
    const address = addressOf(node);
    const base = {
      node,
      stream,
      pings,
      isAnother: false,
      largestPacket: undefined,
      isReached: undefined,
      answersOthers: undefined,
    };
    if (reachable.includes(node)) return { ...base, largestPacket: await largestPacket(pinger, address) };
    const unnamed = await pinger.ping({ ...address, name: "" }, shortWait);
    if (unnamed !== undefined) return { ...base, isAnother: true };
    const relays = reachable
      .filter(({ name }) => name !== node.name)
      .slice(0, 2)
      .map(addressOf);
    const results = await Promise.all(
      relays.map(async (relay) => {
        const [answer, isReached] = await Promise.all([
          pinger.relay(relay, address, relayWait),
          here === undefined ? undefined : tryTwice(() => pinger.passes(address, relay, here, shortWait)),
        ]);
        return { answers: answer === "ack", isReached };
      }),
    );
    if (results.length === 0) return base;
    const answersOthers = results.some(({ answers }) => answers);
    const isReached = results.some((result) => result.isReached === true)
      ? true
      : // A lost answer proves nothing if the relay gets no packets from the member.
        results.some((result) => result.answers && result.isReached === false)
        ? false
        : undefined;
    return { ...base, answersOthers, isReached };
  }

  /** Tests each member with the next ones of the list; in a small cluster, with all others. */
  async #pairs(
    nodes: readonly Node[],
    pinger: PacketVisitor,
    here: Address | undefined,
  ): Promise<{ readonly pairs: readonly PairCheck[]; readonly pairsTried: number }> {
    const pairs: (readonly [Node, Node])[] = [];
    for (let distance = 1; distance <= nodes.length / 2 && pairs.length < maxPairs; distance++) {
      for (const [i, node] of nodes.entries()) {
        const other = nodes[(i + distance) % nodes.length] as Node;
        if (distance * 2 === nodes.length && i >= distance) break;
        if (pairs.length < maxPairs) pairs.push([node, other]);
      }
    }
    const checks = await inParallel(pairs, 32, async ([first, second]): Promise<PairCheck | undefined> => {
      const [a, b] = [addressOf(first), addressOf(second)];
      for (let tries = 0; tries < 2; tries++) if ((await pinger.relay(a, b, relayWait)) === "ack") return undefined;
      const forward = here && (await direction(pinger, a, b, here));
      const back = here && (await direction(pinger, b, a, here));
      // If neither direction is blocked, a packet was lost by chance, or a process was blocked.
      const isBlocked = here === undefined || forward === false || back === false;
      return isBlocked ? { first: first.name, second: second.name, forward, back } : undefined;
    });
    return { pairs: checks.filter((check) => check !== undefined), pairsTried: pairs.length };
  }

  async #names(
    views: readonly { readonly by: string; readonly view: FetchedMembers }[],
    pinger: PacketVisitor,
  ): Promise<readonly NameCheck[]> {
    const listed = new Map<string, Map<string, { readonly node: Node; readonly by: string[] }>>();
    for (const { by, view } of views) {
      for (const node of view.members.filter(({ state }) => state === "alive" || state === "suspect")) {
        const addresses = listed.get(node.name) ?? new Map<string, { readonly node: Node; readonly by: string[] }>();
        listed.set(node.name, addresses);
        const address = formatAddress(addressOf(node));
        const entry = addresses.get(address) ?? { node, by: [] };
        addresses.set(address, entry);
        entry.by.push(by);
      }
    }
    const several = [...listed].filter(([, addresses]) => addresses.size > 1);
    return inParallel(several, atOnce, async ([name, addresses]) => ({
      name,
      addresses: await inParallel([...addresses], atOnce, async ([address, { node, by }]) => ({
        address,
        listedBy: by,
        answers: (await tryTwice(() => pinger.ping(addressOf(node), shortWait))) !== undefined,
      })),
    }));
  }

  /** Finds the member that answers at a seed, if no member advertises the address of the seed. */
  async #whoIs(seed: Omit<SeedCheck, "elsewhere">, pinger: PacketVisitor): Promise<SeedCheck> {
    const { stream } = seed;
    if (!("view" in stream)) return { ...seed, elsewhere: undefined };
    const { address, members } = stream.view;
    const isListed = members.some((node) => formatAddress(addressOf(node)) === address);
    if (isListed) return { ...seed, elsewhere: undefined };
    const { host, port } = parseAddress(address, 7946);
    const candidates = members.filter(({ state }) => state !== "left").slice(0, this.#options.maxMembers);
    const answers = await inParallel(candidates, atOnce, async (node) => ({
      node,
      isThere: (await pinger.ping({ host, port, name: node.name }, shortWait)) !== undefined,
    }));
    const node = answers.find(({ isThere }) => isThere)?.node;
    if (node === undefined) return { ...seed, elsewhere: undefined };
    const isReachable = (await tryTwice(() => pinger.ping(addressOf(node), shortWait))) !== undefined;
    return { ...seed, elsewhere: { node, isReachable } };
  }
}

/** Returns the nodes of all views, each name and address once, sorted by name. */
function listedNodes(views: readonly FetchedMembers[]): readonly Node[] {
  const nodes = new Map<string, Node>();
  for (const node of views.flatMap(({ members }) => members)) {
    const key = `${node.name} ${formatAddress(addressOf(node))}`;
    const known = nodes.get(key);
    if (known === undefined || known.incarnation < node.incarnation) nodes.set(key, node);
  }
  return [...nodes.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Returns whether packets pass from one member to another; undefined if unknown. It returns false only if both members answer this process meanwhile: a blocked
 * process does not.
 */
async function direction(pinger: PacketVisitor, from: Address, to: Address, here: Address): Promise<boolean | undefined> {
  for (let tries = 0; tries < 3; tries++) {
    const passes = await pinger.passes(from, to, here, shortWait);
    if (passes === true) return true;
    const controls = await Promise.all([from, to].map((member) => pinger.ping(member, shortWait)));
    if (passes === false && tries > 0 && controls.every((rtt) => rtt !== undefined)) return false;
  }
  return undefined;
}

/** Finds the largest packet that arrives; undefined if packets of the usual size arrive. */
async function largestPacket(pinger: PacketVisitor, to: Address): Promise<number | undefined> {
  if ((await fits(pinger, to, usualPacketBytes)) !== false) return undefined;
  let [low, high] = [0, usualPacketBytes];
  while (high - low > 16) {
    const middle = (low + high) >> 1;
    const isThrough = await fits(pinger, to, middle);
    if (isThrough === undefined) return undefined;
    if (isThrough) low = middle;
    else high = middle;
  }
  return low;
}

/** Returns whether packets of a size arrive; undefined if small ones do not arrive either. It sends several, because a lost one proves nothing. */
async function fits(pinger: PacketVisitor, to: Address, size: number): Promise<boolean | undefined> {
  for (let tries = 0; tries < 4; tries++) {
    const [small, ...large] = await Promise.all([0, size, size, size].map((bytes) => pinger.ping(to, shortWait, bytes)));
    if (large.some((rtt) => rtt !== undefined)) return true;
    if (small !== undefined && tries > 0) return false;
  }
  return undefined;
}

/** Calls `act` again if the first result is undefined or false: one lost packet proves nothing. */
async function tryTwice<T>(act: () => Promise<T>): Promise<T> {
  const first = await act();
  return first === undefined || first === false ? act() : first;
}

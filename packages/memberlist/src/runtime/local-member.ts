import { formatAddress, type Address } from "../api/address.ts";
import type { BroadcastOptions, BroadcastResult } from "../api/broadcast.ts";
import type { EventStreamOptions, GossipVerify, PingOptions, UpdateNodeOptions, WaitOptions } from "../api/call-options.ts";
import { MemberlistError } from "../api/errors.ts";
import type { EventStream, RecentEvent } from "../api/events.ts";
import type { JoinOptions, JoinResult } from "../api/join.ts";
import type { MemberInfo, Node, NodeState } from "../api/node.ts";
import type { Seed } from "../api/seeds.ts";
import type { QueueLengths, Traffic } from "../api/stats.ts";
import type { ResolvedConfig } from "../config/config.ts";
import type { Keyring } from "../encryption/keyring.ts";
import type { Diagnostics } from "../ports/diagnostics.ts";
import { encodeUser } from "../wire/messages/encode.ts";
import { broadcastMessage } from "./broadcast.ts";
import { Channels } from "./channels/channels.ts";
import { joinSeeds } from "./join.ts";
import { LocalNode } from "./local-node.ts";
import type { Member } from "./member.ts";
import type { NodeRuntime } from "./node-runtime.ts";
import type { OperationOptions } from "./pending-operations.ts";
import { countStates, summarize, type MemberlistSummary } from "./summary.ts";

/** A member that runs on the event loop of its caller. */
export class LocalMember implements Member {
  readonly runtime: NodeRuntime;
  readonly channels: Channels;
  readonly #localNode: LocalNode;
  #config: ResolvedConfig;

  /** @param meta the metadata at the start */
  constructor(runtime: NodeRuntime, meta: Uint8Array) {
    this.runtime = runtime;
    this.#localNode = new LocalNode(runtime, meta);
    this.#config = runtime.config;
    const { config, delegates } = runtime;
    this.channels = new Channels({
      config,
      delegates,
      maxPayload: () => this.maxPayload,
      relay: (message, options) => this.broadcast(message, options),
    });
    delegates.channels = this.channels;
  }

  get config(): ResolvedConfig {
    return this.#config;
  }

  get keyring(): Keyring | undefined {
    return this.runtime.keyring;
  }

  get diagnostics(): Diagnostics {
    return this.runtime.diagnostics;
  }

  get isStopped(): boolean {
    return this.runtime.isStopped;
  }

  node(name: string): Node | undefined {
    return this.runtime.engine.member(name);
  }

  nodes(): Node[] {
    return this.runtime.engine.members();
  }

  nodeInfo(name: string): MemberInfo | undefined {
    const { clock } = this.#config;
    return this.runtime.engine.memberInfo(name, clock.now(), clock.wallTime());
  }

  nodeInfos(states: readonly NodeState[]): MemberInfo[] {
    const { clock } = this.#config;
    return this.runtime.engine.memberInfos(states, clock.now(), clock.wallTime());
  }

  get numMembers(): number {
    return this.runtime.engine.numMembers;
  }

  get localNode(): Node {
    return this.runtime.engine.localNode;
  }

  get healthScore(): number {
    return this.runtime.engine.healthScore;
  }

  get maxPayload(): number {
    return this.runtime.engine.maxPayload;
  }

  get queues(): QueueLengths {
    return this.runtime.engine.queues;
  }

  traffic(): Traffic {
    return this.runtime.traffic();
  }

  counters(): Readonly<Record<string, number>> {
    return this.runtime.counters();
  }

  summary(): MemberlistSummary {
    return summarize(this, countStates(this.runtime.engine.states()));
  }

  openEvents(options: EventStreamOptions): EventStream {
    return this.runtime.events.open(this.#config.eventsCapacity, options);
  }

  recentEvents(): RecentEvent[] {
    return this.runtime.recent.list();
  }

  waitUntil(isTrue: () => boolean, options: OperationOptions): Promise<void> {
    return this.runtime.waitUntil(isTrue, options);
  }

  join(seeds: readonly Seed[], options: JoinOptions): Promise<JoinResult> {
    this.#localNode.rejoin();
    return joinSeeds(this.runtime, seeds, options);
  }

  /** Adds seeds that healing tries. */
  remember(seeds: readonly Seed[]): void {
    this.runtime.run(() => this.runtime.engine.remember(seeds));
  }

  leave(options: WaitOptions): Promise<void> {
    return this.#localNode.leave(options);
  }

  update(options: UpdateNodeOptions): Promise<void> {
    return this.#localNode.update(options);
  }

  ping(to: Address, { signal }: PingOptions): Promise<number> {
    const { operations, engine } = this.runtime;
    return operations.run<number>({ what: "ping", signal }, (resolve, reject) => {
      this.runtime.run(() =>
        engine.ping(to, (rtt) => {
          if (rtt !== undefined) resolve(rtt);
          else reject(noPingResponse(to));
        }),
      );
    });
  }

  sendBestEffort(to: Address, message: Uint8Array, crc: boolean): boolean {
    return this.runtime.packets.sendUser(encodeUser(message), to, crc);
  }

  sendReliable(to: Address, message: Uint8Array, options: WaitOptions): Promise<void> {
    return this.runtime.streams.sendUser(to, message, { timeout: this.#config.tcpTimeout, ...options });
  }

  broadcast(message: Uint8Array, options: BroadcastOptions): Promise<BroadcastResult> {
    return broadcastMessage(this.runtime, message, options);
  }

  /** @throws MemberlistError `unsupported` on a node without a keyring */
  setGossipVerify(change: GossipVerify): void {
    const { cipher } = this.runtime;
    if (cipher === undefined) throw noKeyring();
    this.#config = withGossipVerify(this.#config, change);
    cipher.verifyIncoming = this.#config.gossipVerifyIncoming;
    cipher.verifyOutgoing = this.#config.gossipVerifyOutgoing;
  }

  stop(): Promise<void> {
    return this.runtime.stop();
  }
}

/** The config after a change by `setGossipVerify`. */
export function withGossipVerify(config: ResolvedConfig, change: GossipVerify): ResolvedConfig {
  const { incoming = config.gossipVerifyIncoming, outgoing = config.gossipVerifyOutgoing } = change;
  return Object.freeze({ ...config, gossipVerifyIncoming: incoming, gossipVerifyOutgoing: outgoing });
}

export function noKeyring(): MemberlistError {
  return new MemberlistError(
    "unsupported",
    "this node has no keyring: create it with keyring or secretKey (an empty Keyring will do)",
  );
}

function noPingResponse(address: Address): MemberlistError {
  const who = address.name === "" ? formatAddress(address) : `${address.name} (${formatAddress(address)})`;
  return new MemberlistError("no_ping_response", `no response to a ping from ${who}`, { details: { address } });
}

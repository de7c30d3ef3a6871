import type { Address } from "../api/address.ts";
import type { CidrAllowList } from "../config/cidr.ts";
import type { ResolvedConfig } from "../config/config.ts";
import type { Random } from "../ports/random.ts";
import type { AdvertisedAddress } from "../ports/transport.ts";
import type { Ping } from "../wire/messages/types.ts";
import type { Awareness } from "./awareness.ts";
import type { EngineHooks } from "./simulation-hooks.ts";
import type { NodeSelector } from "./node-selector.ts";
import type { NodeRecord } from "./node-record.ts";
import type { NodeTable } from "./node-table.ts";
import type { Outputs } from "./outputs.ts";
import type { EngineDelegates, EngineLog, EngineStats } from "./ports.ts";
import type { TimerQueue } from "./timers.ts";

/** State that the parts of one engine share. */
export interface EngineContext {
  readonly config: ResolvedConfig;
  readonly allowList: CidrAllowList;
  readonly hooks: EngineHooks;
  readonly random: Random;
  readonly outputs: Outputs;
  readonly delegates: EngineDelegates;
  readonly log: EngineLog;
  readonly stats: EngineStats;
  readonly timers: TimerQueue;
  readonly table: NodeTable;
  readonly selector: NodeSelector;
  readonly awareness: Awareness;
  /** The address at which others reach this node. */
  advertised: AdvertisedAddress;
  /** This node has lost that address: acks must go to the source of its packets. */
  isAddressLost: boolean;
  /** This node is moving to another address: messages about it are neither applied nor refuted. */
  isRelocating: boolean;
  /** The time of the input being handled, in ms. */
  now: number;
  /** This node has announced its leave: it has stopped refuting. */
  hasLeft: boolean;
  /** The last sequence number given out. */
  seqNo: number;
  /** Our own incarnation number, which only we raise. */
  incarnation: number;
}

const u32 = 0x1_0000_0000;

export function nextSeqNo(context: EngineContext): number {
  context.seqNo = (context.seqNo + 1) % u32;
  return context.seqNo;
}

/** A ping in our own name. */
export function makePing(context: EngineContext, node: string): Ping {
  const { advertised, config, isAddressLost } = context;
  return {
    seqNo: nextSeqNo(context),
    node,
    sourceAddr: isAddressLost ? "" : advertised.addr,
    sourcePort: isAddressLost ? 0 : advertised.port,
    sourceNode: config.name,
  };
}

export function addressOf(record: NodeRecord): Address {
  return { host: record.addr, port: record.port, name: record.name };
}

/** Changes our health score, and says so where it did change. */
export function applyAwareness(context: EngineContext, delta: number): void {
  if (!context.awareness.applyDelta(delta)) return;
  context.stats.gauge("memberlist.health.score", context.awareness.score);
}

/** The port of a message. Peers of protocol version 1 send none: they use `bindPort`. */
export function applyPort(context: Pick<EngineContext, "config">, port: number): number {
  return context.config.protocolVersion < 2 || port === 0 ? context.config.bindPort : port;
}

import { MemberlistError, type Crypto } from "@memberlist/core";
import {
  bindSockets,
  checkConfigPart,
  checkOptions,
  createTransportLog,
  integer,
  isObject,
  noSockets,
  socketTransportRules,
  SocketTransport,
  type BoundSockets,
  type Rules,
  type SocketRuntime,
  type SocketTransportCounters,
  type SocketTransportOptions,
} from "@memberlist/core/internal";
import { NodeCrypto } from "./node-crypto.ts";
import { nodeNames } from "./resolver.ts";
import { connectTcp } from "./tcp-connection.ts";
import { TcpListener } from "./tcp-listener.ts";
import { thisMachine } from "./this-machine.ts";
import { UdpSocket } from "./udp-socket.ts";
import { WorkerPool, workerRules, type WorkerOptions } from "./worker-pool.ts";

/**
 * In `bindAddrs`, `0.0.0.0` serves IPv4; `::` serves IPv6 and, when no IPv4 address is bound next to it, IPv4 as well.
 */
export interface NodeTransportOptions extends SocketTransportOptions {
  /** Bytes asked of the kernel per UDP socket; halved until it accepts. Default 2 MiB. */
  readonly udpReceiveBuffer?: number;
  /** Threads for long stream messages. */
  readonly workers?: WorkerOptions;
}

const rules: Rules<NodeTransportOptions> = {
  ...socketTransportRules,
  udpReceiveBuffer: integer(1),
  workers: { expected: "an object", accepts: isObject },
};

/** Errors so far, for metrics. */
export type NodeTransportCounters = SocketTransportCounters & {
  readonly workerFailures: number;
};

/** Packets over UDP and streams over TCP, on the same port, for Node and Bun. Source: PROTOCOL.md; the Go NetTransport. */
export class NodeTransport extends SocketTransport {
  /** AES-GCM and CRC-32 of the runtime. */
  readonly crypto: Crypto;
  /** Bytes that the kernel gives each UDP socket to receive into, in the order of `bindAddrs`. */
  readonly udpReceiveBuffers: readonly number[];
  /** Undefined: all work is done on the event loop. */
  readonly #pool: WorkerPool | undefined;

  private constructor(
    options: NodeTransportOptions,
    runtime: SocketRuntime,
    sockets: BoundSockets,
    pool: WorkerPool | undefined,
  ) {
    super(options, runtime, sockets);
    this.crypto = new NodeCrypto(pool);
    this.udpReceiveBuffers = sockets.udp.map(({ socket }) => socket.receiveBuffer ?? 0);
    this.#pool = pool;
  }

  /**
   * Binds everything, or nothing: when one address fails, what was bound before is closed again.
   *
   * @throws MemberlistError `invalid_argument`, or `bind_failed`; ConfigError `invalid_config` for `workers`
   */
  static async create(options: NodeTransportOptions): Promise<NodeTransport> {
    checkOptions("NodeTransport.create", options, rules, ["bindAddrs", "bindPort"]);
    const { workers = {}, udpReceiveBuffer } = options;
    checkConfigPart("workers", workers, workerRules);
    const log = createTransportLog(options);
    const pool = workers.off === true ? undefined : await WorkerPool.open({ workers, log });
    const runtime = socketRuntime(udpReceiveBuffer);
    return new NodeTransport(options, runtime, await bindSockets(options, runtime, log), pool);
  }

  /** One that binds nothing: it dials and resolves names, and cannot send packets. */
  static dialOnly(options: Pick<NodeTransportOptions, "logger" | "logOutput"> = {}): NodeTransport {
    const bind: NodeTransportOptions = { ...options, bindAddrs: [], bindPort: 0 };
    return new NodeTransport(bind, socketRuntime(), noSockets(createTransportLog(options)), undefined);
  }

  /** Errors so far, for metrics. */
  override get counters(): NodeTransportCounters {
    return { ...super.counters, workerFailures: this.#pool?.failures ?? 0 };
  }

  /** Closes the sockets and ends the threads. */
  protected override async close(): Promise<void> {
    await Promise.all([super.close(), this.#pool?.close()]);
  }
}

function socketRuntime(udpReceiveBuffer?: number): SocketRuntime {
  return {
    listenTcp: (binding) => {
      requireNetwork();
      return TcpListener.listen(binding);
    },
    bindUdp: (binding) => UdpSocket.bind(binding, udpReceiveBuffer),
    connect: connectTcp,
    names: nodeNames,
    interfaces: thisMachine,
  };
}

/**
 * Checks that this process may use the network, where Node has a permission for it (Node 25 and later). Before anything is bound: listening
 * without it throws in a callback of Node's own, where no code can catch it.
 *
 * @throws MemberlistError `bind_failed`
 */
function requireNetwork(): void {
  const { permission, allowedNodeEnvironmentFlags } = process;
  if (permission === undefined || !allowedNodeEnvironmentFlags.has("--allow-net") || permission.has("net")) return;
  throw new MemberlistError(
    "bind_failed",
    "Node's permission model denies the network to this process: start Node with --allow-net",
    { details: { errno: "ERR_ACCESS_DENIED", flag: "--allow-net" } },
  );
}

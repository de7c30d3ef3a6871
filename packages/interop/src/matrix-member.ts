import { buildGoPeer } from "./go-toolchain.ts";
import { peerArgs } from "./peer-args.ts";
import { Peer } from "./peer.ts";
import { seededBytes, toBase64, type PeerConfig } from "./peer-protocol.ts";
import { fetchRuntime, type RuntimeId } from "./runtimes.ts";

/** A row or a column of the matrix: Go, or ours on a runtime. */
export type MatrixId = "go" | RuntimeId;

/**
 * Fast enough for a test, slow enough for a machine that runs several clusters at once; more transmits than the preset's two, since
 * gossip reaches everybody only in all likelihood.
 */
const timing: Partial<PeerConfig> = {
  preset: "local",
  probeInterval: 400,
  probeTimeout: 150,
  gossipInterval: 40,
  retransmitMult: 8,
  pushPullInterval: 1_000,
  tcpTimeout: 5_000,
};

/** Encrypted and labelled. */
export const secret: Partial<PeerConfig> = { label: "matrix", secretKey: toBase64(seededBytes(32, 7)) };

/** Where the program of each member is: fetched or built before the first scenario. */
export class MatrixPrograms {
  readonly #commands: ReadonlyMap<MatrixId, readonly string[]>;
  #lastHost = 1;

  private constructor(commands: ReadonlyMap<MatrixId, readonly string[]>) {
    this.#commands = commands;
  }

  static async prepare(ids: readonly MatrixId[], progress: (line: string) => void): Promise<MatrixPrograms> {
    const commands = new Map<MatrixId, readonly string[]>();
    for (const id of ids) commands.set(id, await commandOf(id, progress));
    return new MatrixPrograms(commands);
  }

  /** A process of a member, without a node. Rejects when it is another runtime than its id says, as a wrong NODE22=… makes it. */
  async spawn(id: MatrixId): Promise<Peer> {
    const command = this.#commands.get(id);
    if (command === undefined) throw new RangeError(`${id} has not been prepared`);
    const peer = await Peer.spawn(id === "go" ? "go" : "node", { command });
    const ready = peer.events.find((event) => event.event === "ready");
    const runtime = ready?.runtime ?? "unknown";
    if (id === "go" || runtime.startsWith(id.replace(/^node/, "node v"))) return peer;
    await peer.stop();
    throw new Error(`${command[0]} was to be ${id}, and says that it is ${runtime}`);
  }

  /** Makes the node of a process, on an address of its own on loopback. */
  async create(peer: Peer, name: string, config: Partial<PeerConfig>): Promise<void> {
    this.#lastHost = (this.#lastHost % 60_000) + 1;
    const host = `127.${(process.pid % 100) + 100}.${this.#lastHost >> 8}.${this.#lastHost & 255 || 1}`;
    await peer.create({ ...timing, bindAddr: host, ...config, name });
  }
}

async function commandOf(id: MatrixId, progress: (line: string) => void): Promise<readonly string[]> {
  if (id === "go") {
    progress("building the Go peer");
    return [await buildGoPeer()];
  }
  return [await fetchRuntime(id, progress), ...(await peerArgs(id))];
}

import type { ResolvedConfig } from "../../config/config.ts";
import type { Log } from "../../ports/log.ts";
import type { PushPullHeader } from "../../wire/messages/types.ts";
import type { UnchangedNodes } from "../../wire/messages/unchanged-nodes.ts";
import { readPushPullNodes, type RemoteState } from "../../wire/stream-messages.ts";
import type { StreamReader } from "../../wire/stream-reader.ts";
import type { Stats } from "../stats.ts";
import type { ExchangedStates } from "./state-exchange.ts";
import type { StreamSession } from "./stream-session.ts";

/** Scanning this many bytes of our own state costs less than decoding one node of a peer. */
const ownBytesPerNode = 512;

/** How long the reader decodes nodes in one turn of the event loop, in ms. While the code is cold, a node takes ten times as long as later. */
const readTime = 4;

export interface PushPullReaderOptions {
  readonly config: Pick<ResolvedConfig, "clock" | "limits">;
  readonly states: ExchangedStates;
  readonly log: Log;
  readonly stats: Stats;
}

/** Reads the nodes of a peer's push/pull, without those that our own message has, too, byte for byte. */
export class PushPullReader {
  readonly #options: PushPullReaderOptions;

  constructor(options: PushPullReaderOptions) {
    this.#options = options;
  }

  /**
   * The nodes that need not be decoded; undefined where to find them costs more than it saves, or all nodes have to be decoded.
   *
   * @param ours our own message
   * @param scan finds its nodes
   * @param nodes how many a peer's state has, where that is known
   */
  async unchanged(
    ours: Uint8Array,
    scan: () => Promise<UnchangedNodes>,
    nodes: number = Infinity,
  ): Promise<UnchangedNodes | undefined> {
    const pays = nodes * ownBytesPerNode >= ours.length;
    return pays && this.#options.states.dropsDuplicates ? scan() : undefined;
  }

  /** Errors: see `readPushPullHeader`. Nodes that are invalid are skipped, counted and logged. */
  async read(
    { charge, nextPart }: StreamSession,
    body: StreamReader,
    header: PushPullHeader,
    unchanged: UnchangedNodes | undefined,
  ): Promise<RemoteState> {
    const { config, log, stats } = this.#options;
    const { clock, limits } = config;
    let until = 0;
    const yieldToEventLoop = async (): Promise<void> => {
      await nextPart();
      until = clock.now() + readTime;
    };
    await yieldToEventLoop();
    const isTimeOver = (): boolean => clock.now() >= until;
    const state = await readPushPullNodes(body, header, limits, { yieldToEventLoop, isTimeOver, unchanged, charge });
    const { skipped } = state;
    if (skipped > 0) {
      stats.count("dropped.bad_node", skipped);
      log.warn("node_skipped", `skipped ${skipped} invalid nodes in a push/pull`, { skipped });
    }
    return state;
  }
}

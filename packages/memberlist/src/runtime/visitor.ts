import type { Address } from "../api/address.ts";
import type { WaitOptions } from "../api/call-options.ts";
import type { ResolvedConfig } from "../config/config.ts";
import type { Encryption } from "../encryption/encryption.ts";
import { KeyringCipher } from "../encryption/keyring-cipher.ts";
import { nextTurn } from "../ports/clock.ts";
import { createLog } from "../ports/log.ts";
import type { Logger } from "../ports/logger.ts";
import { streamWorkersOf } from "../wire/stream-workers.ts";
import type { Transport } from "../ports/transport.ts";
import { emptyBytes } from "../wire/bytes.ts";
import { encodePushPull } from "../wire/messages/push-pull.ts";
import { encodeUtf8 } from "../wire/utf8.ts";
import { PendingOperations } from "./pending-operations.ts";
import { SeedResolver } from "./seed-resolver.ts";
import { Stats } from "./stats.ts";
import { OutboundStreams, type PeerView } from "./streams/outbound-streams.ts";
import type { ExchangedStates } from "./streams/state-exchange.ts";
import { StreamCodec } from "./streams/stream-codec.ts";
import { StreamWrites } from "./streams/stream-writes.ts";

/** The parts of a transport by which one visits a cluster: nothing listens. */
export type Dialler = Pick<Transport, "dial" | "resolve" | "resolveSrv" | "crypto">;

export interface VisitorOptions {
  readonly config: ResolvedConfig;
  readonly transport: Dialler;
  /** Undefined: streams are in plaintext. */
  readonly encryption: Encryption | undefined;
}

/** Asks members for their state without being a member: a push/pull that has no nodes and does not join leaves no trace at the peer. */
export class Visitor {
  readonly operations: PendingOperations;
  readonly seeds: SeedResolver;
  readonly #options: VisitorOptions;
  readonly #parts: Omit<ConstructorParameters<typeof OutboundStreams>[0], "transport">;

  constructor(options: VisitorOptions) {
    this.#options = options;
    const { config, transport, encryption } = options;
    const { clock } = config;
    // What a member would log goes into the caller's error or result.
    const log = createLog({ logger: silent, clock });
    const stats = new Stats({ clock, log });
    const yieldToEventLoop = (): Promise<void> => nextTurn(clock);
    const states: ExchangedStates = {
      yieldToEventLoop,
      nextPart: yieldToEventLoop,
      dropsDuplicates: false,
      localState: (join) => Promise.resolve(encodePushPull(join, [], emptyBytes)),
      merge: () => Promise.resolve(),
    };
    const cipher = encryption && new KeyringCipher({ ...encryption, config, onKeyLimitReached: ignore });
    const codec = new StreamCodec({
      security: { label: encodeUtf8(config.label), cipher },
      compress: false,
      workers: streamWorkersOf(transport.crypto),
      yieldToEventLoop,
    });
    this.operations = new PendingOperations(clock);
    this.seeds = new SeedResolver({ config, transport, operations: this.operations, log });
    this.#parts = {
      config,
      codec,
      states,
      writes: new StreamWrites(yieldToEventLoop),
      operations: this.operations,
      log,
      stats,
    };
  }

  /** How many bytes peers have sent so far. */
  get bytesReceived(): number {
    return this.#parts.stats.traffic.streamBytesReceived;
  }

  /**
   * One push/pull. Errors: see {@link OutboundStreams.pushPull}.
   *
   * @param onConnected called when the connection is made, before anything is sent
   */
  fetch(to: Address, options: WaitOptions, onConnected: () => void): Promise<PeerView> {
    const { transport } = this.#options;
    const dial: Transport["dial"] = async (address, dialOptions) => {
      const stream = await transport.dial(address, dialOptions);
      onConnected();
      return stream;
    };
    return new OutboundStreams({ ...this.#parts, transport: { dial } }).pushPull(to, false, options);
  }
}

const ignore = (): void => undefined;
const silent: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

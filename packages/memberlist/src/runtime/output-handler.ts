import type { Address } from "../api/address.ts";
import { checkNodeName } from "../api/arguments.ts";
import { asMemberlistError, errorMessage, type MemberlistError } from "../api/errors.ts";
import type { MemberEvent } from "../api/events.ts";
import type { ResolvedConfig } from "../config/config.ts";
import type { Log } from "../ports/log.ts";
import type { EngineEvent, EngineRequest, Outputs, PacketOutput } from "../swim/outputs.ts";
import type { Delegates } from "./delegates.ts";
import type { PacketSender } from "./packets/packet-sender.ts";
import type { SeedResolver } from "./seed-resolver.ts";
import type { Stats } from "./stats.ts";
import type { OutboundStreams } from "./streams/outbound-streams.ts";

export interface OutputHandlerOptions {
  readonly config: ResolvedConfig;
  readonly log: Log;
  readonly stats: Stats;
  readonly outputs: Outputs;
  readonly delegates: Delegates;
  readonly packets: PacketSender;
  readonly streams: OutboundStreams;
  readonly seeds: SeedResolver;
  readonly isStopped: () => boolean;
  /** Runs an input of the engine. */
  readonly run: (input: () => void) => void;
  /** For `events()` and whatever else follows the membership. */
  readonly publish: (event: MemberEvent) => void;
}

/** Does what the engine's outputs ask for. The outcome of a request comes back as an input of its own. */
export class OutputHandler {
  readonly #options: OutputHandlerOptions;
  #isNotifying = false;

  constructor(options: OutputHandlerOptions) {
    this.#options = options;
  }

  /**
   * Takes all outputs of the last input: sends the packets, starts the requests, then notifies the events. A delegate may call back into
   * the library: what that input sends goes out at once, and its events are notified after those of this one.
   */
  handle(): void {
    const { outputs } = this.#options;
    const { packets, requests } = outputs;
    if (packets.length > 0) {
      outputs.packets = [];
      for (const packet of packets) this.#send(packet);
    }
    if (requests.length > 0) {
      outputs.requests = [];
      for (const request of requests) this.#start(request);
    }
    if (outputs.events.length > 0 && !this.#isNotifying) this.#notifyAll();
  }

  #send({ message, to, crc, onFailed }: PacketOutput): void {
    const { config, packets } = this.#options;
    try {
      checkNodeName(to, config);
      packets.send(message, to, crc, onFailed);
    } catch (error) {
      // Later, as every other failure: the rest of the outputs comes first.
      config.clock.defer(() => packets.failed(error, 1, onFailed));
    }
  }

  #start(request: EngineRequest): void {
    const { config, log, streams } = this.#options;
    switch (request.type) {
      case "streamPing":
        this.#pingByStream(request).catch((error: unknown) => {
          log.error("internal_error", `a ping over a stream failed: ${errorMessage(error)}`, { error });
        });
        break;
      case "pushPull":
        streams.pushPull(request.to, false).catch((error: unknown) => this.#pushPullFailed(request.to, error));
        break;
      case "resolveSeed": {
        const deadline = config.clock.now() + config.tcpTimeout;
        const timeLeft = (): number => Math.max(1, Math.ceil(deadline - config.clock.now()));
        const found = this.#options.seeds.resolve(request.seed, { timeLeft });
        this.#answer(found, (addresses, error) => request.done(addresses ?? [], error));
        break;
      }
      case "join":
        this.#answer(this.#join(request.to), (_, error) => request.done(error));
        break;
    }
  }

  async #pingByStream({ ping, to, deadline, done }: EngineRequest & { readonly type: "streamPing" }): Promise<void> {
    const { config, isStopped, run, streams } = this.#options;
    const timeout = Math.ceil(deadline - config.clock.now());
    const contacted = timeout > 0 && (await streams.ping(to, ping, timeout));
    if (!isStopped()) run(() => done(contacted));
  }

  async #join(to: Address): Promise<void> {
    checkNodeName(to, this.#options.config);
    await this.#options.streams.pushPull(to, true);
  }

  #pushPullFailed(to: Address, error: unknown): void {
    const { isStopped, log, stats } = this.#options;
    if (isStopped()) return;
    stats.count("push_pull_failed");
    log.warn("push_pull_failed", `push/pull with ${to.name} failed: ${errorMessage(error)}`, { to });
  }

  #answer<T>(work: Promise<T>, done: (result: T | undefined, error?: MemberlistError) => void): void {
    const { isStopped, run } = this.#options;
    const answer = (result: T | undefined, error?: MemberlistError): void => {
      if (!isStopped()) run(() => done(result, error));
    };
    work.then(
      (result) => answer(result),
      (error: unknown) => answer(undefined, asMemberlistError(error)),
    );
  }

  #notifyAll(): void {
    const { isStopped, outputs } = this.#options;
    this.#isNotifying = true;
    try {
      for (let { events } = outputs; events.length > 0; { events } = outputs) {
        outputs.events = [];
        for (const event of events) {
          // A delegate may have shut us down: nothing is notified after that.
          if (!isStopped()) this.#notify(event);
        }
      }
    } finally {
      this.#isNotifying = false;
    }
  }

  #notify(event: EngineEvent): void {
    const { config, delegates, publish } = this.#options;
    delegates.notify(event);
    if (event.type !== "message" && event.type !== "pingComplete") publish({ ...event, at: config.clock.wallTime() });
  }
}

import type { Address } from "../api/address.ts";
import { checkNodeName } from "../api/check-arguments.ts";
import { asMemberlistError, errorMessage, type MemberlistError } from "../api/errors.ts";
import type { MemberEvent } from "../api/events.ts";
import type { Seed } from "../api/seeds.ts";
import type { ResolvedConfig } from "../config/config.ts";
import type { Log } from "../ports/log.ts";
import type { EngineAction, Outputs } from "../swim/outputs.ts";
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

type ActionOf<T extends EngineAction["type"]> = EngineAction & { readonly type: T };

/** Executes the engine's outputs. The outcome of an action becomes a new input of the engine. */
export class OutputHandler {
  readonly #options: OutputHandlerOptions;
  #isNotifying = false;

  constructor(options: OutputHandlerOptions) {
    this.#options = options;
  }

  /**
   * Takes all outputs of the last input: does the actions, then notifies the events. A delegate may call back into the library: the actions
   * of that input are done at once, and its events are notified after those of this one.
   */
  handle(): void {
    const { config, delegates, isStopped, outputs, publish } = this.#options;
    const { actions } = outputs;
    if (actions.length > 0) {
      outputs.actions = [];
      for (const action of actions) this.#do(action);
    }
    if (outputs.events.length === 0 || this.#isNotifying) return;
    this.#isNotifying = true;
    try {
      for (let { events } = outputs; events.length > 0; { events } = outputs) {
        outputs.events = [];
        for (const event of events) {
          // A delegate may have shut us down: no delegate is notified after that.
          if (isStopped()) return;
          delegates.notify(event);
          // Not a copy by `...`: V8 gives each copy a hidden class of its own, which takes 180 bytes and a microsecond.
          if (event.type !== "message" && event.type !== "pingComplete")
            publish(Object.assign(event, { at: config.clock.wallTime() }));
        }
      }
    } finally {
      this.#isNotifying = false;
    }
  }

  #do(action: EngineAction): void {
    const { log, streams } = this.#options;
    switch (action.type) {
      case "packet":
        this.#send(action);
        break;
      case "streamPing":
        this.#pingByStream(action).catch((error: unknown) => {
          log.error("internal_error", `a ping over a stream failed: ${errorMessage(error)}`, { error });
        });
        break;
      case "pushPull":
        streams.pushPull(action.to, false).catch((error: unknown) => this.#pushPullFailed(action.to, error));
        break;
      case "resolveSeed":
        this.#answer(this.#resolve(action.seed), (addresses, error) => action.done(addresses ?? [], error));
        break;
      case "measured":
        action.done();
        break;
      case "join":
        this.#answer(this.#join(action.to), (_, error) => action.done(error));
        break;
    }
  }

  #send({ message, to, crc, onFailed }: ActionOf<"packet">): void {
    const { config, packets } = this.#options;
    try {
      checkNodeName(to, config);
      packets.send(message, to, crc, onFailed);
    } catch (error) {
      // Later, as every other failure: the rest of the outputs comes first.
      config.clock.defer(() => packets.failed(error, 1, onFailed));
    }
  }

  #resolve(seed: Seed): Promise<readonly Address[]> {
    const { clock, tcpTimeout } = this.#options.config;
    const deadline = clock.now() + tcpTimeout;
    return this.#options.seeds.resolve(seed, { timeLeft: () => Math.max(1, Math.ceil(deadline - clock.now())) });
  }

  async #pingByStream({ ping, to, deadline, done }: ActionOf<"streamPing">): Promise<void> {
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
}

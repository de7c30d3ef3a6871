import type { Address } from "../api/address.ts";
import type { Delegate, PingDelegate } from "../api/delegates.ts";
import type { SeedProvider, SeedRequest } from "../api/seeds.ts";
import type { Config } from "../config/config.ts";
import { textLogger, type LogFields, type Logger, type LogLevel } from "../ports/logger.ts";
import type { ChannelLayer } from "../runtime/delegates.ts";
import type { TakeUserMessage } from "../swim/outputs.ts";
import { copyBytes, emptyBytes } from "../wire/bytes.ts";
import { isChannelMessage } from "../wire/channel-message.ts";
import type { SrvRecord } from "../ports/transport.ts";
import type { Clock } from "../ports/clock.ts";
import { rememberedSeeds } from "../swim/healing.ts";
import { onAbort } from "../util/on-abort.ts";
import { seedCancelled } from "./application-answers.ts";
import type { MemberFeed } from "./member-feed.ts";
import { pack, unpack } from "./packed-values.ts";
import type { ApplicationFunction, Question, SeedFunction, StartMessage, ThreadMessage } from "./thread-messages.ts";
import type { ThreadPort } from "./thread-port.ts";

/** The bridge fetches no more broadcasts while it has so many bytes of them. */
const maxFetchedBytes = 64 * 1024;

interface Asked {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** The application's side of the config, in the thread: its delegates, store and logger report to the application, or ask it. */
export class ApplicationBridge {
  readonly #port: ThreadPort;
  readonly #feed: MemberFeed;
  readonly #questions: Map<number, Asked> = new Map();
  /** The seeds that are being resolved: their `resolveSrv`, by the id of the question. */
  readonly #seedRequests: Map<number, SeedRequest> = new Map();
  readonly #seeds: Map<number, SeedProvider> = new Map();
  readonly channels: ApplicationChannels;
  #lastId = 0;

  constructor(port: ThreadPort, feed: MemberFeed) {
    this.#port = port;
    this.#feed = feed;
    this.channels = new ApplicationChannels(feed, (join) => this.#ask({ about: "channelState", join }) as Promise<Uint8Array>);
  }

  /**
   * The config of the member: the fields that were cloned, those of the module, and the application's objects.
   *
   * @param clock stamps log lines
   */
  config(start: StartMessage, module: Partial<Config>, clock: Clock): Config {
    const { functions, hasMetrics } = start;
    const has = (name: ApplicationFunction): boolean => functions.includes(name);
    const { logger, logOutput, ...others } = module;
    const ownLogger = logger ?? (logOutput === undefined ? undefined : textLogger(logOutput, clock));
    return {
      ...(unpack(start.config) as Config),
      // A delegate of the module may have no metadata.
      ...(module.delegate === undefined ? {} : { meta: start.meta }),
      store: {
        load: () => this.#ask({ about: "load" }) as Promise<string | undefined>,
        save: (text) => this.#ask({ about: "save", text }) as Promise<void>,
      },
      ...(has("advertiseAddr") ? { advertiseAddr: () => this.#ask({ about: "advertiseAddr" }) as Promise<string> } : {}),
      ...(hasMetrics ? { metrics: this.#feed.metrics } : {}),
      delegate: this.#delegate(has, start.meta),
      ping: this.#pingDelegate(has, start.ackPayload),
      ...others,
      logger: this.#logger(ownLogger, clock),
    };
  }

  /** Reports the user messages of packets without a view or an object for each. */
  takeUser(functions: readonly ApplicationFunction[]): TakeUserMessage {
    const takesAll = functions.includes("notifyMsg");
    return (packet, start, end, from) => {
      if (takesAll || isChannelMessage(packet, start + 1)) this.#feed.part(packet, start, end, from);
    };
  }

  /** A seed that asks the application's function. While healing remembers the seed, the same function gives the same one. */
  seed({ name, seedId }: SeedFunction): SeedProvider {
    const known = this.#seeds.get(seedId);
    if (known !== undefined) return known;
    const provider = async (request: SeedRequest): Promise<readonly string[]> => {
      const id = this.#lastId + 1;
      this.#seedRequests.set(id, request);
      try {
        return (await this.#ask({ about: "seed", seedId, timeout: request.timeout }, request.signal)) as readonly string[];
      } finally {
        this.#seedRequests.delete(id);
      }
    };
    this.#seeds.set(seedId, Object.defineProperty(provider, "name", { value: name }));
    for (const oldest of this.#seeds.keys()) {
      if (this.#seeds.size <= rememberedSeeds) break;
      this.#seeds.delete(oldest);
    }
    return provider;
  }

  /** Asks the transport for the application's seed function. */
  resolveSrv(question: number, service: string): Promise<readonly SrvRecord[]> {
    const request = this.#seedRequests.get(question);
    if (request !== undefined) return request.resolveSrv(service);
    return Promise.reject(seedCancelled());
  }

  answer(id: number, value: unknown, error: unknown): void {
    const asked = this.#questions.get(id);
    this.#questions.delete(id);
    if (error === undefined) asked?.resolve(value);
    else asked?.reject(unpack(error));
  }

  #ask(question: Question, signal?: AbortSignal): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const stopListening = signal && onAbort(signal, () => this.#post({ type: "cancelQuestion", id }));
      const end =
        <T>(settle: (value: T) => void) =>
        (value: T): void => {
          stopListening?.();
          settle(value);
        };
      this.#questions.set(id, { resolve: end(resolve), reject: end(reject) });
      this.#post({ type: "question", id, question });
    });
  }

  #post(message: ThreadMessage): void {
    this.#port.post(message);
  }

  #delegate(has: (name: ApplicationFunction) => boolean, meta: Uint8Array): Delegate {
    let atStart: Uint8Array | undefined = meta;
    const fetched = new FetchedBroadcasts(
      (overhead, limit) => this.#ask({ about: "getBroadcasts", overhead, limit }) as Promise<Uint8Array[]>,
    );
    return {
      // Only for the start. An updateNode brings new metadata with it.
      nodeMeta: () => {
        const answer = atStart;
        atStart = undefined;
        return answer as Uint8Array;
      },
      ...(has("notifyMsg") ? { notifyMsg: (message: Uint8Array, from: Address) => this.#feed.message(message, from) } : {}),
      ...(has("getBroadcasts") ? { getBroadcasts: (overhead: number, limit: number) => fetched.take(overhead, limit) } : {}),
      ...(has("localState")
        ? { localState: (join: boolean) => this.#ask({ about: "localState", join }) as Promise<Uint8Array> }
        : {}),
      ...(has("mergeRemoteState")
        ? { mergeRemoteState: (state: Uint8Array, join: boolean) => this.#feed.merge(state, join, false) }
        : {}),
    };
  }

  #pingDelegate(has: (name: ApplicationFunction) => boolean, first: Uint8Array): PingDelegate {
    let payload = first;
    let isAsking = false;
    const ackPayload = (): Uint8Array => {
      if (!isAsking) {
        isAsking = true;
        this.#ask({ about: "ackPayload" }).then(
          (value) => {
            isAsking = false;
            payload = value as Uint8Array;
          },
          () => (isAsking = false),
        );
      }
      return payload;
    };
    return {
      ...(has("ackPayload") ? { ackPayload } : {}),
      ...(has("notifyPingComplete") ? { notifyPingComplete: (node, rtt, bytes) => this.#feed.ping(node, rtt, bytes) } : {}),
    } satisfies PingDelegate;
  }

  /** @param own the module's; it gets every line, and the application for `recentEvents()` only */
  #logger(own: Logger | undefined, clock: Clock): Logger {
    const at =
      (level: LogLevel) =>
      (fields: LogFields, message: string): unknown => {
        const isLogged = own !== undefined;
        this.#feed.line({ type: "line", level, fields: pack(fields), message, at: clock.wallTime(), isLogged });
        return own?.[level](fields, message);
      };
    return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }
}

/** The application's channels, in the thread. A push/pull does not wait for an application without channel state. */
class ApplicationChannels implements ChannelLayer {
  hasState = true;
  readonly #feed: MemberFeed;
  readonly #ask: (join: boolean) => Promise<Uint8Array>;

  constructor(feed: MemberFeed, ask: (join: boolean) => Promise<Uint8Array>) {
    this.#feed = feed;
    this.#ask = ask;
  }

  receive(message: Uint8Array, from: Address): void {
    this.#feed.message(message, from);
  }

  localState(join: boolean): Promise<Uint8Array> {
    return this.hasState ? this.#ask(join) : Promise.resolve(emptyBytes);
  }

  mergeState(sections: Uint8Array, join: boolean): void {
    // The buffer behind them may be transferred with the delegate's state.
    if (this.hasState) this.#feed.merge(copyBytes(sections), join, true);
  }
}

/** Broadcasts that the application's `getBroadcasts` has returned ahead of time, so that packets do not wait for the application. */
class FetchedBroadcasts {
  readonly #fetch: (overhead: number, limit: number) => Promise<readonly Uint8Array[]>;
  #messages: Uint8Array[] = [];
  #bytes = 0;
  #isFetching = false;

  constructor(fetch: (overhead: number, limit: number) => Promise<readonly Uint8Array[]>) {
    this.#fetch = fetch;
  }

  take(overhead: number, limit: number): Uint8Array[] {
    const taken: Uint8Array[] = [];
    let free = limit;
    this.#messages = this.#messages.filter((message) => {
      if (overhead + message.length > free) return true;
      free -= overhead + message.length;
      this.#bytes -= message.length;
      taken.push(message);
      return false;
    });
    if (!this.#isFetching && this.#bytes < maxFetchedBytes) this.#fetchMore(overhead, limit);
    return taken;
  }

  #fetchMore(overhead: number, limit: number): void {
    this.#isFetching = true;
    const end = (messages: readonly Uint8Array[]): void => {
      this.#isFetching = false;
      this.#messages.push(...messages);
      for (const { length } of messages) this.#bytes += length;
    };
    this.#fetch(overhead, limit).then(end, () => end([]));
  }
}

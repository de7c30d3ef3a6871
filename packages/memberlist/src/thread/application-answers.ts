import { MemberlistError } from "../api/errors.ts";
import type { SeedRequest } from "../api/seeds.ts";
import type { ResolvedConfig } from "../config/config.ts";
import type { SrvRecord } from "../ports/transport.ts";
import type { Channels } from "../runtime/channels/channels.ts";
import type { Delegates } from "../runtime/delegates.ts";
import { JoinSeeds } from "./join-seeds.ts";
import { pack } from "./packed-values.ts";
import type { ApplicationMessage, Question, QuestionMessage } from "./thread-messages.ts";

export interface ApplicationAnswersOptions {
  readonly config: ResolvedConfig;
  readonly delegates: Delegates;
  readonly channels: Channels;
  /** Asks the thread's transport. @param question the id of the question about a seed */
  readonly resolveSrv: (question: number, service: string) => Promise<readonly SrvRecord[]>;
}

/** Answers the thread's questions: values of delegates, the saved state, seeds. */
export class ApplicationAnswers {
  readonly seeds: JoinSeeds = new JoinSeeds();
  readonly #options: ApplicationAnswersOptions;
  readonly #aborts: Map<number, AbortController> = new Map();
  /** The last saved state. A new thread loads it. */
  #saved: string | undefined;

  constructor(options: ApplicationAnswersOptions) {
    this.#options = options;
  }

  /** @param post posts to the thread that asks */
  receive(message: QuestionMessage, post: (message: ApplicationMessage) => void): void {
    const { id } = message;
    if (message.type === "cancelQuestion") {
      this.#aborts.get(id)?.abort();
      return;
    }
    this.#answer(id, message.question).then(
      (value) => post({ type: "answer", id, value: pack(value), error: undefined }),
      (error: unknown) => post({ type: "answer", id, value: undefined, error: pack(error ?? new Error("no reason given")) }),
    );
  }

  /** The thread has ended: aborts the seed functions that answer its questions. */
  abort(): void {
    const aborts = [...this.#aborts.values()];
    this.#aborts.clear();
    for (const abort of aborts) abort.abort();
  }

  async #answer(id: number, question: Question): Promise<unknown> {
    const { channels, config, delegates } = this.#options;
    switch (question.about) {
      case "ackPayload":
        return delegates.ackPayload();
      case "advertiseAddr":
        return typeof config.advertiseAddr === "function" ? config.advertiseAddr() : config.advertiseAddr;
      case "getBroadcasts":
        return delegates.getBroadcasts(question.overhead, question.limit);
      case "localState":
        return delegates.delegateState(question.join);
      case "channelState":
        return channels.localState(question.join);
      case "load":
        return this.#saved ?? config.store?.load();
      case "save":
        this.#saved = question.text;
        return config.store?.save(question.text);
      case "seed":
        return this.#findSeeds(id, question);
      default:
        return undefined;
    }
  }

  async #findSeeds(id: number, { seedId, timeout }: Question & { readonly about: "seed" }): Promise<readonly string[]> {
    const seed = this.seeds.get(seedId);
    if (seed === undefined) return [];
    const abort = new AbortController();
    this.#aborts.set(id, abort);
    const { resolveSrv } = this.#options;
    const isWanted = (): boolean => this.#aborts.get(id) === abort;
    const request: SeedRequest = {
      signal: abort.signal,
      timeout,
      resolveSrv: (service) => (isWanted() ? resolveSrv(id, service) : Promise.reject(seedCancelled())),
    };
    try {
      return await seed(request);
    } finally {
      if (isWanted()) this.#aborts.delete(id);
    }
  }
}

export function seedCancelled(): MemberlistError {
  return new MemberlistError("aborted", "the thread that asked for the seed has ended, or the join was aborted");
}

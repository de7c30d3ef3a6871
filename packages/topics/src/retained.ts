import type { StoredMessage } from "./message-log.ts";
import type { RetainedDigest, WireMessage } from "./wire.ts";

/** The last retained value of each topic. */
export class RetainedValues {
  readonly #maxTopics: number;
  readonly #maxBytes: number;
  #bytes = 0;
  /** The one that was set longest ago is the first. */
  readonly #values: Map<string, StoredMessage> = new Map();

  constructor(maxTopics: number, maxBytes: number) {
    this.#maxTopics = maxTopics;
    this.#maxBytes = maxBytes;
  }

  get(topic: string): StoredMessage | undefined {
    return this.#values.get(topic);
  }

  /** The version of a new value. */
  nextVersion(topic: string): number {
    return (this.#values.get(topic)?.version ?? 0) + 1;
  }

  /** @returns whether it is newer than the value so far. Of two values of one version, that of the higher origin is newer at all members */
  set(message: StoredMessage): boolean {
    const { topic } = message;
    if (!isNewer(message, this.#values.get(topic))) return false;
    this.#delete(topic);
    if (this.#maxTopics === 0) return true;
    this.#values.set(topic, message);
    this.#bytes += message.payload.length;
    for (const oldest of this.#values.keys()) {
      if (oldest === topic || (this.#values.size <= this.#maxTopics && this.#bytes <= this.#maxBytes)) break;
      this.#delete(oldest);
    }
    return true;
  }

  #delete(topic: string): void {
    this.#bytes -= this.#values.get(topic)?.payload.length ?? 0;
    this.#values.delete(topic);
  }

  digest(): RetainedDigest[] {
    return [...this.#values.values()].map(({ origin, topic, version }) => ({ origin, topic, version }));
  }

  /** The topics of which a peer has a newer value. */
  missing(digest: readonly RetainedDigest[]): string[] {
    return digest.filter((theirs) => isNewer(theirs, this.#values.get(theirs.topic))).map(({ topic }) => topic);
  }
}

type Version = Pick<WireMessage, "origin" | "version">;

function isNewer(value: Version, before: Version | undefined): boolean {
  if (before === undefined || value.version !== before.version) return value.version > (before?.version ?? 0);
  return value.origin > before.origin;
}

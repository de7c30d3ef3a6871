import type { StoredMessage } from "./message-log.ts";
import { maxVersion, type RetainedDigest, type WireMessage } from "./wire.ts";

/** How many versions of values that were dropped are remembered. */
const maxDropped = 8_192;
/** Of values with the highest version, one that was published so much later is newer, in ms. Members estimate that time. */
const laterBy = 1_000;

/** The last retained value of each topic. */
export class RetainedValues {
  readonly #maxTopics: number;
  readonly #maxBytes: number;
  #bytes = 0;
  /** The one that was set longest ago is the first. */
  readonly #values: Map<string, StoredMessage> = new Map();
  /** The versions of values that had no room: this member must not ask for them again, and its next value must be newer. */
  readonly #dropped: Map<string, Version> = new Map();

  constructor(maxTopics: number, maxBytes: number) {
    this.#maxTopics = maxTopics;
    this.#maxBytes = maxBytes;
  }

  get(topic: string): StoredMessage | undefined {
    return this.#values.get(topic);
  }

  /** The version of a new value. */
  nextVersion(topic: string): number {
    return Math.min(maxVersion, (this.#last(topic)?.version ?? 0) + 1);
  }

  /** @returns whether it is newer than the value so far. Of two values of one version, that of the higher origin is newer at all members */
  set(message: StoredMessage): boolean {
    const { topic } = message;
    if (!isNewer(message, this.#last(topic))) return false;
    this.#bytes += message.payload.length - (this.#values.get(topic)?.payload.length ?? 0);
    this.#values.delete(topic);
    this.#dropped.delete(topic);
    this.#values.set(topic, message);
    for (const [oldest, { payload, origin, publishedAt, sequence, version }] of this.#values) {
      const isOver = this.#values.size > this.#maxTopics || (oldest !== topic && this.#bytes > this.#maxBytes);
      if (!isOver) break;
      this.#bytes -= payload.length;
      this.#values.delete(oldest);
      this.#dropped.delete(oldest);
      this.#dropped.set(oldest, { origin, publishedAt, sequence, version });
    }
    for (const oldest of this.#dropped.keys()) {
      if (this.#dropped.size <= maxDropped) break;
      this.#dropped.delete(oldest);
    }
    return true;
  }

  digest(): RetainedDigest[] {
    return [...this.#values.values()].map(({ origin, topic, version }) => ({ origin, topic, version }));
  }

  /** The topics of which a peer has a newer value, the most recent ones first, as far as this member has room for them. */
  missing(digest: readonly RetainedDigest[]): string[] {
    let room = this.#maxTopics - this.#values.size;
    const topics = new Set<string>();
    for (const theirs of digest.toReversed()) {
      if (topics.has(theirs.topic) || !isNewer(theirs, this.#last(theirs.topic))) continue;
      if (!this.#values.has(theirs.topic) && room-- <= 0) continue;
      topics.add(theirs.topic);
    }
    return [...topics];
  }

  /** Frees the memory. */
  clear(): void {
    this.#values.clear();
    this.#dropped.clear();
    this.#bytes = 0;
  }

  #last(topic: string): Version | undefined {
    return this.#values.get(topic) ?? this.#dropped.get(topic);
  }
}

type Version = Pick<StoredMessage, "origin" | "publishedAt" | "sequence" | "version">;
/** A digest has neither the sequence nor the time. */
type Candidate = Pick<WireMessage, "origin" | "version"> & Partial<Version>;

function isNewer(value: Candidate, before: Version | undefined): boolean {
  if (before === undefined) return value.version > 0;
  if (value.version !== before.version) return value.version > before.version;
  if (value.version < maxVersion) return value.origin > before.origin;
  // No version is higher, so a forged one must not be final: what was published later is newer.
  if (value.origin === before.origin) return value.sequence !== undefined && value.sequence > before.sequence;
  if (value.publishedAt === undefined) return true;
  const later = value.publishedAt - before.publishedAt;
  return Math.abs(later) > laterBy ? later > 0 : value.origin > before.origin;
}

import type { EventStream, LeaveCause, MemberEvent, MemberInfo, Memberlist, NodeState, SuspectCause } from "@memberlist/core";
import type { StatusSource } from "@memberlist/status";

const encoder = new TextEncoder();

interface FakeOptions {
  readonly state?: NodeState;
  readonly meta?: Uint8Array;
  readonly cause?: SuspectCause | LeaveCause;
  readonly accusers?: readonly string[];
  readonly rtt?: number;
  readonly age?: number;
}

/** What a status handler reads of a node, with as many members as a test wants, and whatever names they have. */
export class FakeNode implements StatusSource {
  readonly #real: Memberlist;
  readonly #members: Map<string, MemberInfo> = new Map();
  readonly #events: MemberEvent[] = [];
  readonly #wake: Set<() => void> = new Set();

  /** @param real has the rest */
  constructor(real: Memberlist) {
    this.#real = real;
  }

  set(name: string, { state = "alive", meta, cause, accusers = [], rtt, age = 0 }: FakeOptions = {}): MemberInfo {
    const before = this.#members.get(name);
    const i = this.#members.size;
    const member: MemberInfo = {
      name,
      addr: before?.addr ?? `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
      port: 7946,
      meta: meta ?? before?.meta ?? encoder.encode(JSON.stringify({ role: i % 3 === 0 ? "db" : "web", zone: `eu-${i % 4}` })),
      state,
      incarnation: 1,
      pMin: 1,
      pMax: 5,
      pCur: 2,
      dMin: 0,
      dMax: 0,
      dCur: 0,
      since: Date.now() - age,
      age,
      rtt: rtt ?? before?.rtt,
      cause,
      accusers,
    };
    this.#members.set(name, member);
    return member;
  }

  push(event: MemberEvent): void {
    this.#events.push(event);
    for (const wake of this.#wake) wake();
  }

  members(): MemberInfo[] {
    return [...this.#members.values()];
  }

  get(name: string): MemberInfo | undefined {
    return this.#members.get(name);
  }

  recentEvents(): MemberEvent[] {
    return this.#events.slice(-256);
  }

  events({ signal }: { readonly signal?: AbortSignal } = {}): EventStream {
    const next = async function* (this: FakeNode): AsyncGenerator<MemberEvent, undefined> {
      let read = this.#events.length;
      for (;;) {
        if (signal?.aborted === true) return undefined;
        const event = this.#events[read];
        if (event === undefined) {
          await new Promise<void>((resolve) => {
            this.#wake.add(resolve);
            signal?.addEventListener("abort", () => resolve());
          });
          continue;
        }
        read++;
        yield event;
      }
    }.call(this);
    return Object.assign(next, { dropped: 0 }) as unknown as EventStream;
  }

  get config(): Memberlist["config"] {
    return this.#real.config;
  }

  counters(): Readonly<Record<string, number>> {
    return { "dropped.bad_crc": 3, "dropped.label_mismatch": 41, send_failed: 7, ...this.#real.counters() };
  }

  traffic(): ReturnType<Memberlist["traffic"]> {
    return this.#real.traffic();
  }

  queues(): ReturnType<Memberlist["queues"]> {
    return this.#real.queues();
  }

  protocolVersion(): number {
    return this.#real.protocolVersion();
  }

  toJSON(): ReturnType<Memberlist["toJSON"]> {
    return this.#real.toJSON();
  }
}

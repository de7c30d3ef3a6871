/** A named channel of `node:diagnostics_channel`. */
export interface DiagnosticsChannel {
  readonly hasSubscribers: boolean;
  publish(message: unknown): void;
  /** Publishes the message, and runs the function with the stores that subscribers have bound to the channel. */
  runStores?<Result>(message: object, run: () => Result): Result;
}

/** The part of `node:diagnostics_channel` that the core uses. */
export interface DiagnosticsChannels {
  channel(name: string): DiagnosticsChannel;
}

/** The common fields of all messages of an operation. */
interface OperationMessage {
  /** This member's name. */
  readonly node: string;
}

/** A finished operation adds one of these to its message. */
export interface Outcome {
  result?: unknown;
  error?: unknown;
}

/**
 * An operation with a start and an end, on the five channels of a `TracingChannel`, which subscribers make by the same name. One object is the message of
 * all events of an operation.
 */
export class TracedOperation<Message extends OperationMessage> {
  readonly #start: DiagnosticsChannel;
  readonly #end: DiagnosticsChannel;
  readonly #asyncStart: DiagnosticsChannel;
  readonly #asyncEnd: DiagnosticsChannel;
  readonly #error: DiagnosticsChannel;

  constructor(channels: DiagnosticsChannels, name: string) {
    const event = (of: string): DiagnosticsChannel => channels.channel(`tracing:${name}:${of}`);
    this.#start = event("start");
    this.#end = event("end");
    this.#asyncStart = event("asyncStart");
    this.#asyncEnd = event("asyncEnd");
    this.#error = event("error");
  }

  /** Whether the channel has subscribers. Without any, callers need not make a message. */
  get isOn(): boolean {
    return (
      this.#start.hasSubscribers ||
      this.#end.hasSubscribers ||
      this.#asyncStart.hasSubscribers ||
      this.#asyncEnd.hasSubscribers ||
      this.#error.hasSubscribers
    );
  }

  /**
   * Traces an asynchronous operation.
   *
   * @param message is called only for subscribers
   * @param resultOf what subscribers get to see of its result
   */
  trace<T>(message: () => Message, run: () => Promise<T>, resultOf: (value: T) => unknown = nothing): Promise<T> {
    if (!this.isOn) return run();
    const traced = message();
    return this.#run(traced, () => this.#trace(traced, run, resultOf));
  }

  /** Traces a call. @param message is called only for subscribers */
  traceSync<T>(message: () => Message, run: () => T): T {
    if (!this.isOn) return run();
    const traced: Message & Outcome = message();
    return this.#run(traced, () => {
      try {
        return run();
      } catch (error) {
        traced.error = error;
        this.#error.publish(traced);
        throw error;
      } finally {
        this.#end.publish(traced);
      }
    });
  }

  /** Begins an operation that {@link finish} ends. */
  begin(message: Message): void {
    this.#start.publish(message);
    this.#end.publish(message);
  }

  finish(message: Message & Outcome): void {
    this.#asyncStart.publish(message);
    this.#asyncEnd.publish(message);
  }

  async #trace<T>(traced: Message & Outcome, run: () => Promise<T>, resultOf: (value: T) => unknown): Promise<T> {
    let promise: Promise<T>;
    try {
      promise = run();
    } finally {
      this.#end.publish(traced);
    }
    try {
      const value = await promise;
      traced.result = resultOf(value);
      return value;
    } catch (error) {
      traced.error = error;
      this.#error.publish(traced);
      throw error;
    } finally {
      this.finish(traced);
    }
  }

  /** What `run` publishes, at once or later, has the stores, too. */
  #run<T>(message: Message, run: () => T): T {
    if (this.#start.runStores !== undefined) return this.#start.runStores(message, run);
    this.#start.publish(message);
    return run();
  }
}

/** A call of `join`. */
export interface JoinTrace extends OperationMessage {
  /** The names of the seeds. */
  readonly seeds: readonly string[];
}

/** An exchange of states with another member. */
export interface PushPullTrace extends OperationMessage {
  /** Whether this member began it (`out`) or the other one (`in`). */
  readonly direction: "in" | "out";
  /** `host:port` of the other end. */
  readonly address: string;
  /** The other member's name, if it is known. */
  readonly peer: string;
  /** Whether it is a part of a join. Unknown where the other member began it. */
  readonly join?: boolean;
}

/** A probe of a member, or a call of `ping`. */
export interface PingTrace extends OperationMessage {
  /** `host:port` of the member. */
  readonly address: string;
  /** The name of the member. */
  readonly peer: string;
}

/** How a probe ended. */
export interface ProbeResult {
  /** The first answer: of the member itself, of the member after other members were asked to ping it, of the member over a stream, or none. */
  readonly answer: "direct" | "indirect" | "stream" | "none";
  /** In ms; only of a direct answer. */
  readonly rtt: number | undefined;
}

/** A call of `sendReliable`. */
export interface SendTrace extends OperationMessage {
  /** `host:port` of the receiver. */
  readonly address: string;
  /** The name of the receiver; empty if the message goes to an address. */
  readonly peer: string;
  /** Of the message, in bytes. */
  readonly size: number;
}

/** A call of a delegate, or of a callback of the config. */
export interface DelegateTrace extends OperationMessage {
  /** The method, such as `notifyMsg`. */
  readonly method: string;
}

/** The channels on which a member reports what it does. docs/reference/diagnostics.md describes each. Messages have sizes, and never keys or payloads. */
export class Diagnostics {
  readonly node: string;
  readonly join: TracedOperation<JoinTrace>;
  readonly pushPull: TracedOperation<PushPullTrace>;
  readonly probe: TracedOperation<PingTrace>;
  readonly ping: TracedOperation<PingTrace>;
  readonly sendReliable: TracedOperation<SendTrace>;
  readonly delegate: TracedOperation<DelegateTrace>;
  readonly sendBestEffort: DiagnosticsChannel;
  readonly packetSent: DiagnosticsChannel;
  readonly packetReceived: DiagnosticsChannel;
  readonly drop: DiagnosticsChannel;

  /** @param channels absent: diagnostics never have subscribers */
  constructor(node: string, channels: DiagnosticsChannels = silent) {
    this.node = node;
    this.join = new TracedOperation(channels, "memberlist:join");
    this.pushPull = new TracedOperation(channels, "memberlist:pushPull");
    this.probe = new TracedOperation(channels, "memberlist:probe");
    this.ping = new TracedOperation(channels, "memberlist:ping");
    this.sendReliable = new TracedOperation(channels, "memberlist:sendReliable");
    this.delegate = new TracedOperation(channels, "memberlist:delegate");
    this.sendBestEffort = channels.channel("memberlist:sendBestEffort");
    this.packetSent = channels.channel("memberlist:packetSent");
    this.packetReceived = channels.channel("memberlist:packetReceived");
    this.drop = channels.channel("memberlist:drop");
  }
}

const silentChannel: DiagnosticsChannel = { hasSubscribers: false, publish: nothing };
const silent: DiagnosticsChannels = { channel: () => silentChannel };

function nothing(): undefined {
  return undefined;
}

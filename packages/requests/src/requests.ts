import { MemberlistError, type Channel, type ChannelSender, type Node, type Receiver } from "@memberlist/core";
import { abortSignal, checkOptions, duration, type Rules } from "@memberlist/core/internal";
import { Answers } from "./answers.ts";
import { Counters, type RequestCounters } from "./counters.ts";
import { RequestError } from "./errors.ts";
import { decodeFrame, nameMaxBytes } from "./frames.ts";
import { IncomingRequests, type RequestHandler } from "./incoming-requests.ts";
import { resolveOptions, type RequestsMember, type RequestsOptions } from "./options.ts";
import { OutgoingRequests } from "./outgoing-requests.ts";
import { channelName, Sender } from "./sender.ts";

/** Options of {@link Requests.request}. */
export interface RequestOptions {
  /** How long to wait for the answer, in ms. Default 5 s. */
  readonly timeout?: number;
  /** Stops waiting. The other member may handle the request nevertheless. */
  readonly signal?: AbortSignal;
}

/** Options of {@link Requests.requestAll}. */
export interface RequestAllOptions extends RequestOptions {
  /** The members to ask. Default: all others that are alive or suspect. */
  readonly members?: readonly Node[];
}

const requestRules: Rules<RequestOptions> = { timeout: duration, signal: abortSignal };
const requestAllRules: Rules<RequestAllOptions> = {
  ...requestRules,
  members: { expected: "a list of members", accepts: Array.isArray },
};
const defaultTimeout = 5_000;

/** Requests between members. {@link createRequests} makes one for each member. */
export class Requests implements Disposable {
  readonly #members: RequestsMember;
  readonly #channel: Channel;
  readonly #counters: Counters = new Counters();
  readonly #outgoing: OutgoingRequests;
  readonly #incoming: IncomingRequests;
  #isClosed = false;

  constructor(members: RequestsMember, options: RequestsOptions) {
    const resolved = resolveOptions(options);
    this.#members = members;
    const sender = new Sender(() => this.#channel, members.config.clock, resolved.maxStreams);
    this.#outgoing = new OutgoingRequests(members, resolved, sender, this.#counters);
    this.#incoming = new IncomingRequests(members, resolved, sender, this.#counters);
    this.#channel = members.channel(channelName, {
      onMessage: (message, from) => this.#receive(message, from),
      onClose: () => this.#end(),
    });
  }

  /**
   * Answers requests of this name from other members.
   *
   * @param name 1 to 255 bytes of UTF-8
   * @returns a function that removes the handler
   * @throws RequestError `handler_exists`; MemberlistError `invalid_argument`
   *
   * @example
   * requests.handle("time", () => new TextEncoder().encode(new Date().toISOString()));
   */
  handle(name: string, handler: RequestHandler): () => void {
    checkName(name);
    if (typeof handler !== "function") throw new MemberlistError("invalid_argument", "a handler must be a function");
    const { handlers } = this.#incoming;
    if (handlers.has(name)) throw new RequestError("handler_exists", `${name} has a handler: remove it first`);
    handlers.set(name, handler);
    return () => void (handlers.get(name) === handler && handlers.delete(name));
  }

  /**
   * Asks one member.
   *
   * @param to a member, its name, or an address
   * @returns the answer of its handler
   * @throws RequestError with `member` if the other member refused (`unknown_request`, `busy`, `handler_failed`, or the code of its
   *   handler); without it `timeout`, `aborted`, `too_many_requests` or `closed`
   * @throws MemberlistError as `sendReliable` if a long request could not be sent; `member_not_found`, `invalid_argument`, `shutdown`
   */
  async request(to: Receiver, name: string, payload: Uint8Array, options: RequestOptions = {}): Promise<Uint8Array> {
    checkOptions("request", options, requestRules);
    checkRequest(name, payload);
    this.#checkOpen();
    const { timeout = defaultTimeout, signal } = options;
    return this.#outgoing.start({ to, name, payload, timeout, signal }).answer;
  }

  /**
   * Asks many members at once.
   *
   * @returns the answers in the order of their arrival, until all members have answered or the timeout; then `missing` lists the members that did not
   *   answer
   * @throws RequestError `too_many_requests` if more than `maxPending` requests would wait; `closed`
   * @throws MemberlistError `invalid_argument`
   *
   * @example
   * const answers = requests.requestAll("version", new Uint8Array(), { timeout: 2_000 });
   * for await (const { member, payload, error } of answers) console.log(member.name, error?.code ?? decode(payload));
   * console.log("no answer:", answers.missing.map(({ name }) => name));
   */
  requestAll(name: string, payload: Uint8Array, options: RequestAllOptions = {}): Answers {
    checkOptions("requestAll", options, requestAllRules);
    checkRequest(name, payload);
    this.#checkOpen();
    const { timeout = defaultTimeout, signal, members = this.#others() } = options;
    this.#outgoing.checkRoom(members.length);
    const { clock } = this.#members.config;
    const until = clock.now() + timeout;
    return new Answers({
      members,
      clock,
      signal,
      ask: (to, stop) => this.#outgoing.start({ to, name, payload, timeout: Math.max(1, until - clock.now()), signal: stop }),
    });
  }

  /** What has happened since {@link createRequests}. */
  counters(): RequestCounters {
    return this.#counters.read();
  }

  /** Fails the requests that wait for answers with `closed`, and answers no further ones. The shutdown of the member does so, too. */
  close(): void {
    this.#channel.close();
  }

  /** Called by `using` at the end of its block: {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #others(): Node[] {
    const { name } = this.#members.localNode();
    return this.#members.members().filter((member) => member.name !== name);
  }

  #receive(message: Uint8Array, from: ChannelSender): void {
    const frame = decodeFrame(message);
    if (frame === undefined || from.isBroadcast) this.#counters.count("malformed");
    else if (frame.type === "request") this.#incoming.receive(frame, from);
    else this.#outgoing.receive(frame, from);
  }

  #end(): void {
    this.#isClosed = true;
    this.#incoming.end();
    this.#outgoing.end(closed());
  }

  #checkOpen(): void {
    if (this.#isClosed) throw closed();
  }
}

/**
 * Sends requests to other members, and answers theirs. Call it right after `createMemberlist`, at all members that send or answer requests. It opens the
 * channel `memberlist.requests`, so a member has at most one.
 *
 * @throws MemberlistError `channel_exists`, `invalid_argument`, `shutdown`
 *
 * @example
 * const requests = createRequests(members);
 * requests.handle("load", () => Uint8Array.of(currentLoad()));
 * const [load] = await requests.request("web-2", "load", new Uint8Array());
 */
export function createRequests(members: RequestsMember, options: RequestsOptions = {}): Requests {
  return new Requests(members, options);
}

function closed(): RequestError {
  return new RequestError("closed", "the requests were closed, or the member was shut down");
}

function checkRequest(name: string, payload: Uint8Array): void {
  checkName(name);
  if (!(payload instanceof Uint8Array)) throw new MemberlistError("invalid_argument", "a payload must be a Uint8Array");
}

function checkName(name: unknown): void {
  const bytes = typeof name === "string" ? new TextEncoder().encode(name).length : 0;
  if (bytes >= 1 && bytes <= nameMaxBytes) return;
  throw new MemberlistError("invalid_argument", `the name of a request must be a string of 1 to ${nameMaxBytes} bytes (UTF-8)`);
}

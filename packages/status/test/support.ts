import type { StatusDocument, StatusEvent, StatusSample, StatusUpdate, MemberStatus } from "../src/index.ts";

export type Handler = (request: Request) => Promise<Response>;

/** A request to localhost. */
export function get(handler: Handler, path: string = "/", headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return handler(new Request(`http://localhost:8080${path}`, { headers }));
}

export async function documentOf(handler: Handler): Promise<StatusDocument> {
  return (await (await get(handler, "/", { accept: "application/json" })).json()) as StatusDocument;
}

/** The data of each type of message. */
interface Messages {
  readonly status: StatusDocument;
  readonly event: { readonly event: StatusEvent; readonly member?: MemberStatus };
  readonly update: StatusUpdate & {
    readonly members: readonly MemberStatus[];
    readonly gone: readonly string[];
    readonly sample?: StatusSample;
  };
  readonly end: StatusUpdate;
}

export type Message = {
  readonly [Type in keyof Messages]: { readonly type: Type; readonly data: Messages[Type] };
}[keyof Messages];

/** Reads an event stream as a browser does. */
export class EventReader {
  readonly received: Message[] = [];
  isClosed = false;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #rest = "";

  constructor({ body }: Response) {
    if (body === null) throw new Error("the response has no body");
    this.#reader = body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  }

  static async open(handler: Handler, signal?: AbortSignal): Promise<EventReader> {
    const response = await handler(new Request("http://localhost:8080/events", { signal: signal ?? null }));
    if (response.status !== 200) throw new Error(`status ${response.status}`);
    return new EventReader(response);
  }

  /** The messages that come in one piece; undefined at the end of the stream. */
  async read(): Promise<readonly Message[] | undefined> {
    const { done, value } = await this.#reader.read();
    if (done) {
      this.isClosed = true;
      return undefined;
    }
    const parts = (this.#rest + this.#decoder.decode(value, { stream: true })).split("\n\n");
    this.#rest = parts.pop() ?? "";
    const messages = parts.map(parse);
    this.received.push(...messages);
    return messages;
  }

  /** Reads from now on to the end. */
  readAll(): this {
    const next = async (): Promise<void> => {
      while ((await this.read()) !== undefined);
    };
    next().catch(() => (this.isClosed = true));
    return this;
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }

  of<Type extends Message["type"]>(type: Type): Messages[Type][] {
    return this.received.flatMap((message) => (message.type === type ? [message.data as Messages[Type]] : []));
  }
}

function parse(text: string): Message {
  const [, type, data] = /^event: (\w+)\ndata: (.*)$/.exec(text) ?? [];
  if (type === undefined || data === undefined) throw new Error(`not a message: ${text.slice(0, 100)}`);
  return { type, data: JSON.parse(data) as unknown } as Message;
}

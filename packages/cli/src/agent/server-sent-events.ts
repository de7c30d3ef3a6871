export interface ServerSentEvent {
  readonly type: string;
  readonly data: string;
}

/** The longest event that is read, in characters: a status of 100,000 members is about half of it. */
const maxEvent = 64 * 1024 * 1024;

/** Reads server-sent events until the body ends. */
export async function* readServerSentEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let buffered = "";
  for await (const chunk of body) {
    buffered += decoder.decode(chunk, { stream: true });
    if (buffered.length > maxEvent) throw new RangeError("an event of the agent is too long");
    for (let end = buffered.indexOf("\n\n"); end >= 0; end = buffered.indexOf("\n\n")) {
      const event = parse(buffered.slice(0, end));
      buffered = buffered.slice(end + 2);
      if (event.data !== "") yield event;
    }
  }
}

function parse(block: string): ServerSentEvent {
  const fields = block.split("\n").map((line) => /^(\w+): ?(.*)$/.exec(line));
  const valuesOf = (name: string): readonly string[] => fields.flatMap((found) => (found?.[1] === name ? [found[2] ?? ""] : []));
  return { type: valuesOf("event").at(-1) ?? "message", data: valuesOf("data").join("\n") };
}

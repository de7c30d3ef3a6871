import { describe, expect, it } from "vitest";
import { TcpStream, type Connection } from "../../src/transport-kit/tcp-stream.ts";
import { TurnBudget } from "../../src/util/turn-budget.ts";

const slot = { prove: (): void => undefined, linger: (): void => undefined, leave: (): void => undefined };

/** A connection whose first read ends when `read` does, and whose second one never ends. */
function connection(read: Promise<Uint8Array | undefined>): Connection {
  const reads = [read];
  return {
    remote: undefined,
    gone: new Promise(() => undefined),
    read: () => reads.pop() ?? new Promise(() => undefined),
    write: () => Promise.resolve(),
    closeWrite: () => Promise.resolve(),
    close: () => undefined,
    reset: () => undefined,
  };
}

function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Streams that read at the same time, four in a turn. `next` begins a turn. */
function readers(
  read: () => Promise<Uint8Array | undefined>,
  count: number,
): { readonly ended: () => number; readonly next: () => Promise<void> } {
  let begin = (): void => undefined;
  const reads = new TurnBudget(
    4,
    () =>
      new Promise((resolve) => {
        begin = resolve;
      }),
  );
  let ended = 0;
  const end = (): void => void ended++;
  for (let i = 0; i < count; i++) {
    new TcpStream(connection(read()), { slot, reads }).readable.getReader().read().then(end, end);
  }
  const next = async (): Promise<void> => {
    begin();
    await settled();
  };
  return { ended: () => ended, next };
}

describe("TcpStream", () => {
  it.each([
    ["have ended", () => Promise.resolve(undefined)],
    ["have bytes", () => Promise.resolve(Uint8Array.of(1))],
    ["have failed", () => Promise.reject(new Error("ECONNRESET"))],
  ])("spreads the reads of inbound connections that %s at once over turns", async (_, read) => {
    const { ended, next } = readers(read, 10);
    await settled();
    expect(ended()).toBe(4);
    await next();
    expect(ended()).toBe(8);
    await next();
    expect(ended()).toBe(10);
  });

  it("ends a read that waits for its turn when it is closed", async () => {
    const reads = new TurnBudget(1, () => new Promise(() => undefined));
    const inbound = { slot, reads };
    const first = new TcpStream(connection(Promise.resolve(Uint8Array.of(1))), inbound).readable.getReader();
    const second = new TcpStream(connection(Promise.resolve(Uint8Array.of(2))), inbound);
    const reading = second.readable.getReader().read();
    expect((await first.read()).value).toEqual(Uint8Array.of(1));
    second.close();
    await expect(reading).rejects.toMatchObject({ code: "stream_closed" });
  });

  it("ends all reads of connections that this side opened at once", async () => {
    const chunk = Promise.resolve(Uint8Array.of(1));
    const all = Array.from({ length: 10 }, () => new TcpStream(connection(chunk)).readable.getReader().read());
    expect(await Promise.all(all)).toHaveLength(10);
  });
});

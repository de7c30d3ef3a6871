import { connect, createServer, type Server, type ServerOpts, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { Address } from "@memberlist/core";
import { TcpStream } from "@memberlist/core/internal";
import { NodeTransport } from "../src/node-transport.ts";
import { TcpConnection } from "../src/tcp-connection.ts";
import { collect, outcome, pattern, peer, silent, until } from "./support.ts";

const mebibyte = 1024 * 1024;
const cleanups: (() => unknown)[] = [];

async function transport(maxInboundStreams?: number): Promise<NodeTransport> {
  const made = await NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0, logger: silent, maxInboundStreams });
  cleanups.push(() => made.shutdown());
  return made;
}

function at(port: number): Address {
  return { host: "127.0.0.1", port, name: "" };
}

/** A plain TCP peer, as a program that is not ours would be. */
async function rawPeer(onSocket: (socket: Socket) => void, options: ServerOpts = {}): Promise<number> {
  const server: Server = createServer(options, (socket) => {
    socket.on("error", () => undefined);
    cleanups.push(() => socket.destroy());
    onSocket(socket);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => void server.close());
  return (server.address() as { port: number }).port;
}

async function dial(from: NodeTransport, port: number): Promise<TcpStream> {
  return (await from.dial(at(port), { timeout: 2000 })) as TcpStream;
}

async function pair(): Promise<{ dialled: TcpStream; accepted: TcpStream; a: NodeTransport; b: NodeTransport }> {
  const [a, b] = [await transport(), await transport()];
  const inbox = peer(b);
  const dialled = await dial(a, b.bindPort);
  await until(() => inbox.streams.length === 1, "the stream");
  return { dialled, accepted: inbox.streams[0]?.stream as TcpStream, a, b };
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

describe("a stream", () => {
  it("carries 1 MiB each way, with a half-close between request and answer", async () => {
    const { dialled, accepted } = await pair();
    const [request, answer] = [pattern(mebibyte), pattern(mebibyte).toReversed()];
    const writer = dialled.writable.getWriter();
    const sending = writer.write(request).then(() => writer.close());
    expect(Buffer.compare(await collect(accepted.readable), request)).toBe(0);
    await sending;
    const back = accepted.writable.getWriter();
    const answering = back.write(answer).then(() => back.close());
    expect(Buffer.compare(await collect(dialled.readable), answer)).toBe(0);
    await answering;
    await Promise.all([dialled.gone, accepted.gone]);
  });

  it("delivers plain byte arrays, and the address of the peer", async () => {
    const [a, b] = [await transport(), await transport()];
    const inbox = peer(b);
    const dialled = await dial(a, b.bindPort);
    await dialled.writable.getWriter().write(new Uint8Array([1, 2, 3]));
    await until(() => inbox.streams.length === 1, "the stream");
    const { value } = (await inbox.streams[0]?.stream.readable.getReader().read()) ?? {};
    expect(value?.constructor).toBe(Uint8Array);
    expect(inbox.streams[0]?.from.host).toBe("127.0.0.1");
    expect(inbox.streams[0]?.from.port).not.toBe(a.bindPort);
  });

  it("reaches listen if the peer opened it before", async () => {
    const [a, b] = [await transport(), await transport()];
    const dialled = await dial(a, b.bindPort);
    const writer = dialled.writable.getWriter();
    await writer.write(pattern(100));
    await writer.close();
    const inbox = peer(b);
    await until(() => inbox.streams.length === 1, "the stream");
    const got = await collect(inbox.streams[0]?.stream.readable as ReadableStream<Uint8Array>);
    expect(Buffer.compare(got, pattern(100))).toBe(0);
  });

  it("pauses the writer while the peer does not read, and goes on when it does", async () => {
    const { dialled, accepted } = await pair();
    const writer = dialled.writable.getWriter();
    const total = 64 * mebibyte;
    let written = 0;
    const sending = (async () => {
      for (; written < total; written += mebibyte) await writer.write(new Uint8Array(mebibyte));
      await writer.close();
    })();
    let last = -1;
    await until(() => {
      const still = written === last;
      last = written;
      return still && written > 0;
    }, "the writer to be held back");
    expect(written).toBeLessThan(total / 2);
    expect((await collect(accepted.readable)).byteLength).toBe(total);
    await sending;
  });

  it("closes at once above the limit and counts, and a freed slot can be used again", async () => {
    const [a, b] = [await transport(), await transport(1)];
    const inbox = peer(b);
    const first = await dial(a, b.bindPort);
    await until(() => inbox.streams.length === 1, "the first stream");
    // The reset may be there before the connection is reported.
    const second = dial(a, b.bindPort).then((stream) => stream.readable.getReader().read());
    expect(await outcome(second)).toMatch(/stream_failed|dial_failed/);
    await until(() => b.counters.tcpRefusedStreams === 1, "the refusal");
    first.close();
    const accepted = inbox.streams[0]?.stream as TcpStream;
    accepted.close();
    await Promise.all([first.gone, accepted.gone]);
    await dial(a, b.bindPort);
    await until(() => inbox.streams.length === 2, "the third stream");
  });
});

describe("a closed stream that waits for its peer", () => {
  it("makes room for a new one at once", async () => {
    const b = await transport(1);
    const inbox = peer(b);
    const lazy = connect({ port: b.bindPort, host: "127.0.0.1", allowHalfOpen: true }).on("error", () => undefined);
    cleanups.push(() => lazy.destroy());
    await until(() => inbox.streams.length === 1, "the first stream");
    const first = inbox.streams[0]?.stream as TcpStream;
    first.close();
    await dial(await transport(), b.bindPort);
    await until(() => inbox.streams.length === 2, "the second stream", 500);
    await first.gone;
    expect(b.counters.tcpRefusedStreams).toBe(0);
  });
});

describe("writable.abort()", () => {
  it("resets the connection at once, even while a write waits for a peer that does not read", async () => {
    const sockets: Socket[] = [];
    const port = await rawPeer((socket) => void sockets.push(socket.pause()));
    const stream = await dial(await transport(), port);
    const writer = stream.writable.getWriter();
    const writing = outcome(writer.write(new Uint8Array(64 * mebibyte)));
    await new Promise((resolve) => setImmediate(resolve));
    writer.abort().catch(() => undefined);
    await stream.gone;
    expect(await writing).toBe("stream_closed");
    // What the kernel had not sent yet never comes.
    const ended = new Promise((resolve) => sockets[0]?.once("close", resolve));
    sockets[0]?.resume();
    await ended;
    expect(sockets[0]?.bytesRead).toBeLessThan(64 * mebibyte);
  });
});

describe("close()", () => {
  it("loses no bytes of a resolved write, even with unread input", async () => {
    for (const unread of [0, 512 * 1024]) {
      const message = pattern(mebibyte);
      let received: Uint8Array | undefined;
      let failed: Error | undefined;
      const port = await rawPeer((socket) => {
        socket.write(new Uint8Array(unread + 1));
        const chunks: Buffer[] = [];
        socket.pause();
        socket.on("error", (error) => (failed = error));
        socket.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          // A slow reader: most of the message is still in the sender's kernel when its stream is closed.
          socket.pause();
          setImmediate(() => socket.resume());
        });
        socket.on("end", () => (received = Buffer.concat(chunks)));
        socket.resume();
      });
      const stream = await dial(await transport(), port);
      await stream.writable.getWriter().write(message);
      stream.close();
      await until(() => received !== undefined || failed !== undefined, "the end of the stream");
      expect(failed).toBeUndefined();
      expect(Buffer.compare(received ?? new Uint8Array(), message)).toBe(0);
      await stream.gone;
    }
  });

  it("loses no bytes when the transport is shut down right after", async () => {
    const message = pattern(mebibyte);
    let received: Uint8Array | undefined;
    const port = await rawPeer((socket) => {
      const chunks: Buffer[] = [];
      socket.on("data", (chunk: Buffer) => chunks.push(chunk));
      socket.on("end", () => (received = Buffer.concat(chunks)));
    });
    const a = await transport();
    const stream = await dial(a, port);
    await stream.writable.getWriter().write(message);
    stream.close();
    await a.shutdown();
    await until(() => received !== undefined, "the message");
    expect(Buffer.compare(received ?? new Uint8Array(), message)).toBe(0);
  });

  it("ends both directions of this side at once, may be called twice, and never throws", async () => {
    const { dialled, accepted } = await pair();
    const reading = dialled.readable.getReader().read();
    const writer = dialled.writable.getWriter();
    dialled.close();
    dialled.close();
    expect(await outcome(reading)).toBe("stream_closed");
    expect(await outcome(writer.write(new Uint8Array(1)))).toBe("stream_closed");
    expect(await collect(accepted.readable)).toHaveLength(0);
    accepted.close();
    await Promise.all([dialled.gone, accepted.gone]);
    dialled.close();
  });

  it("does not wait forever for a peer that stops reading", async () => {
    const port = await rawPeer((socket) => socket.pause(), { allowHalfOpen: true });
    const stream = await dial(await transport(), port);
    const writer = stream.writable.getWriter();
    const stuck = outcome(writer.write(new Uint8Array(32 * mebibyte)));
    const started = performance.now();
    stream.close();
    await stream.gone;
    expect(performance.now() - started).toBeLessThan(3000);
    expect(await stuck).toBe("stream_closed");
  });

  it("sends FIN only when the writable is closed, and reading goes on", async () => {
    let ended = false;
    const port = await rawPeer(
      (socket) => {
        socket.resume();
        socket.on("end", () => {
          ended = true;
          socket.end("late");
        });
      },
      { allowHalfOpen: true },
    );
    const stream = await dial(await transport(), port);
    await stream.writable.getWriter().close();
    expect(Buffer.from(await collect(stream.readable)).toString()).toBe("late");
    expect(ended).toBe(true);
  });
});

describe("a peer that resets the connection", () => {
  /**
   * A peer that resets for sure: it never reads, and closing a socket with unread input makes the kernel send RST at once.
   * (`resetAndDestroy` sends FIN first; a reader that sees that one stops reading and never sees the RST.)
   */
  async function resettingPeer(greeting: string): Promise<{ stream: TcpStream; reset(): void }> {
    const sockets: Socket[] = [];
    const port = await rawPeer((socket) => void sockets.push(socket), { pauseOnConnect: true });
    const stream = await dial(await transport(), port);
    await until(() => sockets.length === 1, "the connection");
    const [socket] = sockets as [Socket];
    if (greeting !== "") await new Promise((resolve) => socket.write(greeting, resolve));
    return { stream, reset: () => void socket.destroy() };
  }

  it("lets the reader get its answer, then the error", async () => {
    const sockets: Socket[] = [];
    const port = await rawPeer((socket) => void sockets.push(socket), { pauseOnConnect: true });
    const ours = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const stream = new TcpStream(new TcpConnection(ours));
    const writer = stream.writable.getWriter();
    await writer.write(new Uint8Array([1]));
    await until(() => sockets.length === 1, "the connection");
    sockets[0]?.write("answer");
    await until(() => ours.bytesRead === 6, "the answer to be buffered");
    sockets[0]?.destroy();
    await stream.gone;
    const reader = stream.readable.getReader();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("answer");
    expect(await outcome(reader.read())).toBe("stream_failed");
    expect(await outcome(writer.write(new Uint8Array([2])))).toBe("stream_failed");
  });

  it("lets the reader get an answer sent together with the reset, and close ends the stream", async () => {
    const { stream, reset } = await resettingPeer("answer");
    await stream.writable.getWriter().write(new Uint8Array([1]));
    reset();
    const reader = stream.readable.getReader();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("answer");
    // libuv reports data and reset in one poll as the end; in two polls as an error.
    expect(await outcome(reader.read())).toMatch(/^(ok|stream_failed)$/);
    stream.close();
    await stream.gone;
  });

  it("causes no unhandled rejection or exception without a reader or writer", async () => {
    const unhandled: unknown[] = [];
    const keep = (error: unknown): void => void unhandled.push(error);
    process.on("unhandledRejection", keep);
    process.on("uncaughtException", keep);
    try {
      const { stream, reset } = await resettingPeer("");
      const writer = stream.writable.getWriter();
      await writer.write(new Uint8Array([1]));
      reset();
      await stream.gone;
      const cancelled = (await pair()).dialled;
      await cancelled.readable.cancel();
      await cancelled.writable.abort();
      await cancelled.gone;
      // Node reports unhandled rejections once the microtasks are done.
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).toEqual([]);
    } finally {
      process.off("unhandledRejection", keep);
      process.off("uncaughtException", keep);
    }
  });

  it("fails a pending write", async () => {
    const { stream, reset } = await resettingPeer("");
    const writing = outcome(stream.writable.getWriter().write(new Uint8Array(64 * mebibyte)));
    reset();
    expect(await writing).toBe("stream_failed");
  });
});

describe("shutdown()", () => {
  it("ends open streams, pending reads and writes, and resolves when the handles are gone", async () => {
    const { dialled, accepted, a, b } = await pair();
    const reading = outcome(accepted.readable.getReader().read());
    const writing = outcome(dialled.writable.getWriter().write(new Uint8Array(64 * mebibyte)));
    const started = performance.now();
    await Promise.all([a.shutdown(), b.shutdown(), a.shutdown()]);
    expect(performance.now() - started).toBeLessThan(2000);
    await Promise.all([dialled.gone, accepted.gone]);
    expect(["ok", "stream_closed"]).toContain(await reading);
    expect(await writing).toBe("stream_closed");
  });
});

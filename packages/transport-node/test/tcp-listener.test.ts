import { EventEmitter } from "node:events";
import { connect, Socket, type Server } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createTransportLog, type Binding, type Connection } from "@memberlist/core/internal";
import { TcpListener } from "../src/tcp-listener.ts";
import { silent, until } from "./support.ts";

function binding(port: number): Binding {
  return { target: { address: "127.0.0.1", family: 4, ipv6Only: false }, port, log: createTransportLog({ logger: silent }) };
}

/** A server whose every step is the test's. */
class FakeServer extends EventEmitter {
  listening = false;
  closed = false;
  failToListen = false;

  listen(_options: object, done: () => void): this {
    queueMicrotask(() => {
      if (this.failToListen) return this.fail("EADDRINUSE");
      this.listening = true;
      done();
    });
    return this;
  }

  close(done: () => void): this {
    this.listening = false;
    this.closed = true;
    queueMicrotask(done);
    return this;
  }

  address(): { port: number } {
    return { port: 7946 };
  }

  fail(code: string): void {
    this.emit("error", Object.assign(new Error(code), { code }));
  }
}

interface Bench {
  readonly servers: FakeServer[];
  readonly delays: number[];
  /** Runs the timer that waits, and lets the new server listen. */
  elapse(): Promise<void>;
  pending(): number;
  readonly listener: TcpListener;
}

async function bench(onServer: (server: FakeServer, index: number) => void = () => undefined): Promise<Bench> {
  const servers: FakeServer[] = [];
  const delays: number[] = [];
  const timers = new Map<number, () => void>();
  const listener = await TcpListener.listen(binding(7946), {
    clock: {
      setTimeout: (callback, delay) => {
        timers.set(delays.push(delay), callback);
        return delays.length;
      },
      clearTimeout: (timer) => void timers.delete(timer as number),
    },
    createServer: () => {
      const server = new FakeServer();
      onServer(server, servers.push(server) - 1);
      return server as unknown as Server;
    },
  });
  const elapse = async (): Promise<void> => {
    for (const [id, callback] of timers) {
      timers.delete(id);
      callback();
    }
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { servers, delays, elapse, pending: () => timers.size, listener };
}

describe("[Transport_TcpListenBackoff] a listener", () => {
  it("opens its socket again 5 ms after an error, doubling to 1 s", async () => {
    const { servers, delays, elapse, listener } = await bench();
    for (let i = 0; i < 10; i++) {
      servers.at(-1)?.fail("ENFILE");
      expect(servers.at(-1)?.closed).toBe(true);
      await elapse();
    }
    expect(delays).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    expect(servers.at(-1)?.listening).toBe(true);
    expect(listener.acceptErrors).toBe(10);
  });

  it("starts again at 5 ms after a connection was accepted", async () => {
    const { servers, delays, elapse } = await bench();
    servers.at(-1)?.fail("EMFILE");
    await elapse();
    servers.at(-1)?.fail("EMFILE");
    await elapse();
    servers.at(-1)?.emit("connection", new Socket());
    servers.at(-1)?.fail("EMFILE");
    expect(delays).toEqual([5, 10, 5]);
  });

  it("retries once after a burst of errors", async () => {
    const { servers, delays, pending } = await bench();
    for (let i = 0; i < 5; i++) servers[0]?.fail("ENFILE");
    expect(delays).toEqual([5]);
    expect(pending()).toBe(1);
  });

  it("goes on when listening again fails", async () => {
    const { servers, delays, elapse } = await bench((server, index) => (server.failToListen = index === 1 || index === 2));
    servers[0]?.fail("ENFILE");
    await elapse();
    await elapse();
    await elapse();
    expect(delays).toEqual([5, 10, 20]);
    expect(servers[3]?.listening).toBe(true);
  });

  it("keeps its socket after an error of one connection", async () => {
    const { servers, delays, listener } = await bench();
    servers[0]?.fail("ECONNABORTED");
    expect(servers[0]?.listening).toBe(true);
    expect(delays).toEqual([]);
    expect(listener.acceptErrors).toBe(1);
  });

  it("leaves no timer and no server once it is closed", async () => {
    const waiting = await bench();
    waiting.servers[0]?.fail("ENFILE");
    await waiting.listener.close();
    expect(waiting.pending()).toBe(0);
    const closed = await bench();
    await Promise.all([closed.listener.close(), closed.listener.close()]);
    closed.servers[0]?.fail("ENFILE");
    expect(closed.pending()).toBe(0);
  });
});

describe("a real listener", () => {
  const open: TcpListener[] = [];
  afterEach(() => Promise.all(open.splice(0).map((listener) => listener.close())));

  it("accepts again on the same port after an error, and keeps its connections", async () => {
    const connections: Connection[] = [];
    let server: Server | undefined;
    const { createServer } = await import("node:net");
    const listener = await TcpListener.listen(binding(0), { createServer: (options) => (server = createServer(options)) });
    open.push(listener);
    listener.start((connection) => void connections.push(connection));
    const first = connect(listener.port, "127.0.0.1");
    await until(() => connections.length === 1, "the first connection");
    const failing = server as unknown as Server;
    failing.emit("error", Object.assign(new Error("ENFILE"), { code: "ENFILE" }));
    await until(() => server !== failing && server?.listening === true, "the listener to be back");
    const second = connect(listener.port, "127.0.0.1");
    await until(() => connections.length === 2, "the second connection");
    let heard = "";
    first.on("data", (chunk: Buffer) => (heard += chunk.toString()));
    await connections[0]?.write(Buffer.from("still here"));
    await until(() => heard === "still here", "the first connection to live");
    expect(listener.acceptErrors).toBe(1);
    for (const socket of [first, second]) socket.destroy();
    for (const connection of connections) connection.close();
  });
});

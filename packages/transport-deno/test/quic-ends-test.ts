/** Run by Deno (quic.test.ts starts it): what a peer leaves open is ended, and what was sent arrives before the end. */
import { deepStrictEqual, rejects } from "node:assert/strict";
import type { TransportStream } from "../src/index.ts";
import { RawListener } from "./quic-attacker.ts";
import { addressOf, certificateOf, start } from "./quic-support.ts";
import { nothing, pattern, pause, until } from "./support.ts";

const dialOptions = { timeout: 10_000 };

for (const name of ["", "server"])
  Deno.test(`the dialler closes a connection whose listener never answers: ${name === "" ? "asked who it is" : "by name"}`, async () => {
    const stalled = new RawListener(await certificateOf("server"));
    const a = await start("a", { handshakeTimeout: 500 });
    const dialled = rejects(a.dial({ host: "127.0.0.1", port: stalled.port, name }, dialOptions), { code: "dial_failed" });
    const accepted = await stalled.accept();
    if (accepted === undefined) throw new Error("no connection");
    let isClosed = false;
    const closed = (): void => void (isClosed = true);
    accepted.conn.closed.then(closed, closed);
    await dialled;
    // Its silence would not end it: `a` keeps it alive.
    await until(() => isClosed, "the end of the connection", 5000);
    stalled.close();
    await a.shutdown();
  });

Deno.test("a connection above the limit of its dialler is closed", async () => {
  const [a, b, c] = [await start("a", { maxConnections: 1 }), await start("b"), await start("c")];
  for (const each of [b, c]) each.listen({ packet: nothing, stream: nothing });
  const stream = await a.dial(addressOf(b), dialOptions);
  await rejects(a.dial(addressOf(c), dialOptions), { code: "limit_exceeded" });
  await until(() => c.connections === 0, "the end of the connection");
  stream.close();
  await Promise.all([a, b, c].map((transport) => transport.shutdown()));
});

Deno.test("a long packet that stays incomplete is dropped, and counted", async () => {
  const a = await start("a");
  const b = await start("b", { handshakeTimeout: 1000 });
  const lengths: number[] = [];
  b.listen({ packet: ({ length }) => void lengths.push(length), stream: nothing });
  const connect = Deno.connectQuic;
  const conns: Deno.QuicConn[] = [];
  Object.assign(Deno, {
    connectQuic: async (options: Deno.ConnectQuicOptions<false>) => (conns[conns.length] = await connect(options)),
  });
  await new Promise((resolve) => a.writeTo(pattern(1), addressOf(b, "b"), resolve));
  Object.assign(Deno, { connectQuic: connect });
  const writer = (await (conns.at(-1) as Deno.QuicConn).createUnidirectionalStream()).getWriter();
  await writer.write(pattern(500));
  await until(() => b.counters.quicBadInput === 1, "the drop is counted");
  deepStrictEqual(lengths, [1]);
  await Promise.all([a.shutdown(), b.shutdown()]);
});

Deno.test("long packets sent before a shutdown arrive", async () => {
  const [a, b] = [await start("a"), await start("b")];
  let arrived = 0;
  b.listen({ packet: () => void arrived++, stream: nothing });
  await new Promise((resolve) => a.writeTo(pattern(1), addressOf(b, "b"), resolve));
  // As many as may be on their way at a time.
  for (let i = 0; i < 16; i++) a.writeTo(pattern(3000), addressOf(b, "b"));
  await a.shutdown();
  await until(
    () => arrived === 17,
    () => `all packets (${arrived})`,
  );
  await b.shutdown();
});

Deno.test("a peer that does not read a stream does not keep its slot", async () => {
  const a = await start("a");
  const b = await start("b", { maxInboundStreams: 1, handshakeTimeout: 1000 });
  const accepted: TransportStream[] = [];
  b.listen({
    packet: nothing,
    stream: (stream) => {
      accepted.push(stream);
      // More than a window.
      stream.writable.getWriter().write(pattern(8_000_000)).catch(nothing);
    },
  });
  const unread = await a.dial(addressOf(b), dialOptions);
  await until(() => accepted.length === 1, "the stream");
  for (const stream of accepted) stream.close();
  const again = (): Promise<boolean> =>
    a.dial(addressOf(b), dialOptions).then(
      (stream) => (stream.close(), true),
      () => false,
    );
  const end = performance.now() + 30_000;
  while (!(await again())) {
    if (performance.now() > end) throw new Error("the slot was never free again");
    // Each refused stream costs both sides work: thousands of them would delay what the test waits for.
    await pause(20);
  }
  // The dialler may read the greeting before the other side learns that it was written.
  await until(() => accepted.length === 2, "the stream that was accepted");
  unread.close();
  await Promise.all([a.shutdown(), b.shutdown()]);
});

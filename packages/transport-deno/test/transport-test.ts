/** Run by Deno (deno.test.ts starts it), whose sanitizers fail a test that leaves a socket, a timer or a promise of the runtime behind. */
import { deepStrictEqual, notDeepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { createMemberlist, localConfig, type Memberlist, type TransportStream } from "../src/index.ts";
import { denoClock } from "../src/deno-clock.ts";
import { denoCrypto } from "../src/deno-crypto.ts";
import { DenoTransport } from "../src/deno-transport.ts";
import { bind, collect, inbox, nothing, pattern, silent, until } from "./support.ts";

Deno.test("packets arrive, each in its own memory, and the callback gets the error of a packet that cannot be sent", async () => {
  const [a, b] = [await bind(), await bind()];
  const { packets } = inbox(b);
  const to = { host: "127.0.0.1", port: b.bindPort, name: "" };
  for (const size of [1, 1400, 65_507]) a.writeTo(pattern(size), to);
  await until(() => packets.length === 3, "three packets");
  deepStrictEqual(
    packets.map((packet) => packet.length).toSorted((x, y) => x - y),
    [1, 1400, 65_507],
  );
  for (const packet of packets) deepStrictEqual(packet, pattern(packet.length));
  const outcome = (packet: Uint8Array, host: string): Promise<unknown> =>
    new Promise((resolve) => a.writeTo(packet, { ...to, host }, resolve));
  for (const [packet, host] of [
    [pattern(65_508), "127.0.0.1"],
    [new Uint8Array(0), "127.0.0.1"],
    [pattern(1), "name"],
    [pattern(1), "::1"],
  ] as const)
    strictEqual(((await outcome(packet, host)) as { code?: string }).code, "send_failed", `${packet.length} bytes to ${host}`);
  await Promise.all([a.shutdown(), b.shutdown()]);
  strictEqual(((await outcome(pattern(1), "127.0.0.1")) as { code?: string }).code, "shutdown");
});

Deno.test("packets arrive while deferred work goes on without a pause", async () => {
  const [a, b] = [await bind(), await bind()];
  const { packets } = inbox(b);
  const clock = denoClock();
  const work = async (): Promise<void> => {
    for (const until = performance.now() + 2; performance.now() < until;);
    await new Promise<void>((resolve) => clock.defer(resolve));
  };
  // Until the chain of deferred work is long enough for its first timer.
  for (let i = 0; i < 10; i++) await work();
  for (let round = 1; round <= 5; round++) {
    a.writeTo(pattern(9), { host: "127.0.0.1", port: b.bindPort, name: "" });
    let turns = 0;
    for (; packets.length < round && turns < 500; turns++) await work();
    // Deno's own immediates take over 100 turns.
    ok(turns <= 20, `the packet came after ${turns} turns`);
  }
  await Promise.all([a.shutdown(), b.shutdown()]);
});

Deno.test("a dual-stack socket sends and receives IPv4, and reports plain IPv4 addresses", async () => {
  const [six, four] = [await bind("::"), await bind()];
  const { packets } = inbox(four);
  const hosts: string[] = [];
  six.listen({ packet: (_, from) => void hosts.push(from.host), stream: nothing });
  six.writeTo(pattern(9), { host: "127.0.0.1", port: four.bindPort, name: "" });
  four.writeTo(pattern(9), { host: "127.0.0.1", port: six.bindPort, name: "" });
  await until(() => packets.length === 1 && hosts.length === 1, "a packet each");
  deepStrictEqual(hosts, ["127.0.0.1"]);
  await Promise.all([six.shutdown(), four.shutdown()]);
});

Deno.test("a stream carries 1 MiB and its end, and written bytes arrive though the writer closes at once", async () => {
  const [a, b] = [await bind(), await bind()];
  const { streams } = inbox(b);
  const sent = pattern(1024 * 1024);
  const stream = await a.dial({ host: "127.0.0.1", port: b.bindPort, name: "" }, { timeout: 1000 });
  await until(() => streams.length === 1, "the stream");
  const received = collect((streams[0] as TransportStream).readable);
  const writer = stream.writable.getWriter();
  await writer.write(sent);
  stream.close();
  stream.close();
  deepStrictEqual(await received, sent);
  await rejects(stream.readable.getReader().read(), { code: "stream_closed" });
  await rejects(writer.write(sent), { code: "stream_closed" });
  await Promise.all([a.shutdown(), b.shutdown()]);
});

Deno.test("close() ends a pending read", async () => {
  const [a, b] = [await bind(), await bind()];
  inbox(b);
  const stream = await a.dial({ host: "127.0.0.1", port: b.bindPort, name: "" }, { timeout: 1000 });
  const read = stream.readable.getReader().read();
  stream.close();
  await rejects(read, { code: "stream_closed" });
  await Promise.all([a.shutdown(), b.shutdown()]);
});

Deno.test("streams above the limit are closed and counted", async () => {
  const a = await bind();
  const b = await DenoTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0, logger: silent, maxInboundStreams: 1 });
  inbox(b);
  const dial = (): Promise<TransportStream> => a.dial({ host: "127.0.0.1", port: b.bindPort, name: "" }, { timeout: 1000 });
  await dial();
  const refused = await dial();
  strictEqual((await refused.readable.getReader().read()).done, true);
  strictEqual(b.counters.tcpRefusedStreams, 1);
  await Promise.all([a.shutdown(), b.shutdown()]);
});

Deno.test("dial and resolve fail with the core's error codes", async () => {
  const [a, b] = [await bind(), await bind()];
  const { bindPort } = b;
  await b.shutdown();
  const to = { host: "127.0.0.1", port: bindPort, name: "" };
  await rejects(a.dial(to, { timeout: 1000 }), { code: "dial_failed" });
  await rejects(a.dial(to, { timeout: 1000, signal: AbortSignal.abort() }), { code: "aborted" });
  const options = { timeout: 1000, dnsConfigPath: "" };
  deepStrictEqual(await a.resolve("FD00:0::1", options), ["fd00::1"]);
  strictEqual((await a.resolve("localhost", options)).includes("127.0.0.1"), true);
  await rejects(a.resolve("a..b", options), { code: "resolve_failed" });
  await a.shutdown();
  await rejects(a.dial(to, { timeout: 1000 }), { code: "shutdown" });
});

Deno.test("a failed start leaves no port bound", async () => {
  const a = await bind();
  const taken = DenoTransport.create({ bindAddrs: ["127.0.0.2", "127.0.0.1"], bindPort: a.bindPort, logger: silent });
  await rejects(taken, {
    code: "bind_failed",
    details: { protocol: "TCP", address: "127.0.0.1", port: a.bindPort, errno: "EADDRINUSE" },
  });
  const free = await bind("127.0.0.2", a.bindPort);
  await Promise.all([a.shutdown(), free.shutdown()]);
  await rejects(bind("name"), { code: "invalid_argument" });
});

Deno.test("a wildcard bind without permission fails as advertise_address_failed, and names the flag", async () => {
  const a = await bind("0.0.0.0");
  await rejects(a.finalAdvertiseAddr("", 0), { code: "advertise_address_failed", message: /--allow-sys=networkInterfaces/ });
  deepStrictEqual(await a.finalAdvertiseAddr("10.1.2.3", 0), { addr: "10.1.2.3", port: a.bindPort });
  deepStrictEqual(a.hasAddress("127.0.0.1"), undefined);
  await a.shutdown();
});

for (const size of [16, 24, 32]) {
  Deno.test(`long messages are encrypted by WebCrypto with the same result, with a key of ${size} bytes`, async () => {
    const { encrypt, decrypt, encryptLong, decryptLong } = denoCrypto.aesGcm(pattern(size));
    if (encryptLong === undefined || decryptLong === undefined) throw new Error("the crypto has no functions for long messages");
    const [plaintext, additionalData] = [pattern(100_000), pattern(9)];
    const long = await encryptLong(plaintext, additionalData, 7);
    deepStrictEqual(long.subarray(0, 7), new Uint8Array(7));
    deepStrictEqual(decrypt(long.subarray(7), additionalData), plaintext);
    const short = encrypt(plaintext, additionalData, 7);
    strictEqual(long.length, short.length);
    deepStrictEqual(await decryptLong(short.subarray(7), additionalData), plaintext);
    deepStrictEqual(plaintext, pattern(100_000));
    strictEqual(await decryptLong(short.subarray(7), pattern(8)), undefined);
    strictEqual(await denoCrypto.aesGcm(pattern(size + 1).slice(1)).decryptLong?.(short.subarray(7), additionalData), undefined);
    // The nonce is new each time.
    notDeepStrictEqual((await encryptLong(plaintext, additionalData, 7)).subarray(7, 19), long.subarray(7, 19));
  });

  Deno.test(`packets are compatible with WebCrypto, with a key of ${size} bytes`, async () => {
    const { encrypt, decrypt, encryptLong, decryptLong } = denoCrypto.aesGcm(pattern(size));
    if (encryptLong === undefined || decryptLong === undefined) throw new Error("the crypto has no functions for long messages");
    for (const length of [...Array(300).keys(), 1371, 1472, 1473, 4096, 65_536, 65_537, 0, 1]) {
      const [plaintext, additionalData] = [pattern(length), pattern(length % 30)];
      const encrypted = encrypt(plaintext, additionalData, 2).slice(2);
      deepStrictEqual(await decryptLong(encrypted, additionalData), plaintext);
      deepStrictEqual(decrypt(await encryptLong(plaintext, additionalData, 0), additionalData), plaintext);
      encrypted[length] = (encrypted[length] as number) ^ 4;
      strictEqual(decrypt(encrypted, additionalData), undefined);
    }
  });

  Deno.test(`two members with a key of ${size} bytes find each other, exchange messages and leave`, async () => {
    const received: Uint8Array[] = [];
    const start = (name: string): Promise<Memberlist> =>
      createMemberlist({
        ...localConfig(),
        name,
        bindAddr: "127.0.0.1",
        bindPort: 0,
        secretKey: pattern(size),
        label: "deno",
        logger: silent,
        delegate: { notifyMsg: (bytes) => void received.push(bytes.slice()) },
      });
    const [a, b] = [await start("a"), await start("b")];
    const { addr, port } = a.localNode();
    await b.join([`${addr}:${port}`]);
    await until(() => a.members().length === 2 && b.members().length === 2, "both see both");
    const message = pattern(1024 * 1024);
    const peer = a.members().find((node) => node.name === "b");
    if (peer === undefined) throw new Error("no b");
    await a.sendReliable(peer, message);
    await until(() => received.length === 1, "the message");
    deepStrictEqual(received[0], message);
    await b.leave({ timeout: 2000 });
    await until(() => a.members().length === 1, "b has left");
    await Promise.all([a.shutdown(), b.shutdown()]);
  });
}

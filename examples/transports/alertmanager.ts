import { once } from "node:events";
import { isIP, type AddressInfo, type Socket } from "node:net";
import { connect, createServer, type SecureContextOptions, type TLSSocket } from "node:tls";
import { MemberlistError } from "@memberlist/core";
import { formatAddress, parseAddress, type Address, type DialOptions, type Transport } from "@memberlist/core/transport";
import type { TransportListener, TransportStream } from "@memberlist/core/transport";
import { PbfReader, PbfWriter } from "pbf";

const [version, streamKind, packetKind] = ["v0.1.0", 0, 1];
const [maxPacketBytes, maxWaitingPackets] = [65_507, 4_096];
const [packetDialTimeout, idleTimeout, lingerTimeout, flushTimeout] = [2_000, 30_000, 1_000, 250]; // ms
type Credentials = SecureContextOptions & { readonly servername?: string };

/**
 * Alertmanager's gossip over mutual TLS. Connections carry protobuf messages behind their length (u32, little-endian): version = 1, kind = 2,
 * from_addr = 3, msg = 4. STREAM makes its connection a stream; packets to a peer share one. `tls`: PEM, for this member's IP or `servername`.
 */
export async function alertmanagerTransport(bindAddr: string, bindPort: number, tls: Credentials): Promise<Transport> {
  const stop = new AbortController();
  const sockets = new Set<Socket>();
  const links = new Map<string, Promise<TLSSocket>>(); // By peer, for packets; resolved when the packets before are written.
  let [waiting, ownAddress] = [0, ""];
  let listener: TransportListener | undefined;
  function keep<S extends Socket>(socket: S): S {
    sockets.add(socket);
    return socket.on("error", () => undefined).once("close", () => sockets.delete(socket));
  }
  async function open({ host, port }: Address, { timeout, signal = stop.signal }: DialOptions): Promise<TLSSocket> {
    const late = AbortSignal.timeout(timeout);
    const socket = keep(connect(Object.assign({ host, port, allowHalfOpen: true }, tls)));
    await once(socket, "secureConnect", { signal: AbortSignal.any([stop.signal, signal, late]) }).catch((cause: unknown) => {
      socket.destroy();
      const code = stop.signal.aborted ? "shutdown" : signal.aborted ? "aborted" : late.aborted ? "timeout" : "dial_failed";
      throw new MemberlistError(code, `connecting to ${host} port ${port}: ${code}`, { cause });
    });
    return socket;
  }
  /** Packets to one peer go one by one: Node puts writes together into a TLS record, of which Go reads the first message only. */
  async function send(packet: Uint8Array, to: Address): Promise<void> {
    if (packet.length > maxPacketBytes || waiting > maxWaitingPackets) throw new Error("it is too long, or too many are waiting");
    const key = formatAddress(to);
    const link = Promise.resolve(links.get(key)).then(async (known) => {
      const socket = known?.destroyed === false ? known : await open(to, { timeout: packetDialTimeout });
      if (socket !== known) socket.setTimeout(idleTimeout, () => socket.destroy()).on("end", () => socket.destroy());
      return put(socket.resume(), encode(packetKind, ownAddress, packet));
    });
    links.set(key, link);
    link.catch(() => links.delete(key));
    await link;
  }
  async function receive(socket: TLSSocket): Promise<void> {
    const host = socket.remoteAddress ?? "";
    let rest = Buffer.alloc(0);
    for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      rest = Buffer.concat([rest, chunk]);
      for (let end = 0; rest.length >= 4 && rest.length >= (end = 4 + rest.readUInt32LE()); rest = rest.subarray(end)) {
        const { kind, from, packet } = decode(rest.subarray(4, end));
        if (kind === packetKind) listener?.packet(packet, from, performance.now());
        else socket.unshift(rest.subarray(end));
        if (kind !== packetKind) return listener?.stream(streamOf(socket), { host, port: 0, name: "" });
      }
      if (rest.length > maxPacketBytes + 400) break; // Too long for a packet and its address.
    }
    socket.destroy();
  }
  // Node sends session tickets after the handshake of TLS 1.3. Go does not read them, so its close() resets the connection, and Node drops input.
  const maxVersion = "TLSv1.2";
  const server = createServer({ ...tls, maxVersion, requestCert: true, rejectUnauthorized: true, allowHalfOpen: true });
  server.on("connection", (socket: Socket) => void keep(socket));
  server.on("secureConnection", (socket) => void receive(keep(socket)).catch(() => socket.destroy()));
  await once(server.listen({ host: bindAddr, port: bindPort, ipv6Only: true }), "listening");
  const bound = server.address() as AddressInfo;
  return {
    finalAdvertiseAddr: (addr, port) => {
      if (addr !== "" && isIP(addr) === 0) throw new MemberlistError("advertise_address_failed", `${addr} is not a literal IP`);
      ownAddress = formatAddress({ host: addr || bound.address, port: port || bound.port });
      return { addr: addr || bound.address, port: port || bound.port };
    },
    writeTo: (packet, to, done) => {
      const end = (cause?: Error): void => done?.(cause && new MemberlistError("send_failed", cause.message, { cause }));
      waiting++;
      const sent = send(packet, to).finally(() => waiting--);
      sent.then(() => end(), end);
      return waiting < maxWaitingPackets / 2;
    },
    dial: async (to, options) => streamOf(await put(await open(to, options), encode(streamKind))),
    listen: (given) => void (listener = given),
    shutdown: async () => {
      stop.abort();
      await Promise.race([Promise.allSettled(links.values()), new Promise((resolve) => setTimeout(resolve, flushTimeout))]);
      for (const socket of sockets) socket.destroy();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}

function encode(kind: number, from = "", packet: Uint8Array = new Uint8Array(0)): Uint8Array {
  const pbf = new PbfWriter();
  pbf.writeFixed32(0); // the length
  pbf.writeStringField(1, version);
  pbf.writeVarintField(2, kind);
  pbf.writeStringField(3, from);
  pbf.writeBytesField(4, packet);
  const bytes = pbf.finish();
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, bytes.length - 4, true);
  return bytes;
}

function decode(bytes: Uint8Array): { kind: number; from: Address; packet: Uint8Array } {
  const read = { version: "", kind: streamKind, from: "", packet: new Uint8Array(0) };
  new PbfReader(bytes).readFields((field, _, pbf) => {
    if (field === 1) read.version = pbf.readString();
    if (field === 2) read.kind = pbf.readVarint();
    if (field === 3) read.from = pbf.readString();
    if (field === 4) read.packet = new Uint8Array(pbf.readBytes());
  }, read);
  if (read.version !== version) throw new Error(`version ${read.version}`);
  return { ...read, from: parseAddress(read.from || "0.0.0.0", 0) };
}

async function put(socket: TLSSocket, bytes: Uint8Array): Promise<TLSSocket> {
  if (socket.writable)
    await new Promise<void>((resolve, reject) => void socket.write(bytes, (error) => (error ? reject(error) : resolve())));
  if (!socket.writable) throw new Error("the connection is closed"); // Node reports a cancelled write as done.
  return socket;
}

function streamOf(socket: TLSSocket): TransportStream {
  const { readable, writable: inbound } = new TransformStream<Uint8Array, Uint8Array>();
  const into = inbound.getWriter(); // Fails after a cancel or close(): then the rest is discarded.
  const read = async (): Promise<void> => {
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      await into.write(new Uint8Array(chunk as Buffer)).catch(() => undefined);
    }
    await into.close();
  };
  read().catch((error: unknown) => into.abort(error).catch(() => undefined));
  const writable = new WritableStream<Uint8Array>({
    start: (end) => (end as { signal?: AbortSignal }).signal?.addEventListener("abort", () => socket.destroy()),
    write: async (chunk) => void (await put(socket, chunk)),
    close: () => new Promise((resolve) => void socket.end(resolve)),
  });
  const close = (): void => {
    into.abort(new MemberlistError("stream_closed", "the stream is closed")).catch(() => undefined);
    setTimeout(() => socket.destroy(), lingerTimeout).unref();
    socket.end();
  };
  return { readable, writable, close };
}

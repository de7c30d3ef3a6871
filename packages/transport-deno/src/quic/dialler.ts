import { MemberlistError, type Address, type NodeIdentity } from "@memberlist/core";
import { errorMessage, anyServerName, serverNameOf } from "@memberlist/core/internal";
import { ControlStream } from "./control-stream.ts";
import { alpnProtocol, challenge, prove, type HandshakeSide, type ProvenPeer } from "./handshake.ts";
import { PeerConnection, type PeerConnectionOptions } from "./peer-connection.ts";
import { closeInfoOf, refusal, refusalOf, tlsFailure } from "./refusal.ts";

/** What a connection is made with, of either side. */
export type ConnectionOptions = Deno.QuicTransportOptions & { readonly alpnProtocols: string[] };

/** @param silenceTimeout in ms: so soon a peer that is gone is noticed, and a handshake that goes no further forgotten */
export function connectionOptions(silenceTimeout: number): ConnectionOptions {
  return {
    alpnProtocols: [alpnProtocol],
    maxIdleTimeout: silenceTimeout,
    // The control stream, and as many streams at a time.
    maxConcurrentBidirectionalStreams: 65,
    // Long packets at a time.
    maxConcurrentUnidirectionalStreams: 16,
  };
}

export interface DiallerOptions extends Omit<PeerConnectionOptions, "conn" | "dialled"> {
  readonly endpoint: Deno.QuicEndpoint;
  readonly side: HandshakeSide;
  /** In ms; the dialler sends something often enough to keep the connection alive. */
  readonly silenceTimeout: number;
}

/** Makes connections: TLS, whom it has reached, and the proof of who we are. */
export class Dialler {
  readonly #options: DiallerOptions;

  constructor(options: DiallerOptions) {
    this.#options = options;
  }

  /**
   * A connection to the node at an address: that of the name, if the address has one, else whoever has a certificate of our cluster and
   * label.
   *
   * @param signal aborted when it takes too long: then whatever there is gets closed
   * @throws MemberlistError `wrong_peer`, `label_mismatch`, `untrusted_peer`, `certificate_expired`, `not_authorized`, `limit_exceeded`
   *   (of the peer's), or `dial_failed`
   */
  async connect(to: Address, signal: AbortSignal): Promise<PeerConnection> {
    try {
      const identity = to.name === "" ? await this.#discover(to, signal) : this.#expected(to.name);
      return await this.#connectTo(identity, to, signal);
    } catch (error) {
      throw located(error, to);
    }
  }

  /** With our label: a node of another one has another identity. */
  #expected(name: string): NodeIdentity {
    return { name, label: this.#options.side.credentials.identity.label };
  }

  async #connectTo(identity: NodeIdentity, to: Address, signal: AbortSignal): Promise<PeerConnection> {
    const serverName = await serverNameOf(identity);
    let conn: Deno.QuicConn;
    try {
      conn = await this.#secure(serverName, to, signal);
    } catch (error) {
      if (error instanceof MemberlistError && error.code === "wrong_peer") throw await this.#whoElse(identity, to, signal, error);
      throw error;
    }
    const connection = new PeerConnection({ ...this.#options, conn, dialled: true });
    const giveUp = (): void => connection.close();
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      await this.#handshake(connection, identity, serverName);
      signal.throwIfAborted();
      return connection;
    } catch (error) {
      connection.close(error);
      throw (await refusedBy(connection.gone)) ?? error;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  async #handshake(connection: PeerConnection, identity: NodeIdentity, serverName: string): Promise<void> {
    const { side } = this.#options;
    const control = new ControlStream(await connection.openControl());
    const asked = await challenge(control, side, serverName);
    if (asked.peer.identity.name !== identity.name) throw notWho(asked.peer, identity);
    // From here on we know whom we have: it may say something before its welcome is here.
    connection.welcome(asked.peer, control);
    await prove(control, side, serverName, asked);
    connection.watchControl();
  }

  /** Who is at an address. TLS has checked that it is some node of our authority; nothing is proven to it. */
  async #discover(to: Address, signal: AbortSignal): Promise<NodeIdentity> {
    const conn = await this.#secure(anyServerName, to, signal);
    const gone = conn.closed.catch(() => undefined);
    const giveUp = (): void => conn.close();
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      const control = new ControlStream(await conn.createBidirectionalStream());
      const { peer } = await challenge(control, this.#options.side, anyServerName);
      conn.close();
      return peer.identity;
    } catch (error) {
      conn.close(closeInfoOf(error));
      throw (await refusedBy(gone)) ?? error;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  /** TLS says only that it is not the node that was asked for: asks who it is. */
  async #whoElse(expected: NodeIdentity, to: Address, signal: AbortSignal, cause: unknown): Promise<MemberlistError> {
    const found = await this.#discover(to, signal).catch((error: unknown) => error);
    if (found instanceof MemberlistError)
      return found.code === "dial_failed" ? refusal("wrong_peer", errorMessage(cause)) : found;
    const identity = found as NodeIdentity;
    if (identity.name !== expected.name) return notWho({ identity }, expected);
    return refusal("wrong_peer", `it shows the certificate of ${JSON.stringify(expected.name)}, but has not the key to it`);
  }

  /** TLS alone. Deno cannot give up connecting: what comes too late is closed. */
  async #secure(serverName: string, to: Address, signal: AbortSignal): Promise<Deno.QuicConn> {
    const { endpoint, side, silenceTimeout } = this.#options;
    signal.throwIfAborted();
    let conn: Deno.QuicConn;
    try {
      conn = await Deno.connectQuic({
        ...connectionOptions(silenceTimeout),
        keepAliveInterval: Math.floor(silenceTimeout / 3),
        endpoint,
        hostname: to.host,
        port: to.port,
        serverName,
        caCerts: [side.credentials.pem.ca],
      });
    } catch (error) {
      throw tlsFailure(error);
    }
    if (!signal.aborted) return conn;
    conn.close();
    throw signal.reason;
  }
}

function notWho({ identity }: Pick<ProvenPeer, "identity">, expected: NodeIdentity): MemberlistError {
  const message = `it is node ${JSON.stringify(identity.name)}, not ${JSON.stringify(expected.name)}`;
  return refusal("wrong_peer", message, { peer: identity, expected: expected.name });
}

/** The reason that the peer gave when it closed the connection; undefined without one. */
async function refusedBy(gone: Promise<Deno.QuicCloseInfo | undefined>): Promise<MemberlistError | undefined> {
  const info = await gone;
  return info === undefined ? undefined : refusalOf(info);
}

/** The same error with the address in it. */
function located(error: unknown, { host, port, name }: Address): MemberlistError {
  const who = name === "" ? "" : ` (${name})`;
  const message = `dialling ${host} port ${port}${who}: ${errorMessage(error)}`;
  const known = error instanceof MemberlistError ? error : undefined;
  const code = known === undefined || known.code === "protocol_error" ? "dial_failed" : known.code;
  return new MemberlistError(code, message, { cause: error, details: { ...known?.details, host, port } });
}

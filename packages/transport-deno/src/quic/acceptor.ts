import { MemberlistError } from "@memberlist/core";
import { errorMessage } from "@memberlist/core/internal";
import type { Log } from "@memberlist/core/internal";
import { ControlStream } from "./control-stream.ts";
import { admit, type HandshakeSide, type ProvenPeer } from "./handshake.ts";
import { PeerConnection, type PeerConnectionOptions } from "./peer-connection.ts";
import { refusal, refusalOf } from "./refusal.ts";

export interface AcceptorOptions extends Omit<PeerConnectionOptions, "conn" | "dialled"> {
  readonly listener: Deno.QuicListener;
  readonly side: HandshakeSide;
  readonly log: Log;
  /** Handshakes under way, from which on further ones are refused. */
  readonly maxHandshakes: number;
  /** @throws MemberlistError `limit_exceeded` */
  readonly onPeer: (connection: PeerConnection) => void;
}

/** Accepts connections, and lets those in whose peers prove who they are, each within the timeout. */
export class Acceptor {
  /** Peers that did not prove to be one of us, or not in time. */
  refusedPeers = 0;
  /** Connections that did not get as far as a handshake of ours: TLS failed, or too many were under way. */
  failedConnections = 0;
  readonly #options: AcceptorOptions;
  readonly #underWay: Set<Promise<void>> = new Set();
  readonly #unproven: Set<PeerConnection> = new Set();
  readonly #accepting: Promise<void>;

  constructor(options: AcceptorOptions) {
    this.#options = options;
    this.#accepting = this.#accept();
  }

  /** Stops, and closes what is not proven yet. After the endpoint is closed, what it resolves to is that nothing goes on here. */
  stop(): { readonly stopped: Promise<unknown> } {
    this.#options.listener.stop();
    for (const connection of this.#unproven) connection.close();
    return { stopped: Promise.allSettled([this.#accepting, ...this.#underWay]) };
  }

  async #accept(): Promise<void> {
    const { listener, log, maxHandshakes } = this.#options;
    for (;;) {
      let incoming: Deno.QuicIncoming;
      try {
        incoming = await listener.incoming();
      } catch {
        // The listener was stopped: it fails only then.
        return;
      }
      if (this.#underWay.size >= maxHandshakes) {
        incoming.refuse();
        this.failedConnections++;
        log.warn("quic_handshake_limit_reached", "a connection was refused: too many handshakes are under way", {
          maxHandshakes,
        });
        continue;
      }
      const work = this.#receive(incoming);
      this.#underWay.add(work);
      work.then(
        () => this.#underWay.delete(work),
        () => this.#underWay.delete(work),
      );
    }
  }

  async #receive(incoming: Deno.QuicIncoming): Promise<void> {
    const { events, log, timeout } = this.#options;
    let conn: Deno.QuicConn;
    try {
      // Nothing is asked of it before: Deno's `remoteAddr` would use it up.
      conn = await incoming.accept();
    } catch (error) {
      this.failedConnections++;
      log.debug("quic_connection_failed", `a connection failed before its handshake was complete: ${errorMessage(error)}`, {
        error,
      });
      return;
    }
    const connection = new PeerConnection({ conn, dialled: false, events, timeout });
    this.#unproven.add(connection);
    const late = refusal("timeout", `no proof within ${timeout} ms`);
    const timer = setTimeout(() => connection.close(late), timeout);
    try {
      await this.#welcome(connection);
    } catch (error) {
      connection.close(error);
      await this.#closeFor(connection, error);
    } finally {
      clearTimeout(timer);
      this.#unproven.delete(connection);
    }
  }

  async #welcome(connection: PeerConnection): Promise<void> {
    const { onPeer, side } = this.#options;
    const control = new ControlStream(await connection.acceptControl());
    const peer: ProvenPeer | undefined = await admit(control, side, connection.serverName, (proven) => {
      connection.welcome(proven, control);
      onPeer(connection);
    });
    if (peer === undefined) connection.close();
    else connection.watchControl();
  }

  /** The error of this side, and the reason that the peer gave. */
  async #closeFor(connection: PeerConnection, error: unknown): Promise<void> {
    const { log } = this.#options;
    const info = await connection.gone;
    const theirs = info === undefined ? undefined : refusalOf(info);
    this.refusedPeers++;
    const { host, port } = connection;
    const why = theirs ?? error;
    const code = why instanceof MemberlistError ? why.code : "dial_failed";
    const details = why instanceof MemberlistError ? why.details : {};
    const what = theirs === undefined ? "a peer was refused" : "a peer has refused us";
    log.warn("quic_peer_refused", `${what}: ${errorMessage(why)}`, { from: { host, port }, reason: code, ...details });
  }
}

import { createHash, createPrivateKey, sign, X509Certificate } from "node:crypto";
import { anyServerName, serverNameOf } from "@memberlist/core/internal";
import type { CertificateAndKey } from "@memberlist/core/certificates";
import { ControlStream, encodeFields } from "../src/quic/control-stream.ts";
import { connectionOptions } from "../src/quic/dialler.ts";
import { ca } from "./quic-support.ts";

/** The messages of docs/guide/quic.md, written down again: what a peer that keeps to no rule of ours may send. */
export interface Challenge {
  readonly serverName: string;
  readonly diallerNonce: Uint8Array;
  readonly listenerNonce: Uint8Array;
  readonly listenerCertificate: Uint8Array;
}

const ascii = new TextEncoder();

export function der({ certificate }: CertificateAndKey): Uint8Array {
  return new Uint8Array(new X509Certificate(certificate).raw);
}

export function random(bytes: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(bytes));
}

/** What a listener signs. */
export function listenerSignature(key: string, challenge: Challenge, instance: Uint8Array): Uint8Array {
  const { serverName, diallerNonce, listenerNonce, listenerCertificate } = challenge;
  const fields = [ascii.encode(serverName), diallerNonce, listenerNonce, instance, sha256(listenerCertificate)];
  return signed(key, [ascii.encode("memberlist/1 listener"), ...fields]);
}

/** What a dialler signs. */
export function diallerSignature(key: string, challenge: Challenge, instance: Uint8Array, certificate: Uint8Array): Uint8Array {
  const { serverName, diallerNonce, listenerNonce, listenerCertificate } = challenge;
  const fields = [
    ascii.encode(serverName),
    listenerNonce,
    diallerNonce,
    instance,
    sha256(listenerCertificate),
    sha256(certificate),
  ];
  return signed(key, [ascii.encode("memberlist/1 dialler"), ...fields]);
}

/** A client of a node, past TLS, with the control stream open. */
export class RawDialler {
  readonly conn: Deno.QuicConn;
  readonly control: ControlStream;
  readonly serverName: string;
  readonly #endpoint: Deno.QuicEndpoint;

  private constructor(conn: Deno.QuicConn, control: ControlStream, serverName: string, endpoint: Deno.QuicEndpoint) {
    this.conn = conn;
    this.control = control;
    this.serverName = serverName;
    this.#endpoint = endpoint;
  }

  /** @param name whom TLS is asked for; "" is any node */
  static async connect(port: number, name: string, label = ""): Promise<RawDialler> {
    const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
    const serverName = name === "" ? anyServerName : await serverNameOf({ name, label });
    try {
      const conn = await Deno.connectQuic({
        ...connectionOptions(10_000),
        endpoint,
        hostname: "127.0.0.1",
        port,
        serverName,
        caCerts: [ca.certificate],
      });
      return new RawDialler(conn, new ControlStream(await conn.createBidirectionalStream()), serverName, endpoint);
    } catch (error) {
      endpoint.close();
      throw error;
    }
  }

  async challenge(diallerNonce: Uint8Array = random(32)): Promise<Challenge> {
    await this.control.send([diallerNonce]);
    const [listenerNonce, , listenerCertificate] = await this.control.receive(4);
    if (listenerNonce === undefined || listenerCertificate === undefined) throw new Error("no challenge");
    return { serverName: this.serverName, diallerNonce, listenerNonce, listenerCertificate };
  }

  /** Proves itself by any certificate and key. */
  async prove(by: CertificateAndKey): Promise<void> {
    const challenge = await this.challenge();
    const instance = random(16);
    await this.control.send([instance, der(by), diallerSignature(by.key, challenge, instance, der(by))]);
  }

  /** The code and reason that the node has closed with. */
  async refused(): Promise<Deno.QuicCloseInfo> {
    try {
      return await this.conn.closed;
    } finally {
      this.close();
    }
  }

  close(): void {
    this.conn.close();
    this.#endpoint.close();
  }
}

/** A listener with a certificate of the cluster that answers as it likes. */
export class RawListener {
  readonly port: number;
  readonly #endpoint: Deno.QuicEndpoint;
  readonly #listener: Deno.QuicListener;

  constructor({ certificate, key }: CertificateAndKey) {
    this.#endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
    this.#listener = this.#endpoint.listen({ ...connectionOptions(10_000), cert: certificate, key });
    this.port = this.#endpoint.addr.port;
  }

  /** The next connection's control stream, and what TLS was asked for. Undefined when TLS has failed. */
  async accept(): Promise<{ conn: Deno.QuicConn; control: ControlStream; serverName: string } | undefined> {
    const incoming = await this.#listener.incoming();
    let conn: Deno.QuicConn;
    try {
      conn = await incoming.accept();
    } catch {
      return undefined;
    }
    const { value } = await conn.incomingBidirectionalStreams.getReader().read();
    if (value === undefined) return undefined;
    return { conn, control: new ControlStream(value), serverName: conn.serverName ?? "" };
  }

  close(): void {
    this.#listener.stop();
    this.#endpoint.close();
  }
}

function signed(key: string, fields: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(sign("sha256", encodeFields(fields), createPrivateKey(key)));
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

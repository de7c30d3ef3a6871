import { MemberlistError, type NodeIdentity } from "@memberlist/core";
import { anyServerName } from "@memberlist/core/internal";
import { encodeFields, type ControlStream } from "./control-stream.ts";
import { isSignedBy, type CheckedCertificate, type Credentials } from "./credentials.ts";
import { refusal } from "./refusal.ts";

/** The version of all that is on a connection: of another one, TLS makes none. */
export const alpnProtocol = "memberlist/1";

/** Whom a node talks to, beyond those whose certificate is of the cluster's authority and label. */
export type Authorize = (peer: NodeIdentity) => boolean;

/** One side of a handshake. */
export interface HandshakeSide {
  readonly credentials: Credentials;
  /** Random for each process: it distinguishes a restarted node from the one before. */
  readonly instance: Uint8Array;
  readonly authorize: Authorize | undefined;
}

/** Who is at the other end, as proven. */
export interface ProvenPeer {
  readonly identity: NodeIdentity;
  /** Of the peer's process, in hex. */
  readonly instance: string;
  /** When its certificate ceases to be valid, in ms since the Unix epoch. */
  readonly expiresAt: number;
}

/** What the dialler's proof answers. */
interface Challenge {
  readonly peer: ProvenPeer;
  readonly certificate: CheckedCertificate;
  readonly diallerNonce: Uint8Array;
  readonly listenerNonce: Uint8Array;
}

const nonceBytes = 32;
const instanceBytes = 16;
const ascii = new TextEncoder();

export function newInstance(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(instanceBytes));
}

/**
 * The dialler's first half: asks for the listener's certificate, and has it sign our nonce and the name that TLS has checked.
 *
 * @param serverName what TLS has checked
 * @throws MemberlistError a refusal, or `protocol_error`
 */
export async function challenge(control: ControlStream, side: HandshakeSide, serverName: string): Promise<Challenge> {
  const diallerNonce = crypto.getRandomValues(new Uint8Array(nonceBytes));
  await control.send([diallerNonce]);
  const [listenerNonce, instance, der, signature] = four(await control.receive(4));
  const certificate = side.credentials.check(der, "listener");
  const signed = transcript("listener", [
    ascii.encode(serverName),
    diallerNonce,
    listenerNonce,
    instance,
    certificate.fingerprint,
  ]);
  if (listenerNonce.length !== nonceBytes || instance.length !== instanceBytes || !isSignedBy(certificate, signed, signature))
    throw refusal("untrusted_peer", "the peer has not proven that its certificate is its own");
  authorizePeer(certificate.identity, side);
  const peer = { identity: certificate.identity, instance: hex(instance), expiresAt: certificate.expiresAt };
  return { peer, certificate, diallerNonce, listenerNonce };
}

/**
 * The dialler's second half: proves who we are to this listener and no other, then waits to be let in.
 *
 * @param serverName what TLS has checked: the name of that one node
 */
export async function prove(control: ControlStream, side: HandshakeSide, serverName: string, asked: Challenge): Promise<void> {
  const { credentials, instance } = side;
  const { diallerNonce, listenerNonce, certificate } = asked;
  const signed = diallerTranscript(
    serverName,
    { diallerNonce, listenerNonce, instance },
    certificate.fingerprint,
    credentials.fingerprint,
  );
  await control.send([instance, credentials.certificate, credentials.sign(signed)]);
  await control.receive(0);
}

/**
 * The listener's side. Undefined when the dialler only asked who we are, and has hung up.
 *
 * @param serverName what the dialler has asked TLS for
 * @param onProven called before the peer learns that it is accepted: there must be a receiver for what it sends then
 * @throws MemberlistError a refusal, or `protocol_error`
 */
export async function admit(
  control: ControlStream,
  side: HandshakeSide,
  serverName: string | undefined,
  onProven: (peer: ProvenPeer) => void,
): Promise<ProvenPeer | undefined> {
  const { credentials } = side;
  if (serverName !== credentials.serverName && serverName !== anyServerName)
    throw refusal("wrong_peer", "another node was asked for than the one that is here");
  const [diallerNonce] = await control.receive(1);
  if (diallerNonce?.length !== nonceBytes) throw new MemberlistError("protocol_error", "a nonce of the wrong length");
  const listenerNonce = crypto.getRandomValues(new Uint8Array(nonceBytes));
  const ours = transcript("listener", [
    ascii.encode(serverName),
    diallerNonce,
    listenerNonce,
    side.instance,
    credentials.fingerprint,
  ]);
  await control.send([listenerNonce, side.instance, credentials.certificate, credentials.sign(ours)]);
  if (serverName === anyServerName) {
    await control.ended();
    return undefined;
  }
  const [instance, der, signature] = three(await control.receive(3));
  const certificate = credentials.check(der, "dialler");
  const theirs = diallerTranscript(
    serverName,
    { diallerNonce, listenerNonce, instance },
    credentials.fingerprint,
    certificate.fingerprint,
  );
  if (instance.length !== instanceBytes || !isSignedBy(certificate, theirs, signature))
    throw refusal("untrusted_peer", "the proof is not for this node and this connection");
  authorizePeer(certificate.identity, side);
  const peer = { identity: certificate.identity, instance: hex(instance), expiresAt: certificate.expiresAt };
  onProven(peer);
  await control.send([]);
  return peer;
}

/** @throws MemberlistError `label_mismatch`, or `not_authorized` */
function authorizePeer(peer: NodeIdentity, { credentials, authorize }: HandshakeSide): void {
  const { label } = credentials.identity;
  const shown = JSON.stringify(peer.name);
  if (peer.label !== label) {
    // Its own label, not ours: that is not for strangers.
    throw refusal("label_mismatch", `node ${shown} has a certificate for label ${JSON.stringify(peer.label)}`, { peer });
  }
  // Nothing but true: a promise, say, would let everybody in.
  const verdict: unknown = authorize === undefined ? true : authorize(peer);
  if (verdict !== true) throw refusal("not_authorized", `node ${shown} is not authorised`, { peer });
}

interface DiallerParts {
  readonly diallerNonce: Uint8Array;
  readonly listenerNonce: Uint8Array;
  readonly instance: Uint8Array;
}

/**
 * What the dialler signs. The server name is the binding to the connection: TLS has it checked against the certificate whose key the
 * connection ends at, so that nobody in between can have asked for it.
 */
function diallerTranscript(
  serverName: string,
  { diallerNonce, listenerNonce, instance }: DiallerParts,
  listenerFingerprint: Uint8Array,
  diallerFingerprint: Uint8Array,
): Uint8Array {
  const name = ascii.encode(serverName);
  return transcript("dialler", [name, listenerNonce, diallerNonce, instance, listenerFingerprint, diallerFingerprint]);
}

function transcript(role: "dialler" | "listener", fields: readonly Uint8Array[]): Uint8Array {
  return encodeFields([ascii.encode(`${alpnProtocol} ${role}`), ...fields]);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

type Three = [Uint8Array, Uint8Array, Uint8Array];

/** The control stream has counted them. */
function three(fields: readonly Uint8Array[]): Three {
  return fields as Three;
}

function four(fields: readonly Uint8Array[]): [...Three, Uint8Array] {
  return fields as [...Three, Uint8Array];
}

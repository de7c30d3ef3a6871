import { createHash, createPrivateKey, sign, verify, X509Certificate, type KeyObject } from "node:crypto";
import type { ConfigError, NodeIdentity } from "@memberlist/core";
import {
  configError,
  errorMessage,
  certifiedNode,
  checkAuthority,
  readCertificate,
  serverNameOf,
  type CertificateRole,
} from "@memberlist/core/internal";
import { refusal } from "./refusal.ts";

/** What a node proves itself by, and whom it believes. All PEM. */
export interface CredentialsPem {
  /** The certificates of the cluster's authority; several while it is being replaced. */
  readonly ca: string;
  /** This node's certificate, issued by one of them. */
  readonly certificate: string;
  /** The private key to it. */
  readonly key: string;
}

/** A peer's certificate that has passed. That the peer has the key to it is another matter. */
export interface CheckedCertificate {
  readonly identity: NodeIdentity;
  readonly publicKey: KeyObject;
  /** SHA-256 of the DER. */
  readonly fingerprint: Uint8Array;
  /** When it ceases to be valid, in ms since the Unix epoch. */
  readonly expiresAt: number;
}

const certificatePem = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** A node's own certificate and key, and the authorities of its cluster. */
export class Credentials {
  readonly pem: CredentialsPem;
  readonly identity: NodeIdentity;
  /** What TLS calls this one node. */
  readonly serverName: string;
  /** DER. */
  readonly certificate: Uint8Array;
  readonly fingerprint: Uint8Array;
  readonly #authorities: readonly X509Certificate[];
  readonly #key: KeyObject;

  private constructor(pem: CredentialsPem, own: Own, serverName: string) {
    this.pem = pem;
    this.identity = own.checked.identity;
    this.serverName = serverName;
    this.certificate = own.der;
    this.fingerprint = own.checked.fingerprint;
    this.#authorities = own.authorities;
    this.#key = own.key;
  }

  /**
   * @throws ConfigError `invalid_config` when a PEM cannot be read, the key is not that of the certificate, or the certificate would
   *   not be accepted by a peer with the same authorities; its `cause` has the details
   */
  static async read(pem: CredentialsPem): Promise<Credentials> {
    const authorities = attempt("ca", () => (pem.ca.match(certificatePem) ?? []).map((text) => new X509Certificate(text)));
    if (authorities.length === 0) throw invalid("ca", "no certificate in it");
    for (const authority of authorities) attempt("ca", () => checkAuthority(readCertificate(new Uint8Array(authority.raw))));
    const certificate = attempt("certificate", () => new X509Certificate(pem.certificate));
    const key = attempt("key", () => createPrivateKey(pem.key));
    if (!certificate.checkPrivateKey(key)) throw invalid("key", "not the key of the certificate");
    const der = new Uint8Array(certificate.raw);
    const checked = attempt("certificate", () => checkCertificate(der, authorities, ["dialler", "listener"]));
    return new Credentials(pem, { authorities, key, der, checked }, await serverNameOf(checked.identity));
  }

  /** @returns the signature by this node's key */
  sign(bytes: Uint8Array): Uint8Array {
    return new Uint8Array(sign(digestFor(this.#key), bytes, this.#key));
  }

  /**
   * Whom a certificate speaks for.
   *
   * @param role the peer's
   * @throws MemberlistError `untrusted_peer` when none of our authorities has issued it, it does not name one node, or it is not for this
   *   role; `certificate_expired`
   */
  check(der: Uint8Array, role: CertificateRole): CheckedCertificate {
    return checkCertificate(der, this.#authorities, [role]);
  }
}

interface Own {
  readonly authorities: readonly X509Certificate[];
  readonly key: KeyObject;
  readonly der: Uint8Array;
  readonly checked: CheckedCertificate;
}

function checkCertificate(
  der: Uint8Array,
  authorities: readonly X509Certificate[],
  roles: readonly CertificateRole[],
): CheckedCertificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
  } catch (error) {
    throw refusal("untrusted_peer", `the certificate cannot be read: ${errorMessage(error)}`);
  }
  const issuer = authorities.find((ca) => ca.ca && certificate.checkIssued(ca) && certificate.verify(ca.publicKey));
  if (issuer === undefined || certificate.ca)
    throw refusal("untrusted_peer", "the certificate is not signed by this cluster's authority");
  for (const each of [certificate, issuer]) {
    if (Date.parse(each.validFrom) > Date.now()) throw refusal("certificate_expired", "the certificate is not valid yet");
    if (Date.parse(each.validTo) <= Date.now()) throw refusal("certificate_expired", "the certificate has expired");
  }
  return {
    identity: identityOf(der, roles),
    publicKey: certificate.publicKey,
    fingerprint: new Uint8Array(createHash("sha256").update(der).digest()),
    expiresAt: Date.parse(certificate.validTo),
  };
}

/** By the DER alone: the runtime gives alternative names as one string, in which one name can look like several. */
function identityOf(der: Uint8Array, roles: readonly CertificateRole[]): NodeIdentity {
  try {
    return certifiedNode(readCertificate(der), roles);
  } catch (error) {
    throw refusal("untrusted_peer", errorMessage(error));
  }
}

/** Whether the owner of the certificate has signed these bytes. */
export function isSignedBy({ publicKey }: CheckedCertificate, bytes: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(digestFor(publicKey), bytes, publicKey, signature);
  } catch {
    // A signature of the wrong shape.
    return false;
  }
}

/** Ed25519 has a digest of its own. */
function digestFor(key: KeyObject): "sha256" | null {
  return key.asymmetricKeyType === "ed25519" ? null : "sha256";
}

function attempt<T>(field: keyof CredentialsPem, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw invalid(field, errorMessage(error), error);
  }
}

function invalid(field: keyof CredentialsPem, why: string, cause?: unknown): ConfigError {
  return configError(`quic.${field}`, why, cause);
}

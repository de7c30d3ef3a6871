import { MemberlistError } from "../api/errors.ts";
import { webCrypto } from "../ports/crypto.ts";
import { bytesToHex } from "../wire/bytes.ts";
import type { CertificateFields, ExtendedKeyUsage } from "./certificate.ts";

/** The identity of a node in its certificate. */
export interface NodeIdentity {
  /** The node's name in the cluster. */
  readonly name: string;
  /** The cluster's label; "" where it has none. */
  readonly label: string;
}

/**
 * The DNS name that every certificate of a node bears: a dialler that does not know yet whom it will find asks TLS for it. No public
 * authority can vouch for a name under `.invalid` (RFC 2606), whatever roots a runtime trusts beside the cluster's.
 */
export const anyServerName: string = "memberlist.invalid";

const scheme = "memberlist:";

/**
 * An identity as the URI of a certificate: `memberlist:<label>/<name>`, both percent-encoded.
 *
 * @throws MemberlistError `invalid_argument` for a name or label that is not well-formed Unicode
 */
export function identityUri({ name, label }: NodeIdentity): string {
  try {
    return `${scheme}${encodeURIComponent(label)}/${encodeURIComponent(name)}`;
  } catch (cause) {
    throw new MemberlistError("invalid_argument", "a name or label with half a surrogate pair has no certificate", { cause });
  }
}

/** Parses a URI of {@link identityUri}; undefined for any other string. */
export function parseIdentityUri(uri: string): NodeIdentity | undefined {
  const [label, name, ...rest] = uri.startsWith(scheme) ? uri.slice(scheme.length).split("/") : [];
  if (label === undefined || name === undefined || name === "" || rest.length > 0) return undefined;
  try {
    const identity = { name: decodeURIComponent(name), label: decodeURIComponent(label) };
    return identityUri(identity) === uri ? identity : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The DNS name that only the certificates of this one identity bear, so that TLS itself can check whom it has reached: the SHA-256
 * of the URI in hex, in two labels (names may be too long for DNS, and hold any character).
 *
 * @throws MemberlistError `invalid_argument` as {@link identityUri}; `unsupported` where the runtime has no WebCrypto
 */
export async function serverNameOf(identity: NodeIdentity): Promise<string> {
  // ASCII: a byte per character.
  const bytes = Uint8Array.from(identityUri(identity), (char) => char.charCodeAt(0));
  const digest = new Uint8Array(await webCrypto().subtle.digest("SHA-256", bytes));
  const hex = bytesToHex(digest);
  return `${hex.slice(0, 32)}.${hex.slice(32)}.${anyServerName}`;
}

/** The side that shows the certificate: the dialled peer is the server of TLS, the dialling one its client. */
export type CertificateRole = "listener" | "dialler";

const usageOf: Readonly<Record<CertificateRole, ExtendedKeyUsage>> = { listener: "serverAuth", dialler: "clientAuth" };

/**
 * Returns the identity in a certificate, if the certificate may be used in the given roles. Its signature and dates are checked elsewhere.
 *
 * @throws MemberlistError `invalid_argument` for an authority's certificate, one whose key is not to be used like that, and one that does not
 *   name exactly one node
 */
export function certifiedNode(certificate: CertificateFields, roles: readonly CertificateRole[]): NodeIdentity {
  const { extendedKeyUsage, isAuthority, keyUsage, uris } = certificate;
  if (isAuthority) throw refused("it is an authority's, not a node's");
  if (keyUsage !== undefined && !keyUsage.has("digitalSignature")) throw refused("its key usage has no digitalSignature");
  for (const role of roles) {
    if (extendedKeyUsage !== undefined && !extendedKeyUsage.has(usageOf[role]))
      throw refused(`its extended key usage has no ${usageOf[role]}`);
  }
  const [uri, ...more] = uris;
  const identity = uri === undefined || more.length > 0 ? undefined : parseIdentityUri(uri);
  if (identity === undefined) throw refused("it must name one node, by one URI: memberlist:<label>/<name>");
  return identity;
}

/**
 * Checks that a certificate belongs to an authority that may issue others.
 *
 * @throws MemberlistError `invalid_argument`
 */
export function checkAuthority({ isAuthority, keyUsage }: CertificateFields): void {
  if (!isAuthority) throw refused("it is not an authority's");
  if (keyUsage !== undefined && !keyUsage.has("keyCertSign")) throw refused("its key usage has no keyCertSign");
}

function refused(reason: string): MemberlistError {
  return new MemberlistError("invalid_argument", `the certificate cannot be used: ${reason}`);
}

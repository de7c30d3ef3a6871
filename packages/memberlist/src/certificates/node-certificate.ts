import { MemberlistError } from "../api/errors.ts";
import type { CertificateFields, ExtendedKeyUsage } from "./certificate.ts";
import { parseIdentityUri, type NodeIdentity } from "./identity.ts";

/** Who shows the certificate: who was dialled is the server of TLS, who dials the client. */
export type CertificateRole = "listener" | "dialler";

const usageOf: Readonly<Record<CertificateRole, ExtendedKeyUsage>> = { listener: "serverAuth", dialler: "clientAuth" };

/**
 * Whose certificate it is, for the roles in which it is shown. Its signature and dates are checked elsewhere.
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
 * That a certificate is one of an authority that may issue others.
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

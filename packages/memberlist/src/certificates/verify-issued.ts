import { MemberlistError } from "../api/errors.ts";
import { webCrypto } from "../ports/crypto.ts";
import { equalBytes } from "../wire/bytes.ts";
import { readCertificate, derOfPem } from "./certificate.ts";
import { type NodeIdentity, certifiedNode } from "./node-identity.ts";

const rsa = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };

/**
 * Verifies a certificate that was just issued, as a peer will: by nothing that has made it.
 *
 * @param authority PEM, as the certificate and its key are
 * @throws MemberlistError `invalid_argument`, since it is the authority that does not fit
 */
export async function verifyIssued(
  { certificate, key }: { readonly certificate: string; readonly key: string },
  authority: string,
  expected: NodeIdentity,
): Promise<void> {
  const { subtle } = webCrypto();
  const ca = readCertificate(derOfPem(authority, "CERTIFICATE"));
  const issued = readCertificate(derOfPem(certificate, "CERTIFICATE"));
  if (!equalBytes(issued.issuer, ca.subject))
    throw refused("the authority's name would be another one in the certificates that it issues");
  const caKey = await subtle.importKey("spki", ca.publicKey, rsa, false, ["verify"]);
  if (!(await subtle.verify(rsa.name, caKey, issued.signature, issued.signed)))
    throw refused("the signature is not the authority's");
  const { name, label } = certifiedNode(issued, ["listener", "dialler"]);
  if (name !== expected.name || label !== expected.label) throw refused("it names another node");
  const publicKey = await subtle.importKey("spki", issued.publicKey, rsa, false, ["verify"]);
  const privateKey = await subtle.importKey("pkcs8", derOfPem(key, "PRIVATE KEY"), rsa, false, ["sign"]);
  const signature = new Uint8Array(await subtle.sign(rsa.name, privateKey, issued.signed));
  if (!(await subtle.verify(rsa.name, publicKey, signature, issued.signed)))
    throw refused("the key is not that of the certificate");
}

function refused(reason: string): MemberlistError {
  return new MemberlistError("invalid_argument", `ca: no peer would accept the certificate that was issued: ${reason}`);
}

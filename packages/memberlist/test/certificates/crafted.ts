import { generateKeyPairSync } from "node:crypto";
import forge from "node-forge";
import type { CertificateAndKey } from "../../src/certificates/index.ts";

/** An extension as node-forge takes it: by its name and fields, or by its id and the DER of its value. */
export type Extension = Readonly<Record<string, unknown>>;

/** A general name of an alternative name, by its tag: 1 e-mail, 2 DNS, 4 directory name (DER), 6 URI. */
export type GeneralName = readonly [tag: 1 | 2 | 4 | 6, value: string];

/** A value of DER, as node-forge has bytes: a character each. */
function value(tag: number, content: string): string {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return String.fromCharCode(tag, ...size) + content;
}

/** The given alternative names, without a check or an escape. */
export function altNames(...names: readonly GeneralName[]): Extension {
  // Context tags; that of the directory name holds another value.
  const values = names.map(([tag, content]) => value((tag === 4 ? 0xa0 : 0x80) | tag, content));
  return { id: "2.5.29.17", critical: false, value: value(0x30, values.join("")) };
}

/** The DER of a distinguished name with this common name. */
export function directoryName(commonName: string): string {
  const certificate = forge.pki.createCertificate();
  certificate.setSubject([{ name: "commonName", value: commonName }]);
  return forge.asn1.toDer(forge.pki.distinguishedNameToAsn1(certificate.subject)).getBytes();
}

export const critical = (id: string): Extension => ({ id, critical: true, value: "\x30\x00" });

/** One for all: to make a key is what takes time. */
const { privateKey, publicKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});

/** A certificate with just these extensions, signed by the authority, which does not look at what it signs. */
export function craft(ca: CertificateAndKey, ...extensions: readonly Extension[]): CertificateAndKey {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey);
  certificate.serialNumber = "41";
  certificate.validity.notBefore = new Date(Date.now() - 60_000);
  certificate.validity.notAfter = new Date(Date.now() + 3_600_000);
  certificate.setSubject([{ name: "commonName", value: "crafted" }]);
  certificate.setIssuer(forge.pki.certificateFromPem(ca.certificate).subject.attributes);
  certificate.setExtensions([...extensions]);
  certificate.sign(forge.pki.privateKeyFromPem(ca.key), forge.md.sha256.create());
  return { certificate: forge.pki.certificateToPem(certificate), key: privateKey };
}

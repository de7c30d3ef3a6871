import type * as forgeModule from "node-forge";
import type { pki } from "node-forge";
import { configRules } from "../config/rules.ts";
import { checkOptions } from "../api/check-arguments.ts";
import { text, type Rule, type Rules } from "../util/value-rules.ts";
import { errorMessage, MemberlistError } from "../api/errors.ts";
import { dateOf, systemClock } from "../ports/clock.ts";
import { randomBytes, webCrypto } from "../ports/crypto.ts";
import { readCertificate, derOfPem } from "./certificate.ts";
import { anyServerName, identityUri, serverNameOf, checkAuthority, type NodeIdentity, certifiedNode } from "./node-identity.ts";
import { equalBytes } from "../wire/bytes.ts";

/** A certificate and the private key to it, both PEM. The key is a secret. */
export interface CertificateAndKey {
  /** X.509, PEM. */
  readonly certificate: string;
  /** PKCS #8, PEM, not encrypted. */
  readonly key: string;
}

/** Options of {@link createClusterCa}. */
export interface ClusterCaOptions {
  /** Its subject's common name. Default "memberlist cluster CA". */
  readonly name?: string;
  /** In ms. Default 10 years. */
  readonly validFor?: number;
}

/** Options of {@link issueNodeCertificate}. */
export interface NodeCertificateOptions {
  /** The node's `name` in its config; 1 to 255 bytes of UTF-8. */
  readonly name: string;
  /** The `label` of its config. Default "". */
  readonly label?: string;
  /** In ms, from `validFrom` on; at most as long as the authority is valid. Default 1 year, or until the authority expires. */
  readonly validFor?: number;
  /** Default: five minutes ago, for clocks that are behind. */
  readonly validFrom?: Date;
}

const validForRule: Rule = { expected: "a number of ms above 0", accepts: (value) => typeof value === "number" && value > 0 };

const caRules: Rules<ClusterCaOptions> = {
  name: text("a string of well-formed Unicode, not empty", (value) => value !== "" && isWellFormed(value)),
  validFor: validForRule,
};

const certificateRules: Rules<NodeCertificateOptions> = {
  name: configRules.name,
  label: configRules.label,
  validFor: validForRule,
  validFrom: { expected: "a Date", accepts: isDate },
};

const day = 24 * 60 * 60 * 1000;
const skew = 5 * 60 * 1000;
/** RSA of this many bits: the one kind of key that node-forge signs certificates for. */
const keyBits = 2048;

/**
 * Makes a certificate authority for one cluster, on any runtime. Keep its key where certificates are issued, and nowhere else: who has
 * it can be any node. Members get its certificate, and one of their own by {@link issueNodeCertificate}. Use it for nothing else.
 *
 * @throws MemberlistError `invalid_argument`; `unsupported` where the runtime has no WebCrypto
 */
export async function createClusterCa(options: ClusterCaOptions = {}): Promise<CertificateAndKey> {
  checkOptions("createClusterCa", options, caRules);
  const { name = "memberlist cluster CA", validFor = 3650 * day } = options;
  const forge = await loadForge();
  const key = await generateRsaKey(forge);
  const certificate = blank(forge, { name, key, validFor, validFrom: aWhileAgo() });
  certificate.setIssuer(certificate.subject.attributes);
  certificate.setExtensions([
    { name: "basicConstraints", critical: true, cA: true, pathLenConstraint: 0 },
    { name: "keyUsage", critical: true, keyCertSign: true, cRLSign: true },
    { name: "subjectKeyIdentifier" },
  ]);
  certificate.sign(key, forge.md.sha256.create());
  return pem(forge, certificate, key);
}

/**
 * Issues a node's certificate, with a fresh key. It says who the node is, as a URI (`memberlist:<label>/<name>`) and as a DNS name made
 * out of that, and is good for both sides of a TLS connection. Source: docs/guide/quic.md.
 *
 * The result is verified before it is returned: read back from its DER, the signature, the issuer and the key by the runtime's WebCrypto.
 *
 * @throws MemberlistError `invalid_argument` for an invalid name, label or time, for a `ca` that is not valid now or expires sooner than the
 *   certificate, and for one that is not the PEM of an authority whose certificates peers accept (such as one whose name has several attributes in
 *   one part)
 */
export async function issueNodeCertificate(ca: CertificateAndKey, options: NodeCertificateOptions): Promise<CertificateAndKey> {
  checkOptions("issueNodeCertificate", options, certificateRules, ["name"]);
  const { name, label = "", validFrom = aWhileAgo() } = options;
  const forge = await loadForge();
  const issuer = readCa(forge, ca);
  const validFor = validityWithin(issuer.certificate.validity, validFrom, options.validFor);
  const key = await generateRsaKey(forge);
  const certificate = blank(forge, { name, key, validFor, validFrom });
  certificate.setIssuer(readAttributes(forge, issuer.certificate));
  certificate.setExtensions([
    { name: "basicConstraints", critical: true, cA: false },
    { name: "keyUsage", critical: true, digitalSignature: true },
    { name: "extKeyUsage", serverAuth: true, clientAuth: true },
    {
      name: "subjectAltName",
      altNames: [
        { type: 2, value: await serverNameOf({ name, label }) },
        { type: 2, value: anyServerName },
        { type: 6, value: identityUri({ name, label }) },
      ],
    },
    { name: "subjectKeyIdentifier" },
  ]);
  certificate.sign(issuer.key, forge.md.sha256.create());
  const issued = pem(forge, certificate, key);
  await verifyIssued(issued, ca.certificate, { name, label });
  return issued;
}

/** One of another realm will do. */
function isDate(value: unknown): boolean {
  const { getTime } = (value ?? {}) as Partial<Date>;
  return typeof getTime === "function" && Number.isFinite(getTime.call(value));
}

interface Blank {
  readonly name: string;
  readonly key: pki.rsa.PrivateKey;
  readonly validFor: number;
  readonly validFrom: Date;
}

/** A certificate with nothing said yet but whose key it is, and for how long. */
function blank(forge: Forge, { name, key, validFor, validFrom }: Blank): pki.Certificate {
  const validTo = dateOf(validFrom.getTime() + validFor);
  if (!(validFor > 0) || !Number.isFinite(validTo.getTime())) {
    throw new MemberlistError("invalid_argument", `validFor: ${validFor} ms from ${String(validFrom)} on is not a span of time`);
  }
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(key.n, key.e);
  const serial = randomBytes(16);
  // Positive, and in its shortest form.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  certificate.serialNumber = forge.util.bytesToHex(forge.util.binary.raw.encode(serial));
  certificate.validity.notBefore = validFrom;
  certificate.validity.notAfter = validTo;
  // X.520 allows a common name 64 characters; who the node is stands in the alternative names.
  const value = Array.from(name).slice(0, 64).join("");
  // The typings want a class here, where forge wants the tag of a UTF8String.
  const valueTagClass = forge.asn1.Type.UTF8 as unknown as pki.CertificateField["valueTagClass"];
  certificate.setSubject([{ name: "commonName", value, valueTagClass }]);
  return certificate;
}

function readCa(forge: Forge, ca: CertificateAndKey): { certificate: pki.Certificate; key: pki.rsa.PrivateKey } {
  let certificate: pki.Certificate;
  let key: pki.rsa.PrivateKey;
  try {
    certificate = forge.pki.certificateFromPem(ca.certificate);
    key = forge.pki.privateKeyFromPem(ca.key);
    checkAuthority(readCertificate(derOfPem(ca.certificate, "CERTIFICATE")));
  } catch (cause) {
    throw new MemberlistError("invalid_argument", `ca: it must be the PEM of an RSA authority: ${errorMessage(cause)}`, {
      cause,
    });
  }
  if ((certificate.publicKey as pki.rsa.PublicKey).n.compareTo(key.n) !== 0)
    throw new MemberlistError("invalid_argument", "ca: the key is not that of the certificate");
  return { certificate, key };
}

/**
 * The attributes of a subject that was read, as forge wants them to write them again: it takes characters, and encodes them, but gives the
 * bytes of UTF-8 (of any other kind of string it takes bytes, too).
 */
function readAttributes(forge: Forge, { subject }: pki.Certificate): pki.CertificateField[] {
  const isUtf8 = ({ valueTagClass }: pki.CertificateField): boolean => (valueTagClass as unknown) === forge.asn1.Type.UTF8;
  return subject.attributes.map((attribute) =>
    isUtf8(attribute) ? { ...attribute, value: forge.util.decodeUtf8(attribute.value as string) } : attribute,
  );
}

/** For how long a certificate may be valid from `validFrom` on, in ms. @throws MemberlistError `invalid_argument` */
function validityWithin(authority: pki.Certificate["validity"], validFrom: Date, wanted: number | undefined): number {
  const now = systemClock().wallTime();
  const expires = authority.notAfter.getTime();
  const refuse = (what: string): MemberlistError =>
    new MemberlistError("invalid_argument", `ca: the authority's certificate ${what}`);
  if (now >= expires) {
    throw refuse(
      `expired on ${iso(authority.notAfter)}: make a new authority by createClusterCa, and issue the nodes' certificates again`,
    );
  }
  if (now < authority.notBefore.getTime())
    throw refuse(`is not valid before ${iso(authority.notBefore)}: is this machine's clock right?`);
  const left = expires - validFrom.getTime();
  if (left <= 0) throw refuse(`expires on ${iso(authority.notAfter)}, before validFrom`);
  if (wanted === undefined) return Math.min(365 * day, left);
  if (wanted > left) throw refuse(`expires on ${iso(authority.notAfter)}: validFor can be ${left} ms at most`);
  return wanted;
}

function iso(date: Date): string {
  return date.toISOString();
}

function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** By the runtime, not by forge: that is a hundred times faster, and from a source of randomness that is surely a good one. */
async function generateRsaKey(forge: Forge): Promise<pki.rsa.PrivateKey> {
  const { subtle } = webCrypto();
  const publicExponent = Uint8Array.of(1, 0, 1);
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: keyBits, publicExponent };
  const { privateKey } = await subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const der = new Uint8Array(await subtle.exportKey("pkcs8", privateKey));
  return forge.pki.privateKeyFromAsn1(forge.asn1.fromDer(forge.util.binary.raw.encode(der)));
}

function pem(forge: Forge, certificate: pki.Certificate, key: pki.rsa.PrivateKey): CertificateAndKey {
  const keyPem = forge.pki.privateKeyInfoToPem(forge.pki.wrapRsaPrivateKey(forge.pki.privateKeyToAsn1(key)));
  return { certificate: unix(forge.pki.certificateToPem(certificate)), key: unix(keyPem) };
}

function aWhileAgo(): Date {
  return dateOf(systemClock().wallTime() - skew);
}

/** Forge ends lines as Windows does. */
function unix(text: string): string {
  return text.replaceAll("\r\n", "\n");
}

type Forge = typeof forgeModule;

/** node-forge, loaded only when it is needed: it is large. */
async function loadForge(): Promise<Forge> {
  const module = (await import("node-forge")) as unknown as { default?: Forge } & Forge;
  return module.default ?? module;
}

const rsa = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };

/**
 * Verifies a certificate that was just issued, as a peer will: by nothing that has made it.
 *
 * @param authority PEM, as the certificate and its key are
 * @throws MemberlistError `invalid_argument`, since it is the authority that does not fit
 */
async function verifyIssued(
  { certificate, key }: { readonly certificate: string; readonly key: string },
  authority: string,
  expected: NodeIdentity,
): Promise<void> {
  const { subtle } = webCrypto();
  const ca = readCertificate(derOfPem(authority, "CERTIFICATE"));
  const issued = readCertificate(derOfPem(certificate, "CERTIFICATE"));
  if (!equalBytes(issued.issuer, ca.subject))
    throw unusable("the authority's name would be another one in the certificates that it issues");
  const caKey = await subtle.importKey("spki", ca.publicKey, rsa, false, ["verify"]);
  if (!(await subtle.verify(rsa.name, caKey, issued.signature, issued.signed)))
    throw unusable("the signature is not the authority's");
  const { name, label } = certifiedNode(issued, ["listener", "dialler"]);
  if (name !== expected.name || label !== expected.label) throw unusable("it names another node");
  const publicKey = await subtle.importKey("spki", issued.publicKey, rsa, false, ["verify"]);
  const privateKey = await subtle.importKey("pkcs8", derOfPem(key, "PRIVATE KEY"), rsa, false, ["sign"]);
  const signature = new Uint8Array(await subtle.sign(rsa.name, privateKey, issued.signed));
  if (!(await subtle.verify(rsa.name, publicKey, signature, issued.signed)))
    throw unusable("the key is not that of the certificate");
}

function unusable(reason: string): MemberlistError {
  return new MemberlistError("invalid_argument", `ca: no peer would accept the certificate that was issued: ${reason}`);
}

import { MemberlistError } from "../api/errors.ts";
import { bytesToHex } from "../wire/bytes.ts";
import { DerReader, derTag, notDer } from "./der-reader.ts";

type KeyUsage = "digitalSignature" | "keyCertSign";
export type ExtendedKeyUsage = "serverAuth" | "clientAuth";

/** The fields of a certificate that the library uses. All bytes are DER, views of the certificate. */
export interface CertificateFields {
  /** The bytes that the issuer has signed. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly isAuthority: boolean;
  /** Undefined where the extension is absent: then no usage is excluded. The same for the extended ones. */
  readonly keyUsage: ReadonlySet<KeyUsage> | undefined;
  readonly extendedKeyUsage: ReadonlySet<ExtendedKeyUsage> | undefined;
  /** The URIs among the alternative names. */
  readonly uris: readonly string[];
}

/** Context tags: the fields of a certificate, and of a general name. */
const versionTag = 0xa0;
const issuerIdTag = 0x81;
const subjectIdTag = 0x82;
const extensionsTag = 0xa3;
const uriTag = 0x86;

const version3 = 2;

/** Object identifiers, in hex. */
const extensionId = {
  keyUsage: "551d0f",
  subjectAltName: "551d11",
  basicConstraints: "551d13",
  extendedKeyUsage: "551d25",
} as const;
const extendedUsages: ReadonlyMap<string, ExtendedKeyUsage> = new Map([
  ["2b06010505070301", "serverAuth"],
  ["2b06010505070302", "clientAuth"],
]);

/** The bits of KeyUsage, from the highest one down. */
const usageBits: readonly (readonly [KeyUsage, number])[] = [
  ["digitalSignature", 0],
  ["keyCertSign", 5],
];

type Extensions = ReadonlyMap<string, Uint8Array>;

/**
 * Reads an X.509 certificate (RFC 5280), the extensions by their DER: what programs make of alternative names as text is ambiguous
 * from what stands in one of them. Checks no signature.
 *
 * @throws MemberlistError `invalid_argument` for what is not a certificate of version 3 in DER, has an extension twice, or a critical one that
 *   is not known here
 */
export function readCertificate(der: Uint8Array): CertificateFields {
  const outer = new DerReader(der);
  const whole = outer.enter(derTag.sequence);
  outer.end();
  const signed = whole.readWhole(derTag.sequence);
  whole.read(derTag.sequence);
  const signature = bitString(whole);
  whole.end();

  const fields = new DerReader(signed).enter(derTag.sequence);
  const version = fields.enter(versionTag);
  const number = version.read(derTag.integer);
  version.end();
  if (number.length !== 1 || number[0] !== version3) throw notDer("not version 3");
  fields.read(derTag.integer);
  fields.read(derTag.sequence);
  const issuer = fields.readWhole(derTag.sequence);
  fields.read(derTag.sequence);
  const subject = fields.readWhole(derTag.sequence);
  const publicKey = fields.readWhole(derTag.sequence);
  fields.readOptional(issuerIdTag);
  fields.readOptional(subjectIdTag);
  const extensions = readExtensions(fields.readOptional(extensionsTag));
  fields.end();

  return {
    signed,
    signature,
    issuer,
    subject,
    publicKey,
    isAuthority: isAuthority(extensions.get(extensionId.basicConstraints)),
    keyUsage: keyUsageOf(extensions.get(extensionId.keyUsage)),
    extendedKeyUsage: extendedKeyUsageOf(extensions.get(extensionId.extendedKeyUsage)),
    uris: urisOf(extensions.get(extensionId.subjectAltName)),
  };
}

/** By their identifiers in hex. */
function readExtensions(bytes: Uint8Array | undefined): Extensions {
  const extensions = new Map<string, Uint8Array>();
  if (bytes === undefined) return extensions;
  const outer = new DerReader(bytes);
  const all = outer.enter(derTag.sequence);
  outer.end();
  while (!all.isAtEnd) {
    const extension = all.enter(derTag.sequence);
    const id = bytesToHex(extension.read(derTag.objectId));
    const critical = extension.readOptional(derTag.boolean);
    const value = extension.read(derTag.octetString);
    extension.end();
    if (extensions.has(id)) throw new MemberlistError("invalid_argument", `the certificate has the extension ${id} twice`);
    // RFC 5280: who does not know a critical extension must reject the certificate.
    if (critical !== undefined && boolean(critical) && !isKnown(id))
      throw new MemberlistError("invalid_argument", `the certificate has a critical extension that is not supported: ${id}`);
    extensions.set(id, value);
  }
  return extensions;
}

function isKnown(id: string): boolean {
  return Object.values<string>(extensionId).includes(id);
}

function isAuthority(value: Uint8Array | undefined): boolean {
  if (value === undefined) return false;
  const constraints = onlySequence(value);
  const authority = constraints.readOptional(derTag.boolean);
  constraints.readOptional(derTag.integer);
  constraints.end();
  return authority !== undefined && boolean(authority);
}

function keyUsageOf(value: Uint8Array | undefined): ReadonlySet<KeyUsage> | undefined {
  if (value === undefined) return undefined;
  const reader = new DerReader(value);
  const bits = reader.read(derTag.bitString);
  reader.end();
  // The first byte says how many bits of the last one are unused; those are zero.
  const octets = bits.subarray(1);
  return new Set(usageBits.filter(([, bit]) => ((octets[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0).map(([usage]) => usage));
}

function extendedKeyUsageOf(value: Uint8Array | undefined): ReadonlySet<ExtendedKeyUsage> | undefined {
  if (value === undefined) return undefined;
  const usages = new Set<ExtendedKeyUsage>();
  for (const all = onlySequence(value); !all.isAtEnd;) {
    const usage = extendedUsages.get(bytesToHex(all.read(derTag.objectId)));
    if (usage !== undefined) usages.add(usage);
  }
  return usages;
}

function urisOf(value: Uint8Array | undefined): string[] {
  const uris: string[] = [];
  if (value === undefined) return uris;
  for (const names = onlySequence(value); !names.isAtEnd;) {
    const { tag, content } = names.readAny();
    if (tag === uriTag) uris.push(ia5String(content));
  }
  return uris;
}

/** A reader of the sequence that is all of `bytes`. */
function onlySequence(bytes: Uint8Array): DerReader {
  const outer = new DerReader(bytes);
  const inner = outer.enter(derTag.sequence);
  outer.end();
  return inner;
}

function bitString(reader: DerReader): Uint8Array {
  const bits = reader.read(derTag.bitString);
  if (bits[0] !== 0) throw notDer("a signature that is not of whole bytes");
  return bits.subarray(1);
}

function boolean(content: Uint8Array): boolean {
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw notDer("a boolean that is neither");
  return content[0] === 0xff;
}

function ia5String(bytes: Uint8Array): string {
  if (bytes.some((byte) => byte >= 0x80)) throw notDer("a URI that is not ASCII");
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** The DER of the first block of its kind in a PEM; empty for a PEM without one. */
export function derOfPem(pem: string, kind: "CERTIFICATE" | "PRIVATE KEY"): Uint8Array {
  const [, base64 = ""] = new RegExp(`-----BEGIN ${kind}-----([\\s\\S]+?)-----END ${kind}-----`).exec(pem) ?? [];
  return Uint8Array.from(atob(base64.replaceAll(/\s/g, "")), (char) => char.charCodeAt(0));
}

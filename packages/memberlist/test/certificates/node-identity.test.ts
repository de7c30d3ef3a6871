import { X509Certificate } from "node:crypto";
import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { createClusterCa, issueNodeCertificate, type CertificateAndKey } from "../../src/certificates/index.ts";
import { MemberlistError } from "../../src/index.ts";
import { readCertificate } from "../../src/certificates/certificate.ts";
import { certifiedNode, checkAuthority, type CertificateRole } from "../../src/certificates/node-identity.ts";
import { altNames, craft, critical, directoryName, type Extension } from "./crafted.ts";

const usage: Extension = { name: "keyUsage", critical: true, digitalSignature: true };
const both: Extension = { name: "extKeyUsage", serverAuth: true, clientAuth: true };
const named: Extension = altNames([6, "memberlist:prod/a"]);
const roles: readonly CertificateRole[] = ["dialler", "listener"];

let ca: CertificateAndKey;
beforeAll(async () => {
  ca = await createClusterCa();
});

function derOf({ certificate }: CertificateAndKey): Uint8Array {
  return new Uint8Array(new X509Certificate(certificate).raw);
}

function crafted(...extensions: readonly Extension[]): Uint8Array {
  return derOf(craft(ca, ...extensions));
}

function nodeOf(der: Uint8Array, as: readonly CertificateRole[] = roles): unknown {
  return certifiedNode(readCertificate(der), as);
}

/** The message of the typed error; another error is thrown on. */
function refusalOf(read: () => unknown): string {
  try {
    return `accepted: ${JSON.stringify(read())}`;
  } catch (error) {
    if (error instanceof MemberlistError && error.code === "invalid_argument") return error.message;
    throw error;
  }
}

describe("the identity in a certificate", () => {
  it("equals the node that issueNodeCertificate was called with", async () => {
    const issued = await issueNodeCertificate(ca, { name: "web 1/ä", label: "blue, green" });
    expect(nodeOf(derOf(issued))).toEqual({ name: "web 1/ä", label: "blue, green" });
  });

  it("stays readable where other programs leave the key usages out, or add more names", () => {
    const others = altNames([2, "a.example"], [1, "a@example.com"], [4, directoryName("x")], [6, "memberlist:prod/a"]);
    expect(nodeOf(crafted(others))).toEqual({ name: "a", label: "prod" });
  });

  it.each([
    ["a DNS name", altNames([2, "x, URI:memberlist:/admin"])],
    ["an e-mail address", altNames([1, "x@example.com, URI:memberlist:/admin"])],
    ["a directory name", altNames([4, directoryName("x, URI:memberlist:/admin")])],
    ["a URI", altNames([6, "http://x, URI:memberlist:/admin"])],
  ])("does not come from inside %s", (_, names) => {
    expect(refusalOf(() => nodeOf(crafted(usage, both, names)))).toMatch(/must name one node/);
  });

  it("comes from the URI, for any content of the other names", () => {
    const names = altNames([2, "x, URI:memberlist:/admin"], [6, "memberlist:prod/a"], [1, "y, URI:memberlist:/root"]);
    expect(nodeOf(crafted(usage, both, names))).toEqual({ name: "a", label: "prod" });
  });

  it.each([
    ["no alternative names", [usage, both], /must name one node/],
    ["two nodes", [altNames([6, "memberlist:prod/a"], [6, "memberlist:prod/b"])], /must name one node/],
    ["the same node twice", [altNames([6, "memberlist:prod/a"], [6, "memberlist:prod/a"])], /must name one node/],
    [
      "a URI of another scheme beside the node's",
      [altNames([6, "memberlist:prod/a"], [6, "spiffe://x/a"])],
      /must name one node/,
    ],
    ["a URI that is not ASCII", [altNames([6, "memberlist:prod/\xe4"])], /not ASCII/],
    ["alternative names twice", [named, altNames([6, "memberlist:prod/b"])], /551d11 twice/],
    ["an extension that must be known and is not", [named, critical("2.5.29.30")], /critical extension that is not supported/],
  ] as const)("counts as invalid with %s", (_, extensions, message) => {
    expect(refusalOf(() => nodeOf(crafted(...extensions)))).toMatch(message);
  });

  it("counts as invalid where the key must not be used in that role", () => {
    const server = crafted(usage, { name: "extKeyUsage", serverAuth: true }, named);
    const client = crafted(usage, { name: "extKeyUsage", clientAuth: true }, named);
    const neither = crafted(usage, { name: "extKeyUsage", codeSigning: true }, named);
    expect(nodeOf(server, ["listener"])).toEqual({ name: "a", label: "prod" });
    expect(nodeOf(client, ["dialler"])).toEqual({ name: "a", label: "prod" });
    expect(refusalOf(() => nodeOf(server, ["dialler"]))).toMatch(/no clientAuth/);
    expect(refusalOf(() => nodeOf(client, ["listener"]))).toMatch(/no serverAuth/);
    for (const role of roles) expect(refusalOf(() => nodeOf(neither, [role]))).toMatch(/no (server|client)Auth/);
  });

  it("counts as invalid where the key may sign nothing, and for an authority's certificate", () => {
    const encipher: Extension = { name: "keyUsage", critical: true, keyEncipherment: true };
    expect(refusalOf(() => nodeOf(crafted(encipher, both, named)))).toMatch(/no digitalSignature/);
    expect(refusalOf(() => nodeOf(crafted({ name: "basicConstraints", cA: true }, named)))).toMatch(/authority's/);
  });
});

describe("checkAuthority", () => {
  it("accepts an authority's certificate and refuses a node's", async () => {
    expect(() => checkAuthority(readCertificate(derOf(ca)))).not.toThrow();
    const issued = await issueNodeCertificate(ca, { name: "a" });
    expect(refusalOf(() => checkAuthority(readCertificate(derOf(issued))))).toMatch(/not an authority's/);
  });

  it("refuses an authority without keyCertSign, and one with constraints on names, which it does not check", () => {
    const constraints: Extension = { name: "basicConstraints", critical: true, cA: true };
    expect(refusalOf(() => checkAuthority(readCertificate(crafted(constraints, usage))))).toMatch(/no keyCertSign/);
    expect(refusalOf(() => checkAuthority(readCertificate(crafted(constraints, critical("2.5.29.30")))))).toMatch(
      /not supported/,
    );
  });
});

describe("reading a certificate", () => {
  it("takes DER alone: nothing behind it, and no length in another form", () => {
    const der = crafted(usage, both, named);
    expect(refusalOf(() => readCertificate(Uint8Array.of(...der, 0)))).toMatch(/not valid DER/);
    expect(refusalOf(() => readCertificate(Uint8Array.of(0x30, 0x80, ...der.subarray(4), 0, 0)))).toMatch(/not valid DER/);
    expect(refusalOf(() => readCertificate(Uint8Array.of(0x30, 0x83, 0, ...der.subarray(2))))).toMatch(/not valid DER/);
    for (const none of [[], [0x30], [0x30, 0], [0x30, 0x84, 0, 0, 0, 0]])
      expect(refusalOf(() => readCertificate(Uint8Array.from(none)))).toMatch(/not valid DER/);
  });

  it("throws typed errors only, for any change and any cut", () => {
    const der = crafted(usage, both, named);
    const at = fc.nat(der.length - 1);
    fc.assert(
      fc.property(fc.array(fc.tuple(at, fc.nat(255)), { maxLength: 3 }), fc.option(at), (changes, end) => {
        const changed = der.slice(0, end ?? der.length);
        for (const [where, byte] of changes) if (where < changed.length) changed[where] = byte;
        expect(refusalOf(() => nodeOf(changed))).toMatch(/^(accepted|the certificate)/);
      }),
      { numRuns: 3_000 },
    );
  });
});

import { createPrivateKey, sign, verify, X509Certificate } from "node:crypto";
import { createServer, connect, type TLSSocket } from "node:tls";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import forge from "node-forge";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { createClusterCa, issueNodeCertificate, type CertificateAndKey } from "../../src/certificates/index.ts";
import { anyServerName, identityUri, parseIdentityUri, serverNameOf } from "../../src/certificates/node-identity.ts";

const day = 24 * 60 * 60 * 1000;
let ca: CertificateAndKey;
beforeAll(async () => {
  ca = await createClusterCa();
});

describe("createClusterCa", () => {
  it("makes an authority that may sign nodes but no other authority", () => {
    const certificate = new X509Certificate(ca.certificate);
    expect(certificate.ca).toBe(true);
    expect(certificate.subject).toBe("CN=memberlist cluster CA");
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(ca.key))).toBe(true);
    expect(certificate.publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048);
    expect(ca.certificate + ca.key).not.toContain("\r");
  });

  it("makes another one each time, for as long as the options say", async () => {
    const other = await createClusterCa({ name: "Ünïcode", validFor: 3 * day });
    const certificate = new X509Certificate(other.certificate);
    expect(certificate.subject).toBe("CN=Ünïcode");
    expect(Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)).toBe(3 * day);
    expect(other.key).not.toBe(ca.key);
    expect(certificate.serialNumber).not.toBe(new X509Certificate(ca.certificate).serialNumber);
  });

  it.each([0, -1, Number.NaN, Infinity])("refuses a validity of %s ms", async (validFor) => {
    await expect(createClusterCa({ validFor })).rejects.toMatchObject({ code: "invalid_argument" });
  });
});

describe("issueNodeCertificate", () => {
  it("names the node and its authority", async () => {
    const issued = await issueNodeCertificate(ca, { name: "web 1/ä", label: "blue, green" });
    const certificate = new X509Certificate(issued.certificate);
    const identity = { name: "web 1/ä", label: "blue, green" };
    expect(certificate.subjectAltName).toBe(
      `DNS:${await serverNameOf(identity)}, DNS:${anyServerName}, URI:memberlist:blue%2C%20green/web%201%2F%C3%A4`,
    );
    expect(parseIdentityUri("memberlist:blue%2C%20green/web%201%2F%C3%A4")).toEqual(identity);
    expect(certificate.ca).toBe(false);
    expect(certificate.checkIssued(new X509Certificate(ca.certificate))).toBe(true);
    expect(certificate.verify(new X509Certificate(ca.certificate).publicKey)).toBe(true);
    const signature = sign("sha256", Buffer.from("x"), createPrivateKey(issued.key));
    expect(verify("sha256", Buffer.from("x"), certificate.publicKey, signature)).toBe(true);
  });

  it("makes the certificate valid from a little earlier for a year, or as the options require", async () => {
    const usual = new X509Certificate((await issueNodeCertificate(ca, { name: "a" })).certificate);
    expect(Date.parse(usual.validTo) - Date.parse(usual.validFrom)).toBe(365 * day);
    expect(Date.parse(usual.validFrom)).toBeLessThan(Date.now() - 4 * 60_000);
    const validFrom = new Date("2020-01-02T03:04:05Z");
    const issued = new X509Certificate((await issueNodeCertificate(ca, { name: "a", validFrom, validFor: day })).certificate);
    expect([Date.parse(issued.validFrom), Date.parse(issued.validTo)]).toEqual([validFrom.getTime(), validFrom.getTime() + day]);
  });

  it("ends the validity with that of the authority", async () => {
    const short = await createClusterCa({ validFor: day });
    const expires = Date.parse(new X509Certificate(short.certificate).validTo);
    const usual = new X509Certificate((await issueNodeCertificate(short, { name: "a" })).certificate);
    expect(Date.parse(usual.validTo)).toBe(expires);
    const longer = issueNodeCertificate(short, { name: "a", validFor: 2 * day });
    await expect(longer).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(/validFor can be \d+ ms at most/),
    });
    const later = issueNodeCertificate(short, { name: "a", validFrom: new Date(expires) });
    await expect(later).rejects.toMatchObject({ code: "invalid_argument", message: expect.stringContaining("before validFrom") });
  });

  it("refuses an authority that has expired, or is not valid yet", async () => {
    const fiveMinutes = 5 * 60_000;
    // Valid from five minutes ago, for whole seconds.
    const expired = await createClusterCa({ validFor: fiveMinutes - 1000 });
    await expect(issueNodeCertificate(expired, { name: "a" })).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(/expired on \S+: make a new authority/),
    });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 2 * fiveMinutes });
    try {
      await expect(issueNodeCertificate(ca, { name: "a" })).rejects.toMatchObject({
        code: "invalid_argument",
        message: expect.stringContaining("not valid before"),
      });
    } finally {
      vi.useRealTimers();
    }
  });

  it("issues a certificate that TLS accepts for the node's name and for any node, and for no other name", async () => {
    const issued = await issueNodeCertificate(ca, { name: "n".repeat(255), label: "l" });
    const server = createServer({ cert: issued.certificate, key: issued.key }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const attempt = async (servername: string): Promise<unknown> => {
      const socket: TLSSocket = connect({ host: "127.0.0.1", port, servername, ca: ca.certificate });
      try {
        await once(socket, "secureConnect");
        return "connected";
      } catch (error) {
        return (error as { code?: unknown }).code;
      } finally {
        socket.destroy();
      }
    };
    const own = await serverNameOf({ name: "n".repeat(255), label: "l" });
    expect(await attempt(own)).toBe("connected");
    expect(await attempt(anyServerName)).toBe("connected");
    expect(await attempt(await serverNameOf({ name: "n".repeat(255), label: "" }))).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
    server.close();
  });

  it.each(["Zürich", "\u{1f600} 東京", "ä".repeat(64)])(
    "issues a certificate that peers accept by an authority called %s",
    async (name) => {
      const authority = await createClusterCa({ name });
      const issuer = new X509Certificate(authority.certificate);
      const issued = new X509Certificate((await issueNodeCertificate(authority, { name: "ä" })).certificate);
      expect(issued.issuer).toBe(issuer.subject);
      expect(issued.issuer).toBe(`CN=${name}`);
      expect(issued.checkIssued(issuer)).toBe(true);
      expect(issued.verify(issuer.publicKey)).toBe(true);
    },
  );

  it("issues by an authority whose name another program has written, in any kind of string", async () => {
    const { BMPSTRING, PRINTABLESTRING, UTF8 } = forge.asn1.Type;
    const T61 = 20;
    const bmp = "\0Z\0\u{fc}\0r\0i\0c\0h";
    for (const [kind, value] of [
      [UTF8, "Z\u{fc}rich"],
      [PRINTABLESTRING, "Zurich"],
      [BMPSTRING, bmp],
      [T61, "Z\xfcrich"],
    ] as const) {
      const authority = withSubject(ca, [
        { name: "countryName", value: "CH" },
        { name: "commonName", value, valueTagClass: kind },
      ]);
      const issued = new X509Certificate((await issueNodeCertificate(authority, { name: "a" })).certificate);
      expect(issued.checkIssued(new X509Certificate(authority.certificate))).toBe(true);
    }
  });

  it("refuses an authority whose name would make peers reject its certificates", async () => {
    // Two attributes in one part: node-forge writes them as two parts.
    const attributes = [
      { name: "countryName", value: "CH" },
      { name: "commonName", value: "x" },
    ];
    const authority = withSubject(ca, attributes, ([first, second]) => {
      if (first === undefined || second === undefined) throw new Error("no two parts");
      return [{ ...first, value: [...(first.value as Asn1[]), ...(second.value as Asn1[])] }];
    });
    await expect(issueNodeCertificate(authority, { name: "a" })).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(/ca: no peer would accept .*name/),
    });
  });

  it("refuses an authority's name that no certificate can have", async () => {
    for (const name of ["", "half \ud800"])
      await expect(createClusterCa({ name })).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("refuses a name that no node has", async () => {
    for (const name of ["", "n".repeat(256), "ä".repeat(128), "half \ud800"])
      await expect(issueNodeCertificate(ca, { name })).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("refuses a certificate that is not an authority's, and a key that is not its own", async () => {
    const node = await issueNodeCertificate(ca, { name: "a" });
    for (const wrong of [node, { ...ca, key: node.key }, { ...ca, certificate: "no PEM" }, { ...ca, key: "no PEM" }])
      await expect(issueNodeCertificate(wrong, { name: "b" })).rejects.toMatchObject({ code: "invalid_argument" });
  });
});

type Asn1 = forge.asn1.Asn1;

/** The same authority by another name; `change` alters the parts of it. */
function withSubject(
  authority: CertificateAndKey,
  attributes: readonly object[],
  change: (parts: Asn1[]) => Asn1[] = (parts) => parts,
): CertificateAndKey {
  const certificate = forge.pki.certificateFromPem(authority.certificate);
  certificate.setSubject(attributes as forge.pki.CertificateField[]);
  certificate.setIssuer(attributes as forge.pki.CertificateField[]);
  certificate.sign(forge.pki.privateKeyFromPem(authority.key), forge.md.sha256.create());
  const whole = forge.pki.certificateToAsn1(certificate);
  const [signed] = whole.value as [Asn1];
  const subject = (signed.value as Asn1[])[5] as Asn1;
  subject.value = change(subject.value as Asn1[]);
  return { certificate: forge.pem.encode({ type: "CERTIFICATE", body: forge.asn1.toDer(whole).getBytes() }), key: authority.key };
}

describe("the URI of an identity", () => {
  it.each([
    { name: "a", label: "" },
    { name: "ä/ö:%", label: "x/y z" },
    { name: "\u{1f600}", label: "\u0000" },
  ])("survives the round trip: %j", (identity) => {
    expect(parseIdentityUri(identityUri(identity))).toEqual(identity);
  });

  it.each([
    "",
    "memberlist:",
    "memberlist:a",
    "memberlist:l/",
    "memberlist:l/a/b",
    "memberlist:l/%zz",
    "memberlist:l/%61",
    "http:l/a",
  ])("does not parse from %j", (uri) => {
    expect(parseIdentityUri(uri)).toBeUndefined();
  });

  it("maps to a server name that differs with the name and the label", async () => {
    const names = await Promise.all(
      [
        { name: "a", label: "" },
        { name: "b", label: "" },
        { name: "a", label: "b" },
        { name: "b", label: "a" },
      ].map(serverNameOf),
    );
    expect(new Set(names).size).toBe(4);
    for (const name of names) expect(name).toMatch(/^[0-9a-f]{32}\.[0-9a-f]{32}\.memberlist\.invalid$/);
  });
});

import { createClusterCa, issueNodeCertificate, type CertificateAndKey } from "@memberlist/core/certificates";
import type { Address } from "../src/index.ts";
import { silent } from "./support.ts";
import { QuicTransport, type QuicTransportOptions } from "../src/quic/quic-transport.ts";

export const ca: CertificateAndKey = await createClusterCa();
export const otherCa: CertificateAndKey = await createClusterCa();

const issued = new Map<string, Promise<CertificateAndKey>>();

/** A certificate of our authority; made once. */
export function certificateOf(name: string, label = ""): Promise<CertificateAndKey> {
  const key = JSON.stringify([name, label]);
  let certificate = issued.get(key);
  if (certificate === undefined) issued.set(key, (certificate = issueNodeCertificate(ca, { name, label })));
  return certificate;
}

/** A transport on loopback with a certificate of our authority. */
export async function start(
  name: string,
  { label, ...options }: Partial<QuicTransportOptions> & { label?: string } = {},
): Promise<QuicTransport> {
  const { certificate, key } = await certificateOf(name, label);
  return QuicTransport.create({
    bindAddr: "127.0.0.1",
    bindPort: 0,
    logger: silent,
    ca: ca.certificate,
    certificate,
    key,
    ...options,
  });
}

export function addressOf({ bindPort }: QuicTransport, name = ""): Address {
  return { host: "127.0.0.1", port: bindPort, name };
}

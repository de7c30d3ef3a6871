/** The DER of the first block of its kind in a PEM; empty where there is none. */
export function derOfPem(pem: string, kind: "CERTIFICATE" | "PRIVATE KEY"): Uint8Array {
  const [, base64 = ""] = new RegExp(`-----BEGIN ${kind}-----([\\s\\S]+?)-----END ${kind}-----`).exec(pem) ?? [];
  return Uint8Array.from(atob(base64.replaceAll(/\s/g, "")), (char) => char.charCodeAt(0));
}

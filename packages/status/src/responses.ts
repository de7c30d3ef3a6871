/** The headers of all responses. They forbid browsers to store, frame or sniff a response, or to load it into another site. */
const commonHeaders = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

export type Body = string | ReadableStream<Uint8Array>;

export function respond(
  status: number,
  contentType: string,
  body: Body,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(body, { status, headers: { ...commonHeaders, "content-type": contentType, ...headers } });
}

export function plainText(status: number, body: string, headers?: Readonly<Record<string, string>>): Response {
  return respond(status, "text/plain; charset=utf-8", body, headers);
}

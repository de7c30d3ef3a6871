import { MemberlistError, type ErrorCode } from "@memberlist/core";
import { errorMessage } from "@memberlist/core/internal";

/** The causes for refusing a peer: the code of our error, and the application error code of QUIC that the peer gets. */
const closeCodes: Readonly<Record<RefusalCode, number>> = {
  untrusted_peer: 0x101,
  wrong_peer: 0x102,
  label_mismatch: 0x103,
  certificate_expired: 0x104,
  not_authorized: 0x105,
  limit_exceeded: 0x106,
  timeout: 0x107,
};

type RefusalCode = Extract<
  ErrorCode,
  "untrusted_peer" | "wrong_peer" | "label_mismatch" | "certificate_expired" | "not_authorized" | "limit_exceeded" | "timeout"
>;

/** The longest reason that is sent to a peer, or taken from one. In characters. */
const reasonMax = 200;

export function refusal(code: RefusalCode, message: string, details: Readonly<Record<string, unknown>> = {}): MemberlistError {
  return new MemberlistError(code, message, { details });
}

/** The code and reason that close a connection. The peer gets them for a refusal only. */
export function closeInfoOf(error: unknown): Deno.QuicCloseInfo {
  const code = error instanceof MemberlistError && error.code in closeCodes ? (error.code as RefusalCode) : undefined;
  if (code === undefined) return { closeCode: 0, reason: "" };
  return { closeCode: closeCodes[code], reason: errorMessage(error).slice(0, reasonMax) };
}

/** The refusal by which a peer closed a connection; undefined when it closed it otherwise. */
export function refusalOf({ closeCode, reason }: Deno.QuicCloseInfo): MemberlistError | undefined {
  const code = (Object.keys(closeCodes) as RefusalCode[]).find((each) => closeCodes[each] === closeCode);
  if (code === undefined) return undefined;
  return refusal(code, `the peer refused this node: ${reason.slice(0, reasonMax)}`, { refusedBy: "peer" });
}

/**
 * The cause of a TLS failure, from the message of Deno's QUIC (rustls), which has no codes.
 *
 * @returns `wrong_peer` when the certificate is for another name; `certificate_expired`, also when it is not valid yet;
 *   `untrusted_peer` for everything else about the certificate; `dial_failed` when it was not about that
 */
export function tlsFailure(error: unknown): MemberlistError {
  const text = errorMessage(error);
  const failure = (code: ErrorCode, why: string): MemberlistError => new MemberlistError(code, why, { cause: error });
  if (!text.includes("invalid peer certificate")) return failure("dial_failed", text);
  if (text.includes("not valid for name")) return failure("wrong_peer", "its certificate is for another node");
  if (/expired|not valid yet|NotValidYet/i.test(text))
    return failure("certificate_expired", `its certificate is not valid now (${text})`);
  return failure("untrusted_peer", `its certificate is not signed by this cluster's authority (${text})`);
}

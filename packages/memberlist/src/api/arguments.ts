import { formatAddress, type Address } from "./address.ts";
import { MemberlistError } from "./errors.ts";
import { copyBytes } from "../wire/bytes.ts";
import { maxUserMsgBytes, metaMaxSize } from "../wire/constants.ts";

/** A copy, so that the caller cannot change published metadata. */
export function checkMeta(meta: Uint8Array): Uint8Array {
  checkBytes("metadata", meta);
  if (meta.length <= metaMaxSize) return copyBytes(meta);
  throw new MemberlistError(
    "meta_too_large",
    `metadata of ${meta.length} bytes exceeds the limit of ${metaMaxSize}: shorten it`,
    {
      details: { size: meta.length, limit: metaMaxSize },
    },
  );
}

export function checkUserMessage(message: Uint8Array): void {
  checkBytes("a message", message);
  if (message.length <= maxUserMsgBytes) return;
  throw new MemberlistError("message_too_large", `a message of ${message.length} bytes exceeds the limit of ${maxUserMsgBytes}`, {
    details: { size: message.length, limit: maxUserMsgBytes },
  });
}

/** Plain JavaScript has no types: a string would become as many zero bytes. */
export function checkBytes(what: string, bytes: unknown): void {
  if (bytes instanceof Uint8Array) return;
  throw new MemberlistError(
    "invalid_argument",
    `${what} must be a Uint8Array; it is ${bytes === null ? "null" : `a ${typeof bytes}`}`,
  );
}

/** @throws MemberlistError `node_name_required` for an address without a name, with `requireNodeNames` */
export function checkNodeName(to: Address, { requireNodeNames }: { readonly requireNodeNames: boolean }): void {
  if (to.name !== "" || !requireNodeNames) return;
  throw new MemberlistError(
    "node_name_required",
    `requireNodeNames is set: pass the node's name with its address, as name/${formatAddress(to)}`,
  );
}

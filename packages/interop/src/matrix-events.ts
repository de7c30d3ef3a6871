import { createHash } from "node:crypto";
import { toBase64, type PeerEvent } from "./peer-protocol.ts";

/** An event that says that a node is seen in a state. */
export function isState(name: string, state: "dead" | "left"): (event: PeerEvent) => boolean {
  return (event) => event.event === "state" && event.name === name && event.state === state;
}

/** The event that says that just these bytes have arrived. */
export function isMessage(bytes: Uint8Array): (event: PeerEvent) => boolean {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return (event) =>
    event.event === "message" &&
    event.size === bytes.length &&
    (event.payload === undefined ? event.sha256 === sha256 : event.payload === toBase64(bytes));
}

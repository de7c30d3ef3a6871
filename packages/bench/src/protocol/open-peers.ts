import { GoWirePeers } from "./go-wire-peers.ts";
import type { Kind, Programs } from "./member.ts";
import type { Peers } from "./peers.ts";
import { RustPeers } from "./rust-peers.ts";

/** Opens peers in the wire form of that kind of member. */
export function openPeers(programs: Programs, kind: Kind, size: number): Promise<Peers> {
  if (kind !== "rust") return GoWirePeers.open(size);
  const command = programs.get("rust");
  if (command === undefined) throw new RangeError("rust does not take part");
  return RustPeers.open(command, size);
}

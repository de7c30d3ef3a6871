import { canonicalIp } from "../api/address.ts";
import type { ResolvedConfig } from "../config/config.ts";
import { errorMessage, MemberlistError } from "../api/errors.ts";
import type { AdvertisedAddress, Transport } from "../ports/transport.ts";
import type { PendingOperations } from "./pending-operations.ts";

/**
 * The current value of `advertiseAddr`: a literal IP, or "" if the transport chooses.
 *
 * @param operations end the wait at shutdown
 * @throws MemberlistError `advertise_address_failed` where the function fails, gives something else than a string, or takes longer than `tcpTimeout`
 */
export async function askAdvertiseAddr(
  { advertiseAddr, tcpTimeout }: ResolvedConfig,
  operations: PendingOperations,
): Promise<string> {
  if (typeof advertiseAddr === "string") return advertiseAddr;
  try {
    const addr = await operations.run<unknown>({ what: "it", timeout: tcpTimeout }, (resolve, reject) => {
      Promise.resolve().then(advertiseAddr).then(resolve, reject);
    });
    if (typeof addr !== "string") throw new Error(`it returned something else than a string: ${typeof addr}`);
    return addr;
  } catch (error) {
    throw new MemberlistError("advertise_address_failed", `the function advertiseAddr failed: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

/**
 * Asks the transport for its address, and returns it in canonical form.
 *
 * @param addr the value of `advertiseAddr`
 * @throws MemberlistError `advertise_address_failed`
 */
export async function finalAdvertiseAddr(transport: Transport, addr: string, advertisePort: number): Promise<AdvertisedAddress> {
  const chosen = await transport.finalAdvertiseAddr(addr, advertisePort);
  const ip = canonicalIp(chosen.addr);
  if (ip === undefined || chosen.port < 1 || chosen.port > 65_535) {
    throw new MemberlistError(
      "advertise_address_failed",
      `the transport's finalAdvertiseAddr returned ${chosen.addr} port ${chosen.port}; it must return a literal IP and a port`,
      { details: { addr: chosen.addr, port: chosen.port } },
    );
  }
  if (ip.includes("%")) {
    // The wire has no zones: the node's own address from other members would differ from the one that it knows.
    const message = `the address to advertise, ${ip}, has a zone, which means nothing on other machines: set bindAddr (or MEMBERLIST_BIND) to an address without a zone, or advertiseAddr (or MEMBERLIST_ADVERTISE) to one that others can reach`;
    throw new MemberlistError("advertise_address_failed", message, { details: { addr: ip, field: "bindAddr" } });
  }
  return { addr: ip, port: chosen.port };
}

import { canonicalIp } from "../api/address.ts";
import type { ResolvedConfig } from "../config/config.ts";
import { errorMessage, MemberlistError } from "../api/errors.ts";
import type { ClockTimer } from "../ports/clock.ts";
import type { AdvertisedAddress, Transport } from "../ports/transport.ts";

/**
 * What `advertiseAddr` is now: the literal IP, or "" where the transport chooses.
 *
 * @throws MemberlistError `advertise_address_failed` where the function fails, gives something else than a string, or takes longer than `tcpTimeout`
 */
export async function askAdvertiseAddr({ advertiseAddr, clock, tcpTimeout }: ResolvedConfig): Promise<string> {
  if (typeof advertiseAddr === "string") return advertiseAddr;
  let timer: ClockTimer;
  const tooLate = new Promise<never>((_, reject) => {
    timer = clock.setTimeout(() => reject(new Error(`it took longer than ${tcpTimeout} ms`)), tcpTimeout);
  });
  try {
    const addr: unknown = await Promise.race([Promise.resolve().then(advertiseAddr), tooLate]);
    if (typeof addr !== "string") throw new Error(`it returned something else than a string: ${typeof addr}`);
    return addr;
  } catch (error) {
    throw new MemberlistError("advertise_address_failed", `the function advertiseAddr failed: ${errorMessage(error)}`, {
      cause: error,
    });
  } finally {
    clock.clearTimeout(timer);
  }
}

/**
 * Asks the transport, and brings the answer into the one form that addresses are compared in.
 *
 * @param addr what `advertiseAddr` is
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
    // The wire has no zones: what came back of our own address would not be the address that we know.
    const message = `the address to advertise, ${ip}, has a zone, which means nothing on other machines: set bindAddr to an address without a zone, or advertiseAddr to one that others can reach`;
    throw new MemberlistError("advertise_address_failed", message, { details: { addr: ip, field: "bindAddr" } });
  }
  return { addr: ip, port: chosen.port };
}

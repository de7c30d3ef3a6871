import { MemberlistError } from "@memberlist/core";
import { defaultRoute, type HostInterfaces } from "@memberlist/core/internal";

const routes = "/proc/net/route";

/** The machine's real interfaces. Permissions are looked at, never asked for: a question would hold the program up. */
export const thisMachine: HostInterfaces = {
  list() {
    if (Deno.permissions.querySync({ name: "sys", kind: "networkInterfaces" }).state !== "granted") {
      const why =
        "bound to a wildcard: finding a private address to advertise needs --allow-sys=networkInterfaces, or set advertiseAddr";
      throw new MemberlistError("advertise_address_failed", why, { details: { candidates: [] } });
    }
    const byName: Record<string, { address: string; internal: boolean }[]> = {};
    // Which of them are loopback is seen by their addresses.
    for (const { name, address } of Deno.networkInterfaces()) (byName[name] ??= []).push({ address, internal: false });
    return byName;
  },
  async defaultInterface() {
    try {
      const { state } = await Deno.permissions.query({ name: "read", path: routes });
      return state === "granted" ? defaultRoute(await Deno.readTextFile(routes)) : undefined;
    } catch {
      // Not Linux: the order of the interfaces decides.
      return undefined;
    }
  },
};

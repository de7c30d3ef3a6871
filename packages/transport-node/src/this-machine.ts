import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { defaultRoute, type HostInterfaces } from "@memberlist/core/internal";

/** The machine's real interfaces. */
export const thisMachine: HostInterfaces = {
  list: networkInterfaces,
  async defaultInterface() {
    try {
      return defaultRoute(await readFile("/proc/net/route", "utf8"));
    } catch {
      // Not Linux, or not readable: the order of the interfaces decides.
      return undefined;
    }
  },
};

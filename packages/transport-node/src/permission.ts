import { MemberlistError } from "@memberlist/core";

/**
 * That this process may use the network, where Node's permission model knows about it (Node 25 and later). Asked before anything is bound: listening
 * without it throws in a callback of Node's own, where nobody can catch it.
 *
 * @throws MemberlistError `bind_failed`
 */
export function requireNetwork(): void {
  const { permission, allowedNodeEnvironmentFlags } = process;
  if (permission === undefined || !allowedNodeEnvironmentFlags.has("--allow-net") || permission.has("net")) return;
  throw new MemberlistError(
    "bind_failed",
    "Node's permission model denies the network to this process: start Node with --allow-net",
    {
      details: { errno: "ERR_ACCESS_DENIED", flag: "--allow-net" },
    },
  );
}

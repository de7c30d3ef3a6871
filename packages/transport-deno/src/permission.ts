import { MemberlistError } from "@memberlist/core";

/**
 * That Deno has the unstable part of its network that UDP and QUIC need.
 *
 * @throws MemberlistError `bind_failed`
 */
export function requireUnstableNet(): void {
  if (typeof Deno.listenDatagram === "function") return;
  throw new MemberlistError(
    "bind_failed",
    "UDP and QUIC are unstable in Deno: start Deno with --unstable-net (or use streamOnly)",
    {
      details: { flag: "--unstable-net" },
    },
  );
}

/**
 * That Deno may use a file. It is looked at, never asked for: a question would hold the program up.
 *
 * @throws Error that names the missing permission
 */
export async function requireFile(path: string, ...names: readonly ("read" | "write")[]): Promise<void> {
  for (const name of names) {
    const { state } = await Deno.permissions.query({ name, path });
    if (state !== "granted") throw new Error(`no permission to ${name} ${path}: it needs --allow-${name}=${path}`);
  }
}

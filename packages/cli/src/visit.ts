import { lanConfig, type Node } from "@memberlist/core";
import { encryptionOf, PacketVisitor, resolveConfig } from "@memberlist/core/internal";
import type { Address } from "@memberlist/core/transport";
import type { ClusterAccess } from "./cluster-options.ts";
import type { BoundTransport, Runtime } from "./runtime.ts";

/** A pinger and its transport. */
export interface Visit {
  readonly pinger: PacketVisitor;
  readonly transport: BoundTransport;
}

/** Opens sockets for pings to these hosts (literal IPs), calls `use`, and closes the sockets. */
export async function visiting<T>(
  hosts: readonly string[],
  { keyring, label }: ClusterAccess,
  runtime: Runtime,
  use: (visit: Visit) => Promise<T>,
): Promise<T> {
  const transport = await runtime.bind(hosts.some((host) => host.includes(":")) ? "::" : "0.0.0.0");
  try {
    const config = resolveConfig({ ...lanConfig(), name: "visitor", keyring, label });
    const pinger = new PacketVisitor({ config, transport, encryption: await encryptionOf(config, transport.crypto) });
    return await use({ pinger, transport });
  } finally {
    await transport.shutdown();
  }
}

export function addressOf({ addr, port, name }: Node): Address {
  return { host: addr, port, name };
}

/** Returns the alive and suspect members, sorted by name. */
export function presentMembers(nodes: readonly Node[]): readonly Node[] {
  return nodes
    .filter(({ state }) => state === "alive" || state === "suspect")
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

import { metaMaxSize, type Memberlist, type Node } from "@memberlist/core";
import { print, runMember } from "./member.ts";
import type { Runtime } from "./runtime.ts";

/** What a node offers: the name of a service, and its port. */
type Services = Readonly<Record<string, number>>;

/**
 * A service registry without a server: each node's metadata says what it offers, gossip takes that to all others, and what a
 * dead node offered goes with it. Lines on stdin change what this node offers: `web=8080`, or `-web`.
 *
 * Metadata has room for 512 bytes, and a look-up is local: it may be late by some gossip rounds.
 */
export async function registry(runtime: Runtime): Promise<void> {
  const initial = (given: readonly string[]): Services => given.reduce<Services>(change, {});
  await runMember(
    runtime,
    ({ services }) => ({ meta: encode(initial(services)) }),
    async ({ members, events, options }) => {
      const commands = obey(runtime, members, initial(options.services));
      let shown = "";
      const show = (): void => {
        const text = table(members.members());
        if (text !== shown) print(text);
        shown = text;
      };
      show();
      for await (const _ of events) show();
      await commands;
    },
  );
}

async function obey(runtime: Runtime, members: Memberlist, initial: Services): Promise<void> {
  let own = initial;
  for await (const line of runtime.lines()) {
    try {
      const next = change(own, line.trim());
      await members.updateNode({ meta: encode(next), signal: runtime.stop });
      own = next;
    } catch (error) {
      print(String(error));
    }
  }
}

/** @throws TypeError for what is neither `name=port` nor `-name` */
function change(services: Services, command: string): Services {
  const [, removed, name = "", port] = /^(?:-([\w-]+)|(\w[\w-]*)=(\d{1,5}))$/.exec(command) ?? [];
  if (removed !== undefined) return Object.fromEntries(Object.entries(services).filter(([key]) => key !== removed));
  if (port === undefined) throw new TypeError(`"${command}" is neither name=port nor -name`);
  return { ...services, [name]: Number(port) };
}

function encode(services: Services): Uint8Array {
  const meta = new TextEncoder().encode(JSON.stringify({ services }));
  if (meta.length > metaMaxSize) throw new RangeError(`${meta.length} bytes of metadata, there is room for ${metaMaxSize}`);
  return meta;
}

/** What a node offers; nothing for one whose metadata means something else. */
function servicesOf({ meta }: Node): [string, number][] {
  try {
    const { services } = JSON.parse(new TextDecoder().decode(meta)) as { services: object };
    return Object.entries(services).filter((entry): entry is [string, number] => Number.isInteger(entry[1]));
  } catch {
    return [];
  }
}

/** A line for each service: where it is, and on which node. */
function table(nodes: readonly Node[]): string {
  const places = new Map<string, string[]>();
  for (const node of nodes) {
    for (const [service, port] of servicesOf(node)) {
      const host = node.addr.includes(":") ? `[${node.addr}]` : node.addr;
      places.set(service, [...(places.get(service) ?? []), `${host}:${port} (${node.name})`]);
    }
  }
  const lines = [...places].map(([service, at]) => `${service}: ${at.sort().join(", ")}`);
  return lines.length === 0 ? "no services" : lines.sort().join("\n");
}

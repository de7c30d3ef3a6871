import { parseArgs } from "node:util"; // Deno and Bun have it, too

export interface Options {
  readonly help: boolean;
  readonly name: string;
  readonly bindAddr: string;
  readonly bindPort: number;
  readonly seeds: readonly string[];
  /** For the registry: `name=port` of what this node offers. */
  readonly services: readonly string[];
}

export const usage: string = `  --name NAME          unique in the cluster (default: a random one)
  --bind ADDRESS       where to listen (default 127.0.0.1)
  --port PORT          where to listen (default 0, a free port)
  --join HOST:PORT     a member of the cluster to join; may be given again
  --service NAME=PORT  (registry) what this node offers; may be given again
  --help               this text`;

/** @throws TypeError with what is wrong with the command line */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      name: { type: "string", default: `node-${crypto.randomUUID().slice(0, 8)}` },
      bind: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "0" },
      join: { type: "string", multiple: true, default: [] },
      service: { type: "string", multiple: true, default: [] },
      help: { type: "boolean", default: false },
    },
  });
  return {
    help: values.help,
    name: values.name,
    bindAddr: values.bind,
    bindPort: Number(values.port),
    seeds: values.join,
    services: values.service,
  };
}

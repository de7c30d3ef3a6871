import { fileURLToPath } from "node:url";
import { fetchRuntime } from "@memberlist/interop";
import { buildGoNode } from "../go-node.ts";
import { buildRustNode } from "../rust-node.ts";

export const runtimeNames = ["node", "deno", "bun", "go", "rust", "rust-threads", "dgram", "dgram-unconnected"] as const;
export type RuntimeName = (typeof runtimeNames)[number];

/** Bare sockets: no member. */
export function isBare(name: RuntimeName): boolean {
  return name === "dgram" || name === "dgram-unconnected";
}

/** The Rust crate, whose wire form is its own: on one thread, and on two. */
export function isRust(name: RuntimeName): boolean {
  return name === "rust" || name === "rust-threads";
}

export interface Runtime {
  readonly name: RuntimeName;
  /** Program and arguments of one node. */
  readonly command: readonly [string, ...string[]];
  /** How many of its senders at once are tried. */
  readonly senders: readonly number[];
}

/** This file's code runs from `bin/`, next to the nodes' programs. */
const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/**
 * The contenders that run on this machine; npm fetches Deno and Bun once, as for `pnpm matrix`. CI needs all but the Rust crate, which it does not build.
 *
 * @param report gets one line for what is fetched, or for what does not take part
 */
export async function runtimes(report: (line: string) => void): Promise<readonly Runtime[]> {
  const one = [1];
  const deno = await findOrFetch("deno", report);
  const bun = await findOrFetch("bun", report);
  const go = await buildGoNode();
  const rust = await buildRustNode(report);
  const memberProgram = [program("node-program.mjs"), "memberlist"] as const;
  return [
    { name: "node", command: [process.execPath, ...memberProgram], senders: one },
    ...(deno === undefined
      ? []
      : [
          {
            name: "deno" as const,
            command: [deno, "run", "--no-config", "--allow-all", "--unstable-net", program("deno-program.mjs")] as const,
            senders: one,
          },
        ]),
    ...(bun === undefined ? [] : [{ name: "bun" as const, command: [bun, ...memberProgram] as const, senders: one }]),
    ...(go === undefined ? [] : [{ name: "go" as const, command: [go] as const, senders: [1, 2, 4] }]),
    ...(rust === undefined
      ? []
      : [
          { name: "rust" as const, command: [rust, "1"] as const, senders: one },
          { name: "rust-threads" as const, command: [rust, "2"] as const, senders: [1, 2] },
        ]),
    ...(["dgram", "dgram-unconnected"] as const).map((name): Runtime => ({
      name,
      command: [process.execPath, program("node-program.mjs"), name],
      senders: one,
    })),
  ];
}

/** Undefined if npm cannot fetch it, after a line for `report`; in CI that is an error. */
export async function findOrFetch(id: "deno" | "bun", report: (line: string) => void): Promise<string | undefined> {
  try {
    return await fetchRuntime(id, report);
  } catch (error) {
    if (process.env["CI"]) throw error;
    report(`${id}: skipped, ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`);
    return undefined;
  }
}

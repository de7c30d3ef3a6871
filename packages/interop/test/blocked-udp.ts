import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const ip = (...args: readonly string[]): Promise<unknown> => run("ip", args);

/** Of the two networks and of their link. */
const device = "v0";
const hosts = ["10.77.0.1", "10.77.0.2"] as const;
let lastNumber = 0;

/** A network namespace of ours. */
export interface Side {
  readonly host: string;
  /** What to put before a program, so that it runs in there. */
  readonly enter: readonly string[];
}

/** Why {@link BlockedUdp} cannot be had here; undefined where it can. */
export function whyNoNamespaces(): string | undefined {
  if (process.platform !== "linux") return "there are no network namespaces";
  if (process.getuid?.() !== 0) return "making a network namespace needs root";
  try {
    execFileSync("ip", ["-Version"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "there is no ip (iproute2)";
  }
}

/** Two network namespaces with a link between them, over which TCP passes, and UDP is dropped on arrival without a word. */
export class BlockedUdp implements AsyncDisposable {
  readonly left: Side;
  readonly right: Side;
  readonly #names: readonly [string, string];

  private constructor(names: readonly [string, string]) {
    this.#names = names;
    this.left = side(names[0], hosts[0]);
    this.right = side(names[1], hosts[1]);
  }

  static async open(): Promise<BlockedUdp> {
    const id = `memberlist-${process.pid}-${++lastNumber}`;
    const names = [`${id}-a`, `${id}-b`] as const;
    const made = new BlockedUdp(names);
    try {
      for (const name of names) await ip("netns", "add", name);
      await ip("link", "add", device, "netns", names[0], "type", "veth", "peer", "name", device, "netns", names[1]);
      for (const [i, name] of names.entries()) {
        await ip("-n", name, "addr", "add", `${hosts[i]}/24`, "dev", device);
        await ip("-n", name, "link", "set", "lo", "up");
        await ip("-n", name, "link", "set", device, "up");
        // Rules are asked in order: what came in by the link is dropped before the table of local addresses is looked at.
        await ip("-n", name, "rule", "add", "pref", "1", "iif", device, "ipproto", "udp", "blackhole");
        await ip("-n", name, "rule", "add", "pref", "100", "lookup", "local");
        await ip("-n", name, "rule", "del", "pref", "0");
      }
      return made;
    } catch (error) {
      await made[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#names) await ip("netns", "del", name).catch(() => undefined);
  }
}

function side(name: string, host: string): Side {
  return { host, enter: ["ip", "netns", "exec", name] };
}

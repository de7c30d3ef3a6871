import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";
import { until } from "../src/until.ts";

const run = promisify(execFile);
const ip = (...args: readonly string[]): Promise<unknown> => run("ip", args);

/** Of the two networks and of their link. */
const device = "v0";
let lastNumber = 0;

/** A network namespace of ours. */
export interface Side {
  readonly name: string;
  /** Its first address. */
  readonly host: string;
  /** What to put before a program, so that it runs in there. */
  readonly enter: readonly string[];
}

/** Why {@link LinkedNamespaces} cannot be had here; undefined where they can. */
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

/** Two network namespaces with a link between them. What passes over it is up to the test. */
export class LinkedNamespaces implements AsyncDisposable {
  readonly left: Side;
  readonly right: Side;

  private constructor(id: string) {
    this.left = side(`${id}-a`, 1);
    this.right = side(`${id}-b`, 2);
  }

  static async open(): Promise<LinkedNamespaces> {
    const made = new LinkedNamespaces(`memberlist-${process.pid}-${++lastNumber}`);
    const { left, right } = made;
    try {
      for (const { name } of made.#sides) await ip("netns", "add", name);
      await ip("link", "add", device, "netns", left.name, "type", "veth", "peer", "name", device, "netns", right.name);
      for (const { name, host } of made.#sides) {
        await addAddress(name, host);
        await ip("-n", name, "link", "set", "lo", "up");
        await ip("-n", name, "link", "set", device, "up");
        // Rules are asked in order: one that drops what came in by the link comes before the table of local addresses.
        await ip("-n", name, "rule", "add", "pref", "100", "lookup", "local");
        await ip("-n", name, "rule", "del", "pref", "0");
      }
      for (const { name } of made.#sides) await until(() => isUp(name), { what: `the link of ${name} is up`, timeout: 10_000 });
      return made;
    } catch (error) {
      await made[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** One more address, the `n`th from 2 to 120. */
  async host(of: Side, n: number): Promise<string> {
    const host = hostOf(of === this.left ? 1 : 2, n);
    await addAddress(of.name, host);
    return host;
  }

  /** Takes the first address of a side away, and gives it another one in its place, as DHCP does. */
  async change(of: Side, n: number): Promise<string> {
    await ip("-n", of.name, "addr", "del", `${of.host}/24`, "dev", device);
    return this.host(of, n);
  }

  /** From now on what comes in over the link is dropped without a word, in both directions: all of it, or what `what` (of `ip rule`) fits. */
  async drop(...what: readonly string[]): Promise<void> {
    for (const { name } of this.#sides) await ip("-n", name, "rule", "add", "pref", "1", "iif", device, ...what, "blackhole");
  }

  /** What comes in at one side and fits `what` (of `ip rule`) is dropped from now on. */
  async dropAt(at: Side, ...what: readonly string[]): Promise<void> {
    await ip("-n", at.name, "rule", "add", "pref", "2", "iif", device, ...what, "blackhole");
  }

  /** Takes one {@link dropAt} of a side back. */
  async passAt(at: Side): Promise<void> {
    await ip("-n", at.name, "rule", "del", "pref", "2");
  }

  /** Packets to one side that are longer than this vanish without a word: nobody sends an ICMP message. */
  async swallowLonger(at: Side, mtu: number): Promise<void> {
    await ip("-n", at.name, "link", "set", device, "mtu", String(mtu));
  }

  /** Takes {@link drop} back. */
  async pass(): Promise<void> {
    for (const { name } of this.#sides) await ip("-n", name, "rule", "del", "pref", "1");
  }

  /** What runs in them must have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { name } of this.#sides) await ip("netns", "del", name).catch(() => undefined);
  }

  get #sides(): readonly Side[] {
    return [this.left, this.right];
  }
}

function side(name: string, number: number): Side {
  return { name, host: hostOf(number, 1), enter: ["ip", "netns", "exec", name] };
}

function hostOf(number: number, n: number): string {
  return `10.77.0.${2 * n + number - 2}`;
}

/** A link comes up a moment after it was set up; until then a process does not see its addresses. */
async function isUp(name: string): Promise<boolean> {
  const { stdout } = await run("ip", ["-n", name, "-br", "link", "show", "dev", device]);
  return stdout.includes("LOWER_UP") && / UP /.test(stdout);
}

function addAddress(name: string, host: string): Promise<unknown> {
  return ip("-n", name, "addr", "add", `${host}/24`, "dev", device);
}

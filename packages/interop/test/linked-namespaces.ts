import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";
import { afterEach, beforeEach } from "vitest";
import { until } from "../src/until.ts";
import type { Cluster } from "./support.ts";

const run = promisify(execFile);
const ip = (...args: readonly string[]): Promise<unknown> => run("ip", args);

/** The name of the link's end in both namespaces. */
const device = "v0";
let lastNumber = 0;

/** A network namespace. */
export interface Side {
  readonly name: string;
  /** Its first address. */
  readonly host: string;
  /** The words before a command that run it in this namespace. */
  readonly enter: readonly string[];
}

/** Whether this process can make network namespaces. If not, prints the cause and the tests that are skipped. */
export function canUseNamespaces(skipped: string): boolean {
  const obstacle = findObstacle();
  if (obstacle !== undefined) process.stdout.write(`interop: ${obstacle}; skipped: ${skipped}\n`);
  return obstacle === undefined;
}

function findObstacle(): string | undefined {
  if (process.platform !== "linux") return "only Linux has network namespaces";
  if (process.getuid?.() !== 0) return "only root can make a network namespace";
  try {
    execFileSync("ip", ["-Version"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "the command ip (iproute2) is not installed";
  }
}

/** Opens two namespaces before each test of the suite, and passes them to `use`. After the test it ends the processes of the cluster, then deletes the namespaces. */
export function useNamespaces(cluster: Cluster, use: (network: LinkedNamespaces) => Promise<void> | void): void {
  let network: LinkedNamespaces | undefined;
  beforeEach(async () => {
    network = await LinkedNamespaces.open();
    await use(network);
  });
  afterEach(async () => {
    await cluster.stop();
    await network?.[Symbol.asyncDispose]();
    network = undefined;
  });
}

/** Two network namespaces with a link between them. The test decides which packets pass. */
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
        // The kernel asks rules in order: a rule that drops packets of the link has to come before the table of local addresses.
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

  /** Adds the `n`th address, from 2 to 120. */
  async host(of: Side, n: number): Promise<string> {
    const host = hostOf(of === this.left ? 1 : 2, n);
    await addAddress(of.name, host);
    return host;
  }

  /** Replaces the first address of a side by another one, as DHCP does. */
  async change(of: Side, n: number): Promise<string> {
    await ip("-n", of.name, "addr", "del", `${of.host}/24`, "dev", device);
    return this.host(of, n);
  }

  /** Drops packets silently in both directions: all packets, or those that match a selector of `ip rule`. */
  async drop(...selector: readonly string[]): Promise<void> {
    for (const side of this.#sides) await this.dropAt(side, ...selector);
  }

  /** Drops packets silently where they arrive at one side: all packets, or those that match a selector of `ip rule`. */
  async dropAt(at: Side, ...selector: readonly string[]): Promise<void> {
    await ip("-n", at.name, "rule", "add", "pref", "1", "iif", device, ...selector, "blackhole");
  }

  /** Undoes {@link drop}. */
  async pass(): Promise<void> {
    for (const side of this.#sides) await this.passAt(side);
  }

  /** Undoes one {@link dropAt}. */
  async passAt(at: Side): Promise<void> {
    await ip("-n", at.name, "rule", "del", "pref", "1");
  }

  /** Drops packets to one side that are longer than the MTU, without an ICMP message. */
  async dropLonger(at: Side, mtu: number): Promise<void> {
    await ip("-n", at.name, "link", "set", device, "mtu", String(mtu));
  }

  /** The processes in both must have ended. */
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

/** A link comes up a moment after `set up`; until then a process does not see its addresses. */
async function isUp(name: string): Promise<boolean> {
  const { stdout } = await run("ip", ["-n", name, "-br", "link", "show", "dev", device]);
  return stdout.includes("LOWER_UP") && / UP /.test(stdout);
}

function addAddress(name: string, host: string): Promise<unknown> {
  return ip("-n", name, "addr", "add", `${host}/24`, "dev", device);
}

import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { buildNodeProgram } from "../src/node-toolchain.ts";
import { until } from "../src/until.ts";

const run = promisify(execFile);
const ip = (...args: readonly string[]): Promise<unknown> => run("ip", args);

/** The address of the name server, in the namespace that links the pods. */
const nameServer = "10.78.0.1";
const domain = "shop.svc.cluster.local";
const service = "shop-gossip";
/** Gives a pod its own resolv.conf, as the kubelet does. */
const enterScript = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';

let lastNetwork = 0;

/** A namespace with an address of its own, which no pod had before. */
export interface Pod {
  readonly namespace: string;
  readonly address: string;
}

/** Network namespaces that play the pods of a Kubernetes cluster: each has one address, and the names come from a headless service that lists them. */
export class PodNetwork implements AsyncDisposable {
  /** The full name of the headless service; pods also find it as `shop-gossip`. */
  readonly service: string = `${service}.${domain}`;
  readonly #id = `memberlist-pods-${process.pid}-${++lastNetwork}`;
  readonly #pods: Map<string, Pod> = new Map();
  readonly #folder: string;
  #server: ChildProcess | undefined;
  #answers = 0;
  #lastPod = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(): Promise<PodNetwork> {
    const made = new PodNetwork(await mkdtemp(join(tmpdir(), "memberlist-pods-")));
    try {
      await made.#open();
      return made;
    } catch (error) {
      await made[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The words before a command that run it in a pod. */
  enter({ namespace }: Pod): readonly string[] {
    return ["ip", "netns", "exec", namespace, "sh", "-c", enterScript, this.#resolvConf];
  }

  /** A new pod, which the service lists at once: `publishNotReadyAddresses`. */
  async add(): Promise<Pod> {
    const number = ++this.#lastPod;
    const pod: Pod = { namespace: `${this.#id}-${number}`, address: `10.78.${1 + (number >> 8)}.${number & 255}` };
    const link = `p${number}`;
    await ip("netns", "add", pod.namespace);
    this.#pods.set(pod.namespace, pod);
    await ip("link", "add", "eth0", "netns", pod.namespace, "type", "veth", "peer", "name", link, "netns", this.#id);
    await ip("-n", this.#id, "link", "set", link, "master", "br0", "up");
    await ip("-n", pod.namespace, "addr", "add", `${pod.address}/16`, "dev", "eth0");
    await ip("-n", pod.namespace, "link", "set", "lo", "up");
    await ip("-n", pod.namespace, "link", "set", "eth0", "up");
    await ip("-n", pod.namespace, "route", "add", "default", "via", nameServer);
    await this.#publish();
    return pod;
  }

  /** Deletes a pod whose processes have ended, so that packets to its address get no answer. */
  async remove({ namespace }: Pod): Promise<void> {
    this.#pods.delete(namespace);
    await this.#publish();
    await ip("netns", "del", namespace);
  }

  /** The processes in the pods must have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    const server = this.#server;
    if (server !== undefined && server.exitCode === null) {
      const ended = new Promise((resolve) => server.once("close", resolve));
      server.kill();
      await ended;
    }
    for (const namespace of [...this.#pods.keys(), this.#id]) await ip("netns", "del", namespace).catch(() => undefined);
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #resolvConf(): string {
    return join(this.#folder, "resolv.conf");
  }

  async #open(): Promise<void> {
    await writeFile(
      this.#resolvConf,
      `nameserver ${nameServer}\nsearch ${domain} svc.cluster.local cluster.local\noptions ndots:5\n`,
    );
    await ip("netns", "add", this.#id);
    await ip("-n", this.#id, "link", "add", "br0", "type", "bridge");
    await ip("-n", this.#id, "addr", "add", `${nameServer}/16`, "dev", "br0");
    await ip("-n", this.#id, "link", "set", "lo", "up");
    await ip("-n", this.#id, "link", "set", "br0", "up");
    const program = await buildNodeProgram("headless-service");
    const command = ["netns", "exec", this.#id, process.execPath, program, nameServer, this.service];
    this.#server = spawn("ip", command, { stdio: ["pipe", "pipe", "inherit"] });
    this.#server.stdout?.on("data", (text: Buffer) => (this.#answers += text.toString().split("\n").length - 1));
    await until(() => this.#answers > 0, { what: "the name server runs" });
  }

  /** Sends the addresses of all pods to the name server, and waits until it has them. */
  async #publish(): Promise<void> {
    const before = this.#answers;
    this.#server?.stdin?.write(`${JSON.stringify([...this.#pods.values()].map(({ address }) => address))}\n`);
    await until(() => this.#answers > before, { what: "the name server has the pods' addresses" });
  }
}

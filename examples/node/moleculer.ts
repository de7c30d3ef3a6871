// npx -y pnpm@12 example moleculer
import process from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import type { Channel } from "@memberlist/core";
import { createMemberlist, decodeKey, generateKey, lanConfig } from "@memberlist/transport-node";
import { Discoverers, ServiceBroker, Transporters } from "moleculer";

// Moleculer brokers that find and call each other without Redis, NATS or etcd: the members of the cluster are the nodes, and a channel carries
// Moleculer's packets. Type a name: one of the nodes, in turn, answers.

process.on("uncaughtException", (error) => {
  for (const line of String(error).split("\n")) console.log(line); // not the stack
  process.exit(1);
});
const { values } = parseArgs({
  options: {
    name: { type: "string", default: `node-${crypto.randomUUID().slice(0, 8)}` }, // unique in the cluster
    bind: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "0" }, // 0: a free port
    join: { type: "string", multiple: true, default: [] }, // host:port of any member
    key: { type: "string", default: generateKey() }, // the first member makes one, the others get it
  },
});
const stop = new AbortController();
process.once("SIGINT", () => stop.abort()).once("SIGTERM", () => stop.abort());

const members = await createMemberlist({
  ...lanConfig(),
  name: values.name,
  label: "example",
  secretKey: decodeKey(values.key),
  bindAddr: values.bind,
  bindPort: Number(values.port),
});

interface Packet {
  readonly type: string;
  /** A node; to all others without one. */
  readonly target?: string | null;
}

/** Sends the type of a packet, a line feed, and the packet as the broker's serializer has encoded it. */
class MemberlistTransporter extends Transporters.Base {
  #channel: Channel | undefined;

  override connect(): Promise<void> {
    this.#channel = members.channel("moleculer", {
      onMessage: (message) => {
        const end = message.indexOf(10);
        const type = Buffer.from(message.subarray(0, end)).toString();
        Promise.resolve(this.receive(type, Buffer.from(message.subarray(end + 1)))).catch(report);
      },
    });
    return this.onConnected();
  }

  override disconnect(): Promise<void> {
    this.#channel?.close();
    return Promise.resolve();
  }

  /** The channel gives this node all packets for it. */
  override subscribe(): Promise<void> {
    return Promise.resolve();
  }

  override async send(_topic: string, data: Buffer, { packet }: { packet: Packet }): Promise<void> {
    const message = Buffer.concat([Buffer.from(`${packet.type}\n`), data]);
    if (packet.target) return this.#channel?.sendReliable(packet.target, message);
    // A node that fails meanwhile misses the packet. After its restart it asks again.
    await Promise.allSettled(others().map(async (name) => this.#channel?.sendReliable(name, message)));
  }
}

/** Takes joins, leaves and failures from the cluster, in place of Moleculer's heartbeats. */
class MemberlistDiscoverer extends Discoverers.Base {
  override init(...args: Parameters<Discoverers.Base["init"]>): void {
    super.init(...args);
    this.disableHeartbeat();
    this.#follow().catch(report);
  }

  override async discoverNode(name: string): Promise<void> {
    await this.transit?.discoverNode(name);
  }

  override async discoverAllNodes(): Promise<void> {
    await Promise.all(others().map((name) => this.discoverNode(name)));
  }

  override async sendLocalNodeInfo(name?: string): Promise<void> {
    await this.transit?.sendNodeInfo(broker.getLocalNodeInfo(), name);
  }

  async #follow(): Promise<void> {
    for await (const event of members.events({ signal: stop.signal })) {
      if (event.type === "join") this.discoverNode(event.node.name).catch(report);
      if (event.type === "leave") this.remoteNodeDisconnected(event.node.name, event.cause.code !== "left");
    }
  }
}

const broker = new ServiceBroker({
  nodeID: values.name,
  logger: false,
  transporter: new MemberlistTransporter(),
  registry: { discoverer: new MemberlistDiscoverer(), preferLocal: false },
});
broker.createService({
  name: "greeter",
  actions: { hello: (context: { params: { name: string } }) => `hello ${context.params.name}, from ${values.name}` },
  events: { "$node.connected": ({ node }: { node: { id: string } }) => print(`${node.id} answers, too`) },
});
try {
  await broker.start();
  print(`${values.name} is running. Others: --join ${members.toJSON().address} --key ${values.key}`);
  if (values.join.length > 0) await members.join(values.join, { signal: stop.signal });
  for await (const name of createInterface({ input: process.stdin, signal: stop.signal })) {
    print(await broker.call<string, { name: string }>("greeter.hello", { name }));
  }
  await broker.stop();
  await members.leave();
} finally {
  process.stdin.destroy();
  await members.shutdown();
}

function others(): string[] {
  return members
    .members()
    .map(({ name }) => name)
    .filter((name) => name !== values.name);
}

function report(error: unknown): void {
  print(String(error));
}

/** Names come from other members: their control characters must not reach the terminal. */
function print(line: string): void {
  console.log(line.replaceAll(/\p{Cc}/gu, "?"));
}

/**
 * A name server that plays Kubernetes' DNS for one headless service: `headless-service <address to listen on> <full name of the service>`. Each line of
 * standard input is a JSON list of the pods' addresses from then on. It answers A questions for the service, and SRV questions for its port `gossip-tcp`.
 */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { decode, encode, type Answer, type Packet } from "dns-packet";

const [, , listenAddress = "", service = ""] = process.argv;
/** In s, as CoreDNS gives it to records of a cluster. */
const ttl = 5;
const nameDoesNotExist = 3;
const authoritative = 0x0400;

let pods: readonly string[] = [];

/** The name that a pod without a host name has in an SRV record. */
function podName(address: string): string {
  return `${address.replaceAll(".", "-")}.${service}`;
}

function answersTo(type: string, name: string): Answer[] | undefined {
  const addresses = name === service ? pods : pods.filter((address) => podName(address) === name);
  if (type === "SRV" && name === `_gossip-tcp._tcp.${service}`) {
    return pods.map((address) => ({
      type: "SRV",
      name,
      ttl,
      data: { target: podName(address), port: 7946, priority: 0, weight: 100 },
    }));
  }
  if (addresses.length === 0) return undefined;
  return type === "A" ? addresses.map((data) => ({ type: "A", name, ttl, data })) : [];
}

function reply(query: Buffer): Buffer {
  const { id, questions = [] } = decode(query);
  const [question] = questions;
  const answers = question === undefined ? undefined : answersTo(question.type, question.name.toLowerCase());
  const flags = authoritative | (answers === undefined ? nameDoesNotExist : 0);
  const packet: Packet = { type: "response", id, flags, questions, answers: answers ?? [] };
  return encode(packet);
}

const udp = createSocket("udp4");
udp.on("message", (query, { address, port }) => udp.send(reply(query), port, address));
// Questions over TCP are not answered: CoreDNS refuses those of type ANY, which the library asks by TCP.
const tcp = createServer((socket) => socket.destroy());
await new Promise<void>((resolve) => void udp.bind(53, listenAddress, resolve));
await new Promise<void>((resolve) => void tcp.listen(53, listenAddress, resolve));
process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  pods = JSON.parse(line) as string[];
  process.stdout.write("changed\n");
}
udp.close();
tcp.close();

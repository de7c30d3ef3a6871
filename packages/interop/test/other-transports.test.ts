import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createMemberlist, localConfig, MemberlistError, type Memberlist } from "@memberlist/core";
import type { Transport } from "@memberlist/core/transport";
import { createClusterCa, issueNodeCertificate, type CertificateAndKey } from "@memberlist/core/certificates";
import { anyServerName } from "@memberlist/core/internal";
import { NodeTransport } from "@memberlist/transport-node";
import { alertmanagerTransport } from "../../../examples/transports/alertmanager.ts";
import { DskitTransport } from "../../../examples/transports/dskit.ts";
import { buildGoProgram } from "../src/go-toolchain.ts";
import { Peer } from "../src/peer.ts";
import { seededBytes, toBase64 } from "../src/peer-protocol.ts";
import { describeWithGo, fast, isMessage, isState, nextHost, useCluster } from "./support.ts";

/** The real transports of Alertmanager and dskit, with ours of examples/transports. */
interface Wire {
  readonly open: (host: string) => Promise<Transport>;
  readonly command: () => Promise<readonly string[]>;
}

let folder = "";
let authority: CertificateAndKey;
const limit = { timeout: 90_000 };
const cluster = useCluster();

async function credentials(ca = authority): Promise<Parameters<typeof alertmanagerTransport>[2]> {
  const { certificate: cert, key } = await issueNodeCertificate(ca, { name: "any" });
  return { ca: authority.certificate, cert, key, servername: anyServerName };
}

const wires: Readonly<Record<"alertmanager" | "dskit", Wire>> = {
  alertmanager: {
    open: async (host) => alertmanagerTransport(host, 0, await credentials()),
    command: async () => {
      const files = ["ca", "cert", "key"].map((name) => `TLS_${name.toUpperCase()}=${join(folder, name)}`);
      return ["env", ...files, `TLS_SERVER_NAME=${anyServerName}`, await buildGoProgram("go-alertmanager")];
    },
  },
  dskit: {
    open: async (host) => new DskitTransport(await tcp(host)),
    command: async () => [await buildGoProgram("go-dskit")],
  },
};

function tcp(host: string): Promise<NodeTransport> {
  return NodeTransport.create({ bindAddrs: [host], bindPort: 0, udp: false, logOutput: { write: () => undefined } });
}

/** A member of ours in this process, and the messages that it has received. */
async function startOurs(name: string, transport: Transport): Promise<{ members: Memberlist; received: Uint8Array[] }> {
  const received: Uint8Array[] = [];
  const members = await createMemberlist({
    ...localConfig(),
    name,
    probeInterval: 400,
    probeTimeout: 150,
    gossipInterval: 40,
    retransmitMult: 8,
    // Metadata has to come by gossip.
    pushPullInterval: 60_000,
    transport,
    logOutput: { write: () => undefined },
    delegate: { notifyMsg: (message) => void received.push(message) },
  });
  running.push(members);
  return { members, received };
}
const running: Memberlist[] = [];

async function startGo(wire: Wire, name: string): Promise<Peer> {
  const config = { ...fast, pushPullInterval: 60_000, bindAddr: nextHost(), name };
  const peer = await Peer.start("go", config, { command: await wire.command() });
  cluster.peers.push(peer);
  return peer;
}

function has(received: readonly Uint8Array[], bytes: Uint8Array): boolean {
  return received.some((message) => Buffer.compare(message, bytes) === 0);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "other-transports-"));
  authority = await createClusterCa();
  const { ca, cert, key } = (await credentials()) as Record<string, string>;
  for (const [name, pem] of Object.entries({ ca, cert, key })) await writeFile(join(folder, name), pem ?? "");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describeWithGo.each(["alertmanager", "dskit"] as const)("our member over the transport of %s", (kind) => {
  const wire = wires[kind];
  // The first build fetches Go modules.
  beforeAll(async () => void (await wire.command()), 900_000);

  it("joins Go nodes and Go nodes join it, both probe and gossip, and both see the other's leave and death", limit, async () => {
    const [go, later] = [await startGo(wire, "go"), await startGo(wire, "later")];
    const { members, received } = await startOurs("ours", await wire.open(nextHost()));
    await members.join([go.address]);
    await later.join(members.toJSON().address);
    const names = ["go", "later", "ours"];
    await Promise.all([go, later].map((peer) => peer.waitForAlive(names, 20_000)));
    await expect.poll(() => members.numMembers(), { timeout: 20_000 }).toBe(3);

    await go.updateMeta("by gossip");
    const meta = (): string => new TextDecoder().decode(members.get("go")?.meta);
    await expect.poll(meta, { timeout: 20_000 }).toBe("by gossip");
    await members.updateNode({ meta: new TextEncoder().encode("ours, too"), timeout: 10_000 });
    const isNew = (event: Peer["events"][number]): boolean =>
      event.event === "update" && event.node.name === "ours" && event.node.meta === toBase64("ours, too");
    await go.waitFor(isNew, { what: "our metadata", timeout: 20_000 });

    const mebibyte = 1024 * 1024;
    await members.sendReliable("go", seededBytes(mebibyte, 1));
    await go.waitFor(isMessage(seededBytes(mebibyte, 1)), { what: "1 MiB from us" });
    await go.command("send", { node: "ours", mode: "reliable", size: mebibyte, seed: 2 });
    await expect.poll(() => has(received, seededBytes(mebibyte, 2)), { timeout: 20_000 }).toBe(true);
    await go.command("send", { node: "ours", mode: "bestEffort", size: 1_000, seed: 3 });
    await expect.poll(() => has(received, seededBytes(1_000, 3)), { timeout: 20_000 }).toBe(true);

    // Pings are answered by packets, both ways: Go reports only those, and ping() has nothing else.
    const answered = (): number => go.events.filter((event) => event.event === "pingComplete" && event.node === "ours").length;
    await expect.poll(answered, { timeout: 20_000 }).toBeGreaterThanOrEqual(3);
    const ping = (): Promise<number> => members.ping("go").catch(() => 0);
    await expect.poll(ping, { timeout: 20_000 }).toBeGreaterThan(0);

    await later.killAndWait();
    await expect.poll(() => members.get("later")?.state, { timeout: 30_000 }).toBe("dead");
    await members.leave({ timeout: 10_000 });
    await go.waitFor(isState("ours", "left"), { what: "our leave", timeout: 20_000 });
    await members.shutdown();
  });

  // Of each TLS record, Alertmanager's transport reads the first message only.
  it("brings 100 packets that it sends at once to a Go node", limit, async () => {
    const go = await startGo(wire, "go");
    const { members } = await startOurs("ours", await wire.open(nextHost()));
    await members.join([go.address]);
    const seeds = Array.from({ length: 100 }, (_, i) => i);
    for (const seed of seeds) members.sendBestEffort("go", seededBytes(1_000, seed));
    const arrived = (): number => seeds.filter((seed) => go.events.some(isMessage(seededBytes(1_000, seed)))).length;
    await expect.poll(arrived, { timeout: 20_000 }).toBe(100);
    await members.shutdown();
  });
});

describeWithGo("mutual TLS", () => {
  it("makes a Go node refuse our member if another authority issued its certificate", limit, async () => {
    const go = await startGo(wires.alertmanager, "go");
    const transport = await alertmanagerTransport(nextHost(), 0, await credentials(await createClusterCa()));
    const { members } = await startOurs("stranger", transport);
    await expect(members.join([go.address])).rejects.toBeInstanceOf(MemberlistError);
    expect((await go.members()).map(({ name }) => name)).toEqual(["go"]);
    await members.shutdown();
  });

  it("makes our member refuse a Go node if another authority issued its certificate", limit, async () => {
    const go = await startGo(wires.alertmanager, "go");
    const foreign = await createClusterCa();
    const { certificate: cert, key } = await issueNodeCertificate(foreign, { name: "any" });
    const tls = { ca: foreign.certificate, cert, key, servername: anyServerName };
    const { members } = await startOurs("ours", await alertmanagerTransport(nextHost(), 0, tls));
    await expect(go.join(members.toJSON().address)).rejects.toThrow(/certificate/);
    expect(members.numMembers()).toBe(1);
    await members.shutdown();
  });
});

import { afterEach, beforeAll, expect, it } from "vitest";
import { createMemberlist, decodeTags, localConfig, type Config, type Memberlist } from "@memberlist/transport-node";
import { buildGoProgram } from "../src/go-toolchain.ts";
import { Peer } from "../src/peer.ts";
import { seededBytes, toBase64, type SerfConfig, type SerfMember } from "../src/peer-protocol.ts";
import { describeWithGo, nextHost, useCluster } from "./support.ts";

const limit = { timeout: 60_000 };
const patience = { timeout: 20_000 };
const versions = { delegateProtocolMin: 2, delegateProtocolMax: 5 };
const cluster = useCluster();
const running: Memberlist[] = [];

afterEach(() => Promise.all(running.splice(0).map((members) => members.shutdown())));

async function startSerf(name: string, config: Partial<SerfConfig> = {}): Promise<Peer> {
  const peer = await Peer.spawn("go", { command: [await buildGoProgram("go-serf")] });
  cluster.peers.push(peer);
  const defaults = { protocolVersion: 5, tags: { role: "web", dc: "east" }, bindAddr: nextHost() };
  const { addr, port } = await peer.serf("create", { config: { ...defaults, ...config, name } });
  addresses.set(peer, `${addr}:${port}`);
  return peer;
}
const addresses = new WeakMap<Peer, string>();

async function startOurs(name: string, config: Partial<Config> = {}): Promise<Memberlist> {
  const members = await createMemberlist({
    ...localConfig(),
    name,
    bindAddr: nextHost(),
    bindPort: 0,
    probeInterval: 400,
    probeTimeout: 150,
    gossipInterval: 40,
    retransmitMult: 8,
    logOutput: { write: () => undefined },
    ...config,
  });
  running.push(members);
  return members;
}

function addressOf(peer: Peer): string {
  return addresses.get(peer) ?? "";
}

async function listed(serf: Peer, name: string): Promise<SerfMember | undefined> {
  return (await serf.serf("serfMembers", {})).members.find((member) => member.name === name);
}

async function status(serf: Peer, name: string): Promise<SerfMember["status"] | undefined> {
  return (await listed(serf, name))?.status;
}

describeWithGo("a Serf cluster", () => {
  beforeAll(async () => void (await buildGoProgram("go-serf")), 900_000);

  it("refuses a member without the delegate versions, whose error names the fields to set", limit, async () => {
    const serf = await startSerf("serf-1");
    const members = await startOurs("observer");
    await expect(members.join([addressOf(serf)])).rejects.toThrow(
      /speaks delegate protocol version 5, .* Set delegateProtocolMin, delegateProtocolMax and delegateProtocolVersion/,
    );
    expect(await status(serf, "observer")).toBeUndefined();
  });

  it(
    "lists a member with Serf's key and its tags, and the member reads the others' tags, and sees a failure and a leave",
    limit,
    async () => {
      const secretKey = seededBytes(32, 1);
      const [first, second, third] = [
        await startSerf("serf-1", { secretKey: toBase64(secretKey) }),
        await startSerf("serf-2", { secretKey: toBase64(secretKey) }),
        await startSerf("serf-3", { secretKey: toBase64(secretKey), tags: { role: "db", note: "x".repeat(60) } }),
      ];
      for (const peer of [second, third]) await peer.serf("join", { addresses: [addressOf(first)] });
      const tags = { role: "observer", id: "6b2f1c1e-0d53-4f4e-9d0f-0b1f7d7a2c11" };
      const members = await startOurs("ours", { ...versions, delegateProtocolVersion: 5, secretKey, tags });
      await members.join([addressOf(first)]);
      await expect.poll(() => members.numMembers(), patience).toBe(4);
      for (const peer of [first, second, third]) {
        await expect.poll(() => listed(peer, "ours"), patience).toEqual({ name: "ours", status: "alive", tags });
      }
      const read = (name: string): unknown => decodeTags(members.get(name)?.meta ?? new Uint8Array(0));
      expect(read("serf-1")).toEqual({ role: "web", dc: "east" });
      expect(read("serf-3")).toEqual({ role: "db", note: "x".repeat(60) });

      await second.killAndWait();
      await expect.poll(() => members.get("serf-2")?.state, patience).toBe("dead");
      await third.serf("leave", { timeout: 0 });
      await expect.poll(() => members.get("serf-3")?.state, patience).toBe("left");
    },
  );

  it("shows a member that left as failed, because it sends no leave intent", limit, async () => {
    const serf = await startSerf("serf-1");
    const members = await startOurs("ours", { ...versions, delegateProtocolVersion: 5 });
    await members.join([addressOf(serf)]);
    await expect.poll(() => status(serf, "ours"), patience).toBe("alive");
    await members.leave({ timeout: 10_000 });
    await expect.poll(() => status(serf, "ours"), patience).toBe("failed");
  });

  it("sends user events as user messages of type 3, and gets no answer to queries and key requests", limit, async () => {
    const received: Uint8Array[] = [];
    const secretKey = seededBytes(32, 1);
    const delegate = { notifyMsg: (message: Uint8Array) => void received.push(message) };
    const [first, second] = [
      await startSerf("serf-1", { secretKey: toBase64(secretKey) }),
      await startSerf("serf-2", { secretKey: toBase64(secretKey) }),
    ];
    const members = await startOurs("ours", { ...versions, delegateProtocolVersion: 5, secretKey, delegate });
    await second.serf("join", { addresses: [addressOf(first)] });
    await members.join([addressOf(first)]);
    await expect.poll(() => status(second, "ours"), patience).toBe("alive");

    await first.serf("userEvent", { name: "deploy", payload: toBase64("version 7") });
    const hasEvent = (): boolean =>
      received.some(
        (message) => message[0] === 3 && Buffer.from(message).includes("deploy") && Buffer.from(message).includes("version 7"),
      );
    await expect.poll(hasEvent, patience).toBe(true);

    const { acked } = await first.serf("query", { name: "uptime", timeout: 3_000 });
    expect([...acked].sort()).toEqual(["serf-1", "serf-2"]);
    expect(received.some((message) => message[0] === 4 && Buffer.from(message).includes("uptime"))).toBe(true);
    expect(await first.serf("serfKeys", {})).toEqual({ nodes: 3, answered: 2, errors: 0 });
    expect(members.numMembers()).toBe(3);
  });
});

describeWithGo("a Consul LAN pool", () => {
  const server = {
    role: "consul",
    dc: "dc1",
    segment: "",
    id: "00000000-0000-0000-0000-000000000001",
    vsn: "2",
    vsn_min: "2",
    vsn_max: "3",
  };
  const client = {
    role: "node",
    dc: "dc1",
    id: "00000000-0000-0000-0000-000000000002",
    vsn: "2",
    vsn_min: "2",
    vsn_max: "3",
    build: "1.20.0",
  };
  const pool = { protocolVersion: 4, tags: server, consul: true };

  it("lists a member with the tags of a client", limit, async () => {
    const agent = await startSerf("server-1", pool);
    const members = await startOurs("ours", { ...versions, delegateProtocolVersion: 4, tags: client });
    await members.join([addressOf(agent)]);
    await expect.poll(() => listed(agent, "ours"), patience).toEqual({ name: "ours", status: "alive", tags: client });
    expect(decodeTags(members.get("server-1")?.meta ?? new Uint8Array(0))).toEqual(server);
  });

  it.each([
    ["another datacenter", { ...client, dc: "dc2" }, 'is in datacenter "dc2"'],
    ["another segment", { ...client, segment: "alpha" }, 'is in segment "alpha"'],
    ["the node ID of an agent", { ...client, id: server.id }, "has the node ID of server-1"],
  ])("lists no member with %s, although the join succeeds", limit, async (_, tags, reason) => {
    const agent = await startSerf("server-1", pool);
    const members = await startOurs("ours", { ...versions, delegateProtocolVersion: 4, tags });
    expect((await members.join([addressOf(agent)])).reached).toBe(1);
    await expect.poll(() => agent.describe(), patience).toContain(`Failed push/pull merge: ours ${reason}`);
    expect(await listed(agent, "ours")).toBeUndefined();
  });

  it("lists a member without tags, with an empty role", limit, async () => {
    const agent = await startSerf("server-1", pool);
    const members = await startOurs("ours", { ...versions, delegateProtocolVersion: 4 });
    await members.join([addressOf(agent)]);
    await expect.poll(() => listed(agent, "ours"), patience).toEqual({ name: "ours", status: "alive", tags: { role: "" } });
  });
});

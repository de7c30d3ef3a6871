import { describe, expect, it } from "vitest";
import { buildGoPeer } from "../src/go-toolchain.ts";
import { Peer, type PeerKind } from "../src/peer.ts";
import { seededBytes, toBase64 } from "../src/peer-protocol.ts";
import { until } from "../src/until.ts";
import { describeWithGo, nextHost, quiet, useCluster } from "./support.ts";

function drives(kind: PeerKind): void {
  const cluster = useCluster();

  it("answers commands that it cannot execute with an error, and goes on", async () => {
    const peer = await cluster.start(kind, "a", quiet);
    await expect(peer.command("nonsense" as "health", {})).rejects.toThrow("unknown command");
    await expect(peer.command("create", { config: { name: "b" } })).rejects.toThrow("shut it down first");
    await expect(peer.command("send", { node: "nobody", mode: "bestEffort", payload: "" })).rejects.toThrow("no node");
    await expect(peer.command("send", { node: "a", mode: "loudly" as "reliable", payload: "" })).rejects.toThrow("unknown mode");
    await expect(peer.command("send", { node: "a", mode: "reliable", size: -1, seed: 1 })).rejects.toThrow("out of range");
    await expect(peer.command("join", { addresses: ["not an address at all:x:y"] })).rejects.toThrow("join");
    await expect(peer.command("listKeys", {})).rejects.toThrow("no keyring");
    expect(await peer.health()).toBe(0);
  });

  it("survives lines that are not commands", async () => {
    const peer = await cluster.start(kind, "a", quiet);
    for (const line of [
      "",
      "garbage",
      "{",
      "[]",
      "null",
      "7",
      '"text"',
      '{"id":{}}',
      '{"cmd":5,"id":1}',
      '{"id":99,"cmd":"send"}',
    ]) {
      peer.sendLine(line);
    }
    peer.sendLine("x".repeat(1_000_000));
    expect(await peer.health()).toBe(0);
  });

  it("refuses a config that is wrong, and takes a right one then", async () => {
    const peer = await Peer.spawn(kind);
    cluster.peers.push(peer);
    await expect(peer.create({ name: "" })).rejects.toThrow("name");
    await expect(peer.create({ name: "a", nonsense: 1 } as { name: string })).rejects.toThrow("nonsense");
    await expect(peer.create({ name: "a", preset: "moon" as "lan" })).rejects.toThrow("moon");
    await expect(peer.create({ name: "a", protocolVersion: 9 })).rejects.toThrow(/9/);
    await expect(peer.health()).rejects.toThrow("create comes first");
    const node = await peer.create({ ...quiet, name: "a", bindAddr: nextHost() });
    expect(node.port).toBe(node.bindPort);
    expect((await peer.members()).map(({ name, state }) => [name, state])).toEqual([["a", "alive"]]);
  });

  it("shuts its node down and starts another", async () => {
    const peer = await cluster.start(kind, "a", quiet);
    const { bindAddr, bindPort } = peer.node;
    await peer.command("shutdown", {});
    await expect(peer.members()).rejects.toThrow("create comes first");
    await peer.create({ ...quiet, name: "b", bindAddr, bindPort });
    expect((await peer.members()).map(({ name }) => name)).toEqual(["b"]);
  });

  it("ends with its stdin", async () => {
    const peer = await cluster.start(kind, "a", quiet);
    const { pid } = peer;
    await peer.stop();
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    await expect(peer.health()).rejects.toThrow("ended");
  });

  it("reports at once when it is killed", async () => {
    const peer = await cluster.start(kind, "a", quiet);
    const waiting = peer.waitFor((event) => event.event === "message", { what: "a message that never comes" });
    const [outcome] = await Promise.allSettled([waiting, peer.killAndWait()]);
    expect(outcome).toMatchObject({ reason: { message: expect.stringContaining("the peer ended before") } });
  });

  it("reports messages that a test sends by hand, with their time", async () => {
    const peer = await cluster.start(kind, "a", quiet);
    const fake = await cluster.fake("fake");
    const before = performance.timeOrigin + performance.now();
    fake.send(fake.alive(5, new TextEncoder().encode("by hand")), peer.node);
    await peer.waitForState("fake", "alive");
    expect(await peer.member("fake")).toMatchObject({
      addr: fake.host,
      port: fake.port,
      meta: toBase64("by hand"),
      incarnation: 5,
      vsn: [1, 4, 2, 0, 0, 0],
    });
    const event = await peer.waitFor((e) => e.event === "join" && e.node.name === "fake", { what: "the join" });
    expect(Math.abs(event.at - before)).toBeLessThan(2_000);
    await peer.ping({ name: "fake", address: fake.address } as Peer);
  });
}

describeWithGo("a Go peer", () => {
  drives("go");
});
describe("a TypeScript peer", () => {
  drives("node");
});

describeWithGo("the Go peer's program", () => {
  it("compiles once for its sources", async () => {
    expect(await buildGoPeer()).toBe(await buildGoPeer());
  });
});

describe("a sequence of seeded bytes", () => {
  it("repeats for a seed, and differs for another", () => {
    expect(seededBytes(64, 7)).toEqual(seededBytes(64, 7));
    expect(seededBytes(64, 7)).not.toEqual(seededBytes(64, 8));
    expect(Buffer.from(seededBytes(4, 1)).toString("hex")).toBe("3c5e81b4");
  });
});

describe("waiting for a condition", () => {
  it("names the missing condition", async () => {
    await expect(until(() => false, { what: "the moon", timeout: 30, interval: 5 })).rejects.toThrow(
      "30 ms in vain for: the moon",
    );
    expect(await until(() => 0, { what: "a number" })).toBe(0);
  });
});

import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { buildGoPeer } from "../src/go-toolchain.ts";
import { buildNodePeer } from "../src/node-toolchain.ts";
import { Peer } from "../src/peer.ts";
import { seededBytes, toBase64, type PeerConfig } from "../src/peer-protocol.ts";
import { findRuntime } from "../src/runtimes.ts";
import { canUseNamespaces, useNamespaces, type LinkedNamespaces, type Side } from "./linked-namespaces.ts";
import { converged, describeWithGo, fast, isMessage, isState, nextHost, useCluster } from "./support.ts";

type Kind = "go" | "node" | "deno";

const deno = findRuntime("deno");
const denoPeer = fileURLToPath(new URL("../src/deno-peer.ts", import.meta.url));
/** Ours, on each installed runtime. If Deno is missing, deno.test.ts prints a line. */
const ours: readonly Kind[] = deno === undefined ? ["node"] : ["node", "deno"];
const config: Partial<PeerConfig> = { ...fast, tcpTimeout: 2_000 };
const limit = { timeout: 90_000 };

/** Without UDP, Deno needs no flag for unstable APIs. */
async function commandOf(kind: Kind, streamOnly: boolean): Promise<readonly string[]> {
  if (kind === "go") return [await buildGoPeer()];
  if (kind === "node") return [process.execPath, await buildNodePeer()];
  return [deno ?? "", "run", "--no-prompt", "--no-check", "--allow-net", ...(streamOnly ? [] : ["--unstable-net"]), denoPeer];
}

const cluster = useCluster();

async function start(kind: Kind, name: string, fields: Partial<PeerConfig>, side?: Side): Promise<Peer> {
  const command = await commandOf(kind, fields.streamOnly ?? false);
  const bindAddr = side?.host ?? nextHost();
  const peer = await Peer.start(
    kind === "go" ? "go" : "node",
    { ...config, bindAddr, ...fields, name },
    { command, enter: side?.enter ?? [] },
  );
  cluster.peers.push(peer);
  return peer;
}

/** Waits until a peer has logged something so often. */
async function logged(peer: Peer, text: RegExp, times: number): Promise<void> {
  const count = (): number => peer.events.filter((event) => event.event === "log" && text.test(event.line)).length;
  await expect.poll(count, { timeout: 30_000, message: `${peer.name}'s log: ${String(text)}` }).toBeGreaterThanOrEqual(times);
}

/** What each side says of a peer that answers over TCP only. */
const goSaysSo = /connect to \S+ over TCP but UDP probes failed/;
const weSaySo = /udp_unreachable/;

function deaths(peer: Peer): readonly string[] {
  return peer.events.flatMap((event) => (event.event === "state" && event.state === "dead" ? [event.name] : []));
}

async function sends(from: Peer, to: Peer, mode: "bestEffort" | "reliable", seed: number): Promise<void> {
  await from.command("send", { mode, size: 1_000, seed, node: to.name });
}

describeWithGo.each(ours)("streamOnly on %s with a Go node", (kind) => {
  it(
    "keeps both members by pings over TCP: reliable messages and push/pulls pass, packets do not, and a death is found",
    limit,
    async () => {
      const streams = await start(kind, "streams", { streamOnly: true });
      const go = await start("go", "go", {});
      await streams.join(go);
      await converged(streams, go);
      await logged(go, goSaysSo, 3);
      await logged(streams, weSaySo, 1);
      for (const peer of [streams, go]) expect(deaths(peer)).toEqual([]);

      for (const [from, to, seed] of [
        [streams, go, 10],
        [go, streams, 20],
      ] as const) {
        await sends(from, to, "bestEffort", seed);
        await sends(from, to, "reliable", seed + 1);
        await to.waitFor(isMessage(seededBytes(1_000, seed + 1)), { what: "a reliable message" });
        const meta = toBase64(seededBytes(100, seed + 2));
        await from.command("updateMeta", { meta, timeout: 500 }).catch(() => undefined);
        const isNew = (event: Peer["events"][number]): boolean => event.event === "update" && event.node.meta === meta;
        await to.waitFor(isNew, { what: "new metadata, by push/pull", timeout: 20_000 });
        expect(to.events.some(isMessage(seededBytes(1_000, seed)))).toBe(false);
      }
      await go.killAndWait();
      await streams.waitFor(isState("go", "dead"), { what: "Go's death", timeout: 30_000 });
    },
  );

  it("lets Go find the death of a stream-only node", limit, async () => {
    const streams = await start(kind, "streams", { streamOnly: true });
    const go = await start("go", "go", {});
    await go.join(streams);
    await converged(streams, go);
    await logged(go, goSaysSo, 1);
    await streams.killAndWait();
    await go.waitFor(isState("streams", "dead"), { what: "its death", timeout: 30_000 });
    expect(deaths(go)).toEqual(["streams"]);
  });
});

const isPossible = canUseNamespaces("streamOnly where UDP is blocked");

describe.runIf(isPossible)("a cluster with blocked UDP", () => {
  let network: LinkedNamespaces;
  useNamespaces(cluster, async (opened) => {
    network = opened;
    await network.drop("ipproto", "udp");
  });

  it.each(ours)("stops the gossip of members on UDP, and reports it (on %s)", limit, async (kind) => {
    const [a, b] = [await start(kind, "a", {}, network.left), await start(kind, "b", {}, network.right)];
    await b.join(a);
    await converged(a, b);
    for (const peer of [a, b]) await logged(peer, weSaySo, 1);
    await sends(a, b, "bestEffort", 1);
    await sends(a, b, "reliable", 2);
    await b.waitFor(isMessage(seededBytes(1_000, 2)), { what: "a reliable message" });
    expect(b.events.some(isMessage(seededBytes(1_000, 1)))).toBe(false);
  });

  it.each(ours)("runs members with streamOnly in full: probes, packets, broadcasts, kill, leave (on %s)", limit, async (kind) => {
    const fields = { streamOnly: true, label: "blocked", secretKey: toBase64(seededBytes(32, 7)) };
    const a = await start(kind, "a", fields, network.left);
    const b = await start("node", "b", fields, network.right);
    const c = await start(kind, "c", fields, network.right);
    for (const peer of [b, c]) await peer.join(a);
    await converged(a, b, c);
    const answered = (peer: Peer): number => peer.events.filter(({ event }) => event === "pingComplete").length;
    await expect.poll(() => Math.min(...[a, b, c].map(answered)), { timeout: 30_000 }).toBeGreaterThanOrEqual(5);
    for (const peer of [a, b, c])
      expect(peer.events.some((event) => event.event === "log" && weSaySo.test(event.line))).toBe(false);
    await sends(a, b, "bestEffort", 1);
    await b.waitFor(isMessage(seededBytes(1_000, 1)), { what: "a best-effort message" });
    await sends(c, a, "bestEffort", 2);
    await a.waitFor(isMessage(seededBytes(1_000, 2)), { what: "a best-effort message" });
    await b.broadcast(seededBytes(200, 3));
    for (const peer of [a, c]) await peer.waitFor(isMessage(seededBytes(200, 3)), { what: "a broadcast" });
    for (const peer of [a, b, c]) expect(deaths(peer)).toEqual([]);

    await c.killAndWait();
    for (const peer of [a, b]) await peer.waitFor(isState("c", "dead"), { what: "c is found dead", timeout: 30_000 });
    await b.command("leave", { timeout: 5_000 });
    await a.waitFor(isState("b", "left"), { what: "b has left" });
  });
});

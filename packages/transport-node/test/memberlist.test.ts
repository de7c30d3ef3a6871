import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMemberlist, localConfig, type Config, type Memberlist, type Node } from "../src/index.ts";
import { outcome, pattern, silent, until } from "./support.ts";

const running: Memberlist[] = [];
const rejections: unknown[] = [];
const note = (reason: unknown): void => void rejections.push(reason);

beforeEach(() => {
  rejections.length = 0;
  process.on("unhandledRejection", note);
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((members) => members.shutdown()));
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", note);
  if (rejections.length > 0) throw new Error("a promise was rejected without a handler", { cause: rejections[0] });
});

async function start(name: string, fields: Partial<Config> = {}): Promise<Memberlist> {
  const config = { ...localConfig(), name, bindAddr: "127.0.0.1", bindPort: 0, logger: silent, ...fields };
  const members = await createMemberlist(config);
  running.push(members);
  return members;
}

/** `name/host:port`. */
function seed(members: Memberlist): string {
  const { name, addr, port } = members.localNode();
  return `${name}/${addr.includes(":") ? `[${addr}]` : addr}:${port}`;
}

/** `count` members that all see one another. */
async function joined(count: number, fields: (i: number) => Partial<Config> = () => ({})): Promise<Memberlist[]> {
  const all: Memberlist[] = [];
  for (let i = 0; i < count; i++) {
    // Gossip alone may miss one: the two transmissions that a small cluster makes of each broadcast can both go to the same node.
    const members = await start(`node-${i}`, { pushPullInterval: 500, ...fields(i) });
    if (i > 0) await members.join([seed(all[i - 1] as Memberlist)]);
    all.push(members);
  }
  await until(() => all.every((members) => members.numMembers() === count), `${count} members at each`, 15_000);
  return all;
}

function text(message: Uint8Array): string {
  return new TextDecoder().decode(message);
}

function bytes(message: string): Uint8Array {
  return new TextEncoder().encode(message);
}

describe("a cluster on real sockets", () => {
  it("forms by one join after another, and each member sees all [Integ]", { timeout: 30_000 }, async () => {
    const joins: string[] = [];
    const events = { notifyJoin: ({ name }: Node) => void joins.push(name) };
    const fast = { probeInterval: 500, gossipInterval: 20, pushPullInterval: 200 };
    const all = await joined(16, (i) => ({ ...fast, ...(i === 0 ? { events } : {}) }));
    expect(joins.toSorted()).toEqual(all.map((members) => members.localNode().name).toSorted());
  });

  it("connects two members, which measure round-trip times [Join] [PingDelegate]", async () => {
    const rtts: number[] = [];
    const ping = { notifyPingComplete: (_: Node, rtt: number) => void rtts.push(rtt) };
    const [a, b] = (await joined(2, () => ({ probeInterval: 300, ping }))) as [Memberlist, Memberlist];
    await until(() => rtts.length > 2, "answered probes");
    expect(Math.min(...rtts)).toBeGreaterThan(0);
    expect(await a.ping(seed(b))).toBeLessThan(200);
    expect(a.healthScore()).toBe(0);
  });

  it("forms over IPv6 alone [Join_IPv6]", async () => {
    const received: string[] = [];
    const delegate = { notifyMsg: (message: Uint8Array) => void received.push(text(message)) };
    const [a, b] = (await joined(2, () => ({ bindAddr: "::1", delegate }))) as [Memberlist, Memberlist];
    expect(a.members().map(({ addr }) => addr)).toEqual(["::1", "::1"]);
    b.sendBestEffort(seed(a), bytes("packet"));
    await b.sendReliable(a.localNode(), bytes("stream"));
    await until(() => received.length === 2, "both messages");
  });

  it("binds and advertises the configured addresses [AdvertiseAddr]", async () => {
    const members = await start("a", { bindAddr: "127.0.0.3", advertiseAddr: "127.0.0.9", advertisePort: 4321 });
    expect(members.localNode()).toMatchObject({ addr: "127.0.0.9", port: 4321 });
    const other = await start("b");
    expect((await other.join([`127.0.0.3:${members.config.bindPort}`])).reached).toBe(1);
    // No other process listens there: on 127.0.0.1 one may have the same port by chance.
    expect(await outcome(other.join([`127.0.71.7:${members.config.bindPort}`]))).toBe("join_failed");
    expect(other.members().find(({ name }) => name === "a")).toMatchObject({ addr: "127.0.0.9", port: 4321 });
  });

  it("exchanges messages of all sizes, and user state [SendTo] [UserData]", async () => {
    const received: Uint8Array[] = [];
    const states: number[] = [];
    const state = pattern(3 * 1024 * 1024);
    const [a, b] = (await joined(2, (i) => ({
      tcpTimeout: 10_000,
      delegate:
        i === 0
          ? {
              notifyMsg: (message: Uint8Array) => void received.push(message),
              mergeRemoteState: (theirs: Uint8Array) =>
                void states.push(Buffer.compare(theirs, state) === 0 ? theirs.length : -1),
            }
          : { localState: () => state },
    }))) as [Memberlist, Memberlist];
    await until(() => states.length > 0, "the state");
    expect(states[0]).toBe(state.length);
    const large = pattern(5 * 1024 * 1024);
    b.sendBestEffort(a.localNode(), bytes("small"));
    await b.sendReliable(a.localNode(), large);
    await until(() => received.length === 2, "both messages");
    const [small, whole] = received.toSorted((x, y) => x.length - y.length) as [Uint8Array, Uint8Array];
    expect(text(small)).toBe("small");
    expect(Buffer.compare(whole, large)).toBe(0);
  });

  it("shows new metadata, a leave and a crash of another member [delegateMeta_Update] [Leave] [JoinShutdown]", async () => {
    const fast = { probeInterval: 100, probeTimeout: 50, suspicionMaxTimeoutMult: 1, gossipInterval: 20 };
    const left: string[] = [];
    const events = { notifyLeave: ({ name, state }: Node) => void left.push(`${name} ${state}`) };
    const [a, b, c] = (await joined(3, (i) => ({ ...fast, ...(i === 0 ? { events } : {}) }))) as [
      Memberlist,
      Memberlist,
      Memberlist,
    ];
    await b.updateNode({ meta: bytes("new") });
    await until(() => a.members().some(({ meta }) => text(meta) === "new"), "the metadata");
    await b.leave({ timeout: 5_000 });
    await until(() => left.length === 1, "the leave");
    await b.shutdown();
    await c.shutdown();
    await until(() => left.length === 2, "the crash");
    expect(left).toEqual(["node-1 left", "node-2 dead"]);
    expect(a.numMembers()).toBe(1);
  });

  it("refuses another label, and gives up a silent peer after tcpTimeout [Join_with_Labels] [Join_DeadNode]", async () => {
    const a = await start("a", { label: "blue" });
    const b = await start("b", { label: "green", tcpTimeout: 300 });
    expect(await outcome(b.join([seed(a)]))).toBe("join_failed");
    b.sendBestEffort(seed(a), bytes("x"));
    await until(() => a.counters()["dropped.label_mismatch"] === 1, "the dropped packet");
    expect(a.counters()).toMatchObject({ "stream_dropped.label_mismatch": 1, "transport.udpDroppedSends": 0 });
    expect(a.numMembers()).toBe(1);
  });

  it("survives random bytes, and closes streams that send nothing", async () => {
    const members = await start("a", { tcpTimeout: 200 });
    const { port } = members.localNode();
    const socket = createSocket("udp4");
    for (let i = 0; i < 100; i++) socket.send(pattern(1 + i * 3), port, "127.0.0.1");
    const half = connect(port, "127.0.0.1");
    half.write(Uint8Array.of(6, 0x83));
    const reset = connect(port, "127.0.0.1", () => reset.resetAndDestroy());
    const closed: string[] = [];
    for (const stream of [half, reset]) {
      stream.on("error", () => undefined);
      stream.on("close", () => void closed.push("closed"));
      stream.resume();
    }
    await until(() => closed.length === 2, "the streams are closed");
    await until(() => members.counters()["stream_dropped.timeout"] === 1, "the half open one is counted");
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    const b = await start("b");
    expect((await b.join([seed(members)])).reached).toBe(1);
  });

  it("rejects pending operations at a shutdown, and all calls after it", async () => {
    const [a, b] = (await joined(2)) as [Memberlist, Memberlist];
    const ping = outcome(a.ping("ghost/127.0.0.1:1"));
    const update = outcome(a.updateNode({ meta: bytes("x") }));
    const leave = outcome(b.leave());
    const late = b.localNode();
    await Promise.all([a.shutdown(), b.shutdown()]);
    // A closed port may have answered before.
    expect(["shutdown", "no_ping_response"]).toContain(await ping);
    expect([await update, await leave]).toEqual(["shutdown", "shutdown"]);
    expect(await outcome(a.sendReliable(late, bytes("x")))).toBe("shutdown");
    await a[Symbol.asyncDispose]();
  });
});

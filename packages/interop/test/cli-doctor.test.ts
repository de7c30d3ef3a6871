import { describe, expect, it } from "vitest";
import { runCli } from "../../cli/test/program.ts";
import type { Peer, PeerKind } from "../src/peer.ts";
import { seededBytes, toBase64, type PeerConfig } from "../src/peer-protocol.ts";
import { canUseNamespaces, useNamespaces, type LinkedNamespaces, type Side } from "./linked-namespaces.ts";
import { describeWithGo, nextHost, quiet, useCluster } from "./support.ts";

const key = toBase64(seededBytes(32, 7));
const otherKey = toBase64(seededBytes(32, 8));
const limit = { timeout: 120_000 };
/** No member suspects another one while the doctor runs. */
const calm: Partial<PeerConfig> = { ...quiet, probeTimeout: 500 };

interface Finding {
  readonly code: string;
  readonly severity: string;
  readonly about: readonly string[];
  readonly message: string;
  readonly advice: string;
}

interface Examined {
  readonly code: number | string;
  readonly findings: readonly Finding[];
}

async function doctor(
  seeds: readonly string[],
  options: { readonly env?: Record<string, string>; readonly enter?: readonly string[]; readonly args?: readonly string[] } = {},
): Promise<Examined> {
  const { args = [], ...rest } = options;
  const { code, stdout, stderr } = await runCli(
    ["doctor", ...seeds, "--json", "--duration", "2", "--timeout", "2", ...args],
    rest,
  );
  if (stdout === "") throw new Error(stderr);
  const { findings } = JSON.parse(stdout) as Examined;
  return { code, findings };
}

/** What a busy machine brings about by itself. */
const byLoad: readonly string[] = ["event_loop_blocked", "packet_loss"];

/** What is compared: each finding that is worse than an information, and that the load of the machine does not bring about. */
function found({ findings }: Examined): readonly string[] {
  return findings
    .filter(({ severity, code }) => severity !== "info" && !byLoad.includes(code))
    .map(({ code, about }) => `${code}: ${about.join(", ")}`);
}

/** The first of those that are compared: errors stand before warnings. */
function first({ findings }: Examined): Finding | undefined {
  return findings.find(({ code }) => !byLoad.includes(code));
}

describeWithGo.each([
  ["node", "go"],
  ["go", "node"],
] as const)("memberlist doctor, a %s and a %s node:", (left, right) => {
  const cluster = useCluster();

  it("finds nothing wrong with a healthy cluster, and leaves it as it is", limit, async () => {
    const [a, b] = [
      await cluster.start(left, "a", { ...calm, secretKey: key }),
      await cluster.start(right, "b", { ...calm, secretKey: key }),
    ];
    await cluster.form(a, b);
    const before = [a.events.length, b.events.length];
    const examined = await doctor([a.address], { env: { MEMBERLIST_KEY: key } });
    expect(found(examined)).toEqual([]);
    // Warnings at most, by the load of the machine.
    expect(examined.code).toBe(examined.findings.some(({ code }) => byLoad.includes(code)) ? 5 : 0);
    for (const [i, peer] of [a, b].entries()) {
      expect(peer.events.slice(before[i]).filter(({ event }) => event === "state")).toEqual([]);
      expect((await peer.members()).map(({ name }) => name).sort()).toEqual(["a", "b"]);
    }
  });

  it("names a wrong key and a wrong label", limit, async () => {
    const a = await cluster.start(left, "a", { ...calm, secretKey: key });
    const b = await cluster.start(right, "b", { ...calm, label: "shop" });
    const wrongKey = await doctor([a.address], { env: { MEMBERLIST_KEY: otherKey } });
    expect(found(wrongKey)).toEqual([`key_mismatch: ${a.address}`]);
    expect(wrongKey.code).toBe(6);
    const wrongLabel = await doctor([b.address], { args: ["--label", "other"] });
    expect(found(wrongLabel)).toEqual([`label_mismatch: ${b.address}`]);
    expect(first(wrongLabel)?.message).toContain('its label is not "other"');
  });

  it("names a name that two nodes use", limit, async () => {
    const [a, b] = [await cluster.start(left, "a", calm), await cluster.start(right, "b", calm)];
    await cluster.form(a, b);
    const second = await cluster.start(right, "a", calm);
    await second.join(b).catch(() => undefined);
    const examined = await doctor([b.address, second.address]);
    expect(found(examined)).toContain("duplicate_name: a");
    expect(examined.findings.find(({ code }) => code === "duplicate_name")?.message).toContain(second.address);
    expect(examined.code).toBe(6);
  });

  it("names a member that advertises an address where it does not answer", limit, async () => {
    const nowhere = nextHost();
    const [a, b] = [await cluster.start(left, "a", calm), await cluster.start(right, "b", { ...calm, advertiseAddr: nowhere })];
    await b.join(a);
    await a.waitForAlive(["a", "b"]);
    const byOne = await doctor([a.address]);
    expect(found(byOne)).toEqual(["address_unreachable: b"]);
    expect(first(byOne)?.message).toContain(nowhere);
    const byBoth = await doctor([a.address, b.bindAddress]);
    expect(found(byBoth)).toEqual(["wrong_advertise_address: b"]);
    expect(first(byBoth)?.message).toContain(`b answers at ${b.bindAddress}, but advertises ${nowhere}`);
  });

  it("names a member whose process is blocked again and again, and one that is stopped", limit, async () => {
    const [a, b] = [await cluster.start(left, "a", calm), await cluster.start(right, "b", calm)];
    await cluster.form(a, b);
    let isStopped = false;
    const signal = (): void => {
      isStopped = !isStopped;
      process.kill(b.pid, isStopped ? "SIGSTOP" : "SIGCONT");
    };
    const timer = setInterval(signal, 1_500);
    try {
      const isNamed = async (): Promise<boolean> => {
        const examined = await doctor([a.address], { args: ["--duration", "5", "--timeout", "8"] });
        expect(found(examined)).toEqual([]);
        return examined.findings.some(({ code, about }) => code === "event_loop_blocked" && about[0] === "b");
      };
      // A doctor that is as late itself blames no member.
      expect((await isNamed()) || (await isNamed()) || (await isNamed())).toBe(true);
    } finally {
      clearInterval(timer);
    }
    process.kill(b.pid, "SIGSTOP");
    try {
      expect(found(await doctor([a.address]))).toEqual(["process_silent: b"]);
    } finally {
      process.kill(b.pid, "SIGCONT");
    }
  });

  it("names one member with another protocol version", limit, async () => {
    const a = await cluster.start(left, "a", calm);
    const others = [await cluster.start(right, "b", calm), await cluster.start(right, "c", { ...calm, protocolVersion: 3 })];
    await cluster.form(a, ...others);
    const examined = await doctor([a.address]);
    expect(found(examined)).toEqual(["version_differs: c"]);
    expect(first(examined)?.message).toBe("c speaks protocol version 3; most members speak 2");
    expect(examined.code).toBe(5);
  });
});

const isPossible = canUseNamespaces("memberlist doctor where the network blocks packets");

describe.runIf(isPossible)("memberlist doctor in two networks:", () => {
  const cluster = useCluster();
  let network: LinkedNamespaces;
  useNamespaces(cluster, (opened) => void (network = opened));

  async function start(kind: PeerKind, name: string, side: Side): Promise<Peer> {
    const bindAddr = await network.host(side, 2);
    return cluster.startIn(side, kind, { ...calm, name, bindAddr });
  }

  /** One member beside the doctor, the other one across the link. */
  async function twoMembers(): Promise<readonly [Peer, Peer]> {
    const pair = [await start("node", "near", network.left), await start("node", "far", network.right)] as const;
    await cluster.form(...pair);
    return pair;
  }

  const examine = (seed: Peer): Promise<Examined> => doctor([seed.address], { enter: network.left.enter });

  it("finds nothing wrong as long as everything passes", limit, async () => {
    const [near] = await twoMembers();
    expect(found(await examine(near))).toEqual([]);
  });

  it("names UDP that is blocked in one direction between two members, either of them", limit, async () => {
    const [near, far] = await twoMembers();
    await network.dropAt(network.right, "from", near.node.addr, "ipproto", "udp");
    const toFar = await examine(near);
    expect(found(toFar)).toEqual(["udp_blocked_one_way: near, far"]);
    expect(first(toFar)?.message).toBe("UDP from near to far is blocked; the other direction passes");
    expect(toFar.code).toBe(6);
    await network.passAt(network.right);
    await network.dropAt(network.left, "from", far.node.addr, "to", near.node.addr, "ipproto", "udp");
    expect(found(await examine(near))).toEqual(["udp_blocked_one_way: far, near"]);
  });

  it("names UDP that is blocked in both directions between two members", limit, async () => {
    const [near, far] = await twoMembers();
    await network.dropAt(network.right, "from", near.node.addr, "ipproto", "udp");
    await network.dropAt(network.left, "from", far.node.addr, "to", near.node.addr, "ipproto", "udp");
    const examined = await examine(near);
    expect(found(examined)).toEqual(["udp_blocked: far, near"]);
    expect(first(examined)?.message).toContain("in both directions");
  });

  it("names UDP that does not arrive at this machine, and UDP from this machine that does not arrive", limit, async () => {
    const [near, far] = await twoMembers();
    await network.dropAt(network.left, "from", far.node.addr, "to", network.left.host, "ipproto", "udp");
    const back = await examine(near);
    expect(found(back)).toEqual(["udp_blocked_one_way: far"]);
    expect(first(back)?.message).toContain("to here is blocked; the other direction passes");
    await network.passAt(network.left);
    await network.dropAt(network.right, "ipproto", "udp");
    const all = await examine(near);
    expect(found(all)).toEqual(["udp_blocked: far"]);
    expect(first(all)?.message).toContain("no member gets its answers");
  });

  it("names TCP that is blocked while UDP passes", limit, async () => {
    const [near] = await twoMembers();
    await network.dropAt(network.right, "ipproto", "tcp");
    expect(found(await examine(near))).toEqual(["tcp_blocked: far"]);
  });

  it("names a path that swallows long packets, and the longest packet that passes", limit, async () => {
    const [near] = await twoMembers();
    await network.dropLonger(network.right, 1_000);
    const examined = await examine(near);
    expect(found(examined)).toEqual(["mtu_black_hole: far"]);
    const [, bytes] = /more than about (\d+) bytes/.exec(first(examined)?.message ?? "") ?? [];
    // The receiving end of a link takes 4 bytes for a VLAN on top of its MTU; 28 are for the headers of IP and UDP.
    expect(Number(bytes)).toBeGreaterThan(1_000 - 28 - 20);
    expect(Number(bytes)).toBeLessThanOrEqual(1_000 - 28 + 4);
  });
});

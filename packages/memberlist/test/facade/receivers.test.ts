import { describe, expect, it } from "vitest";
import type { Memberlist, Receiver } from "../../src/index.ts";
import { bytes, clusters, outcome, text, thrown, type Cluster, type TestNode } from "./cluster.ts";

const cluster = clusters();

interface Pair {
  readonly one: Cluster;
  readonly a: TestNode;
  readonly b: TestNode;
  /** What `b` has received. */
  readonly received: string[];
}

async function pair(name: string = "web-2"): Promise<Pair> {
  const one = cluster();
  const received: string[] = [];
  const notifyMsg = (message: Uint8Array): void => void received.push(text(message));
  const [a, b] = (await one.joined(2, (i) => (i === 0 ? { name: "web-1" } : { name, delegate: { notifyMsg } }))) as [
    TestNode,
    TestNode,
  ];
  return { one, a, b, received };
}

const receivers: readonly [string, (from: Memberlist) => Receiver][] = [
  ["a node", (from) => from.members().find(({ name }) => name === "web-2") as Receiver],
  ["a member with what is known about it", (from) => from.get("web-2") as Receiver],
  ["a name", () => "web-2"],
  ["host:port", () => "10.0.0.2:7946"],
  ["a host without a port", () => "10.0.0.2"],
  ["name/host:port", () => "web-2/10.0.0.2:7946"],
  ["name/host", () => "web-2/10.0.0.2"],
  ["an address object", () => ({ host: "10.0.0.2", port: 7946, name: "" })],
  ["an address object with a name", () => ({ host: "10.0.0.2", port: 7946, name: "web-2" })],
];

describe("a receiver", () => {
  it.each(receivers)("works as %s for packets, streams and pings", async (_what, receiver) => {
    const { one, a, received } = await pair();
    const to = receiver(a.members);
    expect(a.members.sendBestEffort(to, bytes("packet"))).toBe(true);
    await one.settle(a.members.sendReliable(to, bytes("stream")));
    expect(await one.settle(a.members.ping(to))).toBeGreaterThan(0);
    await one.advance(100);
    expect(received).toEqual(["packet", "stream"]);
  });

  it.each(["web-3", "WEB-2", "example", "toString", "__proto__"])(
    "causes an error if no member has that name: %s",
    async (name) => {
      const { a } = await pair();
      expect(thrown(() => a.members.sendBestEffort(name, bytes("x")))).toBe("member_not_found");
      expect(await outcome(a.members.sendReliable(name, bytes("x")))).toBe("member_not_found");
      expect(await outcome(a.members.ping(name))).toBe("member_not_found");
      await expect(a.members.ping(name)).rejects.toMatchObject({
        message: expect.stringContaining(JSON.stringify(name)),
        details: { name },
      });
    },
  );

  it.each([
    undefined,
    null,
    7946,
    true,
    {},
    { host: "10.0.0.2" },
    { host: 5, port: 7946, name: "" },
    { addr: "10.0.0.2", port: "1" },
    ["web-2"],
  ])("causes an error if it is neither a member nor an address: %o", async (wrong) => {
    const { a } = await pair();
    const to = wrong as unknown as Receiver;
    expect(thrown(() => a.members.sendBestEffort(to, bytes("x")))).toBe("invalid_argument");
    expect(await outcome(a.members.sendReliable(to, bytes("x")))).toBe("invalid_argument");
    expect(await outcome(a.members.ping(to))).toBe("invalid_argument");
  });

  it("counts as an address if it looks like one, even if a member has that name", async () => {
    const { one, a, received } = await pair("10.0.0.77:7946");
    expect(await outcome(one.settle(a.members.sendReliable("10.0.0.77:7946", bytes("to the address"))))).toBe("dial_failed");
    await one.settle(a.members.sendReliable(a.members.get("10.0.0.77:7946") as Receiver, bytes("to the member")));
    await one.advance(100);
    expect(received).toEqual(["to the member"]);
  });

  it("stays reachable by its name after it has moved", async () => {
    const { one, a, b } = await pair();
    await one.settle(b.members.leave());
    await b.members.shutdown();
    await one.until(() => a.members.get("web-2")?.state === "left");
    const received: string[] = [];
    const delegate = { notifyMsg: (message: Uint8Array): void => void received.push(text(message)) };
    const moved = await one.start({ name: "web-2", host: "10.0.0.55", delegate });
    await one.settle(moved.members.join([a.seed]));
    await one.until(() => a.members.get("web-2")?.state === "alive");
    a.members.sendBestEffort("web-2", bytes("there?"));
    await one.advance(100);
    expect(received).toEqual(["there?"]);
  });
});

describe("get()", () => {
  it("returns the member of that name, equal to its entry in members()", async () => {
    const { a } = await pair();
    expect(a.members.get("web-2")).toEqual(a.members.members({ states: ["alive"] }).find(({ name }) => name === "web-2"));
    expect(a.members.get("web-1")).toMatchObject({ name: "web-1", addr: "10.0.0.1", state: "alive", rtt: undefined });
  });

  it("returns a member that has left, with its cause, until it is forgotten", async () => {
    const { one, a, b } = await pair();
    await one.settle(b.members.leave());
    await one.until(() => a.members.get("web-2")?.state === "left");
    expect(a.members.get("web-2")).toMatchObject({ state: "left", cause: { code: "left" } });
    await b.members.shutdown();
    await one.until(() => a.members.get("web-2") === undefined, 600_000);
    expect(a.members.members({})).toHaveLength(1);
  });

  it("returns undefined for any other value", async () => {
    const { a } = await pair();
    expect(["", "web-3", undefined, 5, "__proto__"].map((name) => a.members.get(name as string))).toEqual(
      Array.from({ length: 5 }, () => undefined),
    );
  });
});

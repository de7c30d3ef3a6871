import { describe, expect, it } from "vitest";
import { createClusterCa, issueNodeCertificate } from "../../src/certificates/index.ts";
import { MemberlistError, srvSeeds, TransmitLimitedQueue, type Memberlist } from "../../src/index.ts";
import { streamOnly } from "../../src/stream-only/stream-only.ts";
import { MemoryNetwork, SeededRandom, VirtualClock } from "../../src/testing/index.ts";
import { bytes, clusters } from "./cluster.ts";

const cluster = clusters();

type Call = (members: Memberlist, options: never) => unknown;

/** Each call with options: a misspelt option, its correct name, and invalid values. */
const calls: Readonly<Record<string, readonly [call: Call, misspelt: string, meant: string, wrong: readonly object[]]>> = {
  join: [
    (members, options) => members.join(["10.0.0.99"], options),
    "minReach",
    "minReached",
    [{ timeout: "1" }, { signal: {} }, { concurrency: "2" }, { minReached: null }],
  ],
  ready: [
    (members, options) => members.ready(options),
    "timeuot",
    "timeout",
    [{ members: "2" }, { timeout: NaN }, { signal: 1 }],
  ],
  leave: [(members, options) => members.leave(options), "Timeout", "timeout", [{ timeout: -1 }, { signal: null }]],
  updateNode: [(members, options) => members.updateNode(options), "metas", "meta", [{ meta: "text" }, { timeout: "0" }]],
  ping: [(members, options) => members.ping("10.0.0.99", options), "signals", "signal", [{ signal: "stop" }]],
  sendReliable: [
    (members, options) => members.sendReliable("10.0.0.99", bytes("x"), options),
    "timeouts",
    "timeout",
    [{ timeout: {} }, { signal: [] }],
  ],
  broadcast: [
    (members, options) => members.broadcast(bytes("x"), options),
    "whenToLong",
    "whenTooLong",
    [{ name: 5 }, { whenTooLong: "drop" }, { signal: {} }],
  ],
  members: [(members, options) => members.members(options), "state", "states", [{ states: "dead" }, { states: ["alife"] }]],
  events: [
    (members, options) => members.events(options),
    "capasity",
    "capacity",
    [{ capacity: 0 }, { capacity: "9" }, { signal: 1 }],
  ],
  setGossipVerify: [
    (members, options) => members.setGossipVerify(options),
    "incomming",
    "incoming",
    [{ incoming: 1 }, { outgoing: "yes" }],
  ],
};

describe.each(Object.entries(calls))("%s()", (name, [call, misspelt, meant, wrong]) => {
  it("refuses an unknown option, and suggests a similar name", async () => {
    const error = await failureOf(call, { [misspelt]: undefined });
    expect(error.message).toBe(`${name}: ${misspelt} is not an option; did you mean ${meant}?`);
    expect(error).toMatchObject({ code: "invalid_argument", details: { option: misspelt }, stateChanged: false });
  });

  it.each([[null], [5], ["text"], [[]]])("refuses %j as options", async (options) => {
    expect(await failureOf(call, options)).toMatchObject({ code: "invalid_argument" });
  });

  it.each(wrong)("refuses %o", async (options) => {
    const [option] = Object.keys(options) as [string];
    const error = await failureOf(call, options);
    expect(error).toMatchObject({ code: "invalid_argument", details: { option } });
    expect(error.message).toMatch(new RegExp(`^${name}: ${option} must be .+; it is .+$`));
  });
});

async function failureOf(call: Call, options: unknown): Promise<MemberlistError> {
  const one = cluster();
  const { members } = await one.start({ secretKey: new Uint8Array(16) });
  try {
    await one.settle(Promise.resolve(call(members, options as never)));
  } catch (error) {
    if (error instanceof MemberlistError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

it("starts nothing when it refuses the options", async () => {
  const one = cluster();
  const [first, second] = await one.joined(2);
  if (first === undefined || second === undefined) throw new Error("two nodes were started");
  await expect(second.members.leave({ timeuot: 1 } as never)).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(second.members.updateNode({ meta: bytes("new"), x: 1 } as never)).rejects.toMatchObject({
    code: "invalid_argument",
  });
  expect(second.members.localNode()).toMatchObject({ state: "alive", meta: bytes("") });
  expect(first.members.numMembers()).toBe(2);
});

it.each(["", undefined, 5])("refuses the service %j in srvSeeds()", (service) => {
  expect(() => srvSeeds(service as string)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
});

describe("a constructor", () => {
  const clock = new VirtualClock();
  const inner = new MemoryNetwork({ clock, random: new SeededRandom(1) }).transport();
  const queue = { numNodes: () => 1, retransmitMult: 1, maxPayload: () => 1_000 };

  it.each([
    ["streamOnly", "ackTimout", () => streamOnly(inner, { port: 1, ackTimout: 5 } as never)],
    ["streamOnly", "ackTimeout", () => streamOnly(inner, { port: 1, ackTimeout: 0 })],
    ["streamOnly", "maxLinks", () => streamOnly(inner, { port: 1, maxLinks: 1.5 })],
    ["streamOnly", "port", () => streamOnly(inner, { port: "7946" } as never)],
    ["streamOnly", "port", () => streamOnly(inner, {} as never)],
    ["createClusterCa", "valid", () => createClusterCa({ valid: 5 } as never)],
    ["createClusterCa", "name", () => createClusterCa({ name: 5 } as never)],
    [
      "issueNodeCertificate",
      "labels",
      () => issueNodeCertificate({ certificate: "", key: "" }, { name: "a", labels: "b" } as never),
    ],
    ["issueNodeCertificate", "name", () => issueNodeCertificate({ certificate: "", key: "" }, {} as never)],
    ["TransmitLimitedQueue", "maxCounts", () => new TransmitLimitedQueue({ ...queue, maxCounts: 5 } as never)],
    ["TransmitLimitedQueue", "numNodes", () => new TransmitLimitedQueue({ ...queue, numNodes: 5 } as never)],
    ["TransmitLimitedQueue", "maxPayload", () => new TransmitLimitedQueue({ ...queue, maxPayload: undefined } as never)],
  ])("checks its options: %s refuses %s", async (call, option, action) => {
    const error = await Promise.resolve()
      .then<unknown>(action)
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    expect(error).toMatchObject({ code: "invalid_argument", details: { option } });
    expect((error as MemberlistError).message).toMatch(new RegExp(`^${call}: ${option} `));
  });
});

import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/api/errors.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { lanConfig } from "../../src/config/defaults.ts";
import type { Config } from "../../src/config/config.ts";
import { configRules } from "../../src/config/rules.ts";
import { Keyring } from "../../src/encryption/keyring.ts";
import { limitMaxima } from "../../src/config/limits.ts";
import { SeededRandom } from "../../src/testing/seeded-random.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

const call = (): void => {};
const longest = 2 ** 31 - 1;
const text = { wrong: [1, null, {}, ["a"]] };
const flag = { valid: [true, false], wrong: [0, 1, "true", null] };
const durations = { valid: [1, 1.5, 1_000, longest], wrong: [0, -1, 0.5, longest + 1, Infinity, NaN, "1s", null, 5n] };
const optional = { valid: [0, 1, longest], wrong: [-1, 0.5, longest + 1, Infinity, NaN, "0", null] };
const whole = (min: number, max: number): Cases => ({
  valid: [min, max],
  wrong: [min - 1, max + 1, min + 0.5, NaN, String(min), null],
});
const methods = (required: readonly string[], others: readonly string[] = []): Cases => {
  const full = Object.fromEntries([...required, ...others].map((name) => [name, call]));
  class Derived extends class {
    base(): void {}
  } {}
  for (const name of required) Object.defineProperty(Derived.prototype, name, { value: call });
  return {
    valid: [full, Object.fromEntries(required.map((name) => [name, call])), new Derived()],
    wrong: [
      null,
      "x",
      5,
      [],
      call,
      ...Object.keys(full).map((name) => ({ ...full, [name]: 1 })),
      ...required.map((name) => ({ ...full, [name]: undefined })),
    ],
  };
};

const transports = methods(["finalAdvertiseAddr", "writeTo", "dial", "listen", "shutdown"], ["resolve"]);
/** All methods of a keyring, without `size` and `revision`. */
const ringWithoutSize = { addKey: call, useKey: call, removeKey: call, getKeys: () => [], getPrimaryKey: call };

interface Cases {
  readonly valid: readonly unknown[];
  readonly wrong: readonly unknown[];
  /** Fields that must be set beside the valid values. */
  readonly beside?: Partial<Config>;
}

const cases: { readonly [Field in keyof Required<Config>]: Cases } = {
  name: { valid: ["a", "n".repeat(255), "ü".repeat(127)], wrong: ["", "n".repeat(256), "ü".repeat(128), ...text.wrong] },
  transport: {
    valid: [...transports.valid, { ...(transports.valid[0] as object), crypto: { aesGcm: call } }],
    wrong: [...transports.wrong, ...[null, {}, call].map((crypto) => ({ ...(transports.valid[0] as object), crypto }))],
  },
  label: { valid: ["", "l".repeat(255), "€".repeat(85)], wrong: ["l".repeat(256), "€".repeat(86), ...text.wrong] },
  skipInboundLabelCheck: flag,
  bindAddr: {
    valid: ["0.0.0.0", "::", "127.0.0.1", "fe80::1%eth0"],
    wrong: ["", "localhost", "1.2.3", "1.2.3.4:80", ...text.wrong],
  },
  bindPort: whole(0, 65_535),
  advertiseAddr: {
    valid: ["", "10.1.2.3", "2001:db8::1", () => "10.1.2.3"],
    wrong: ["0.0.0.0", "::", "fe80::1%eth0", "example.org", ...text.wrong],
  },
  advertisePort: whole(0, 65_535),
  addressCheckInterval: optional,
  protocolVersion: whole(1, 5),
  tcpTimeout: durations,
  indirectChecks: whole(0, 1_000),
  retransmitMult: whole(1, 1_000),
  suspicionMult: whole(1, 1_000),
  suspicionMaxTimeoutMult: whole(1, 1_000),
  pushPullInterval: optional,
  probeInterval: { ...optional, valid: [0, 2, 100_000], beside: { probeTimeout: 1 } },
  probeTimeout: { ...durations, beside: { probeInterval: 0 } },
  disableTcpPings: flag,
  disableTcpPingsForNode: { valid: [() => true], wrong: [true, {}, null, "x"] },
  awarenessMaxMultiplier: whole(1, 1_000),
  gossipInterval: optional,
  gossipNodes: whole(0, 1_000),
  gossipToTheDeadTime: optional,
  gossipVerifyIncoming: flag,
  gossipVerifyOutgoing: flag,
  enableCompression: flag,
  userBroadcastShare: { valid: [0, 0.25, 1], wrong: [-0.1, 1.1, Number.NaN, "0.5", null] },
  lagAwareness: flag,
  coalesceMessages: flag,
  selectNodes: { valid: [() => []], wrong: [true, {}, null, "x"] },
  secretKey: {
    valid: [0, 16, 24, 32].map((size) => new Uint8Array(size)),
    wrong: [
      ...[1, 15, 17, 31, 33].map((size) => new Uint8Array(size)),
      "0123456789abcdef",
      Array.from({ length: 16 }, () => 0),
      null,
    ],
  },
  keyring: {
    valid: [new Keyring(), new Keyring([], new Uint8Array(16))],
    wrong: [null, "x", [new Uint8Array(16)], {}, new Uint8Array(16), ringWithoutSize, { ...ringWithoutSize, size: 0 }],
  },
  delegate: methods([], ["nodeMeta", "notifyMsg", "getBroadcasts", "localState", "mergeRemoteState"]),
  delegateProtocolVersion: { ...whole(0, 255), beside: { delegateProtocolMax: 255 } },
  delegateProtocolMin: { ...whole(0, 255), beside: { delegateProtocolVersion: 255, delegateProtocolMax: 255 } },
  delegateProtocolMax: whole(0, 255),
  events: methods([], ["notifyJoin", "notifyLeave", "notifyUpdate"]),
  conflict: methods(["notifyConflict"]),
  merge: methods(["notifyMerge"]),
  ping: methods([], ["ackPayload", "notifyPingComplete"]),
  alive: methods(["notifyAlive"]),
  dnsConfigPath: { valid: ["", "/tmp/resolv.conf"], wrong: ["/etc/\0", ...text.wrong] },
  logOutput: methods(["write"]),
  logger: methods(["debug", "info", "warn", "error"]),
  handoffQueueDepth: whole(1, 1_000_000),
  udpBufferSize: whole(128, 65_507),
  deadNodeReclaimTime: optional,
  requireNodeNames: flag,
  cidrsAllowed: {
    valid: [[], ["10.0.0.0/8", "fd00::/8", "::1/128", " 0.0.0.0/0 "]],
    wrong: [["10.0.0.0"], ["10.0.0.0/33"], ["fd00::/129"], ["10.0.0.0/8", "x"], [5], "10.0.0.0/8", null, {}],
  },
  broadcastQueue: {
    valid: [{}, { maxCount: 1, maxBytes: Infinity, whenFull: "reject" }, { whenFull: undefined }],
    wrong: [null, 5, [], { maxCounts: 1 }, { maxCount: 0 }, { maxBytes: NaN }, { maxBytes: "1" }, { whenFull: "drop" }],
  },
  limits: {
    valid: [{}, { maxPushStateBytes: 1 }, { maxPushStateBytes: undefined }, limitMaxima],
    wrong: [
      null,
      5,
      [],
      { maxPushStateByte: 1 },
      ...Object.entries(limitMaxima).flatMap(([name, most]) =>
        [0, 1.5, most + 1, NaN, "1", null].map((value) => ({ [name]: value })),
      ),
    ],
  },
  metricLabels: { valid: [{}, { dc: "eu" }], wrong: [{ dc: 1 }, { dc: undefined }, ["dc"], "dc", null] },
  queueCheckInterval: durations,
  meta: { valid: [new Uint8Array(0), new Uint8Array(512)], wrong: [new Uint8Array(513), "meta", [1], null] },
  tags: {
    valid: [{}, { role: "web" }, { a: "x".repeat(505) }, Object.assign(Object.create(null) as object, { role: "web" })],
    wrong: [null, "role=web", [], ["web"], { port: 80 }, { role: undefined }, new Map([["role", "web"]]), { a: "x".repeat(506) }],
  },
  metrics: methods(["increment", "gauge", "sample"]),
  clock: { ...methods(["now", "wallTime", "setTimeout", "clearTimeout", "defer"]), valid: [new VirtualClock()] },
  random: { ...methods(["next"]), valid: [new SeededRandom(1)] },
  eventsCapacity: whole(1, 1_000_000),
  healingInterval: optional,
  healingTimeout: optional,
  store: methods(["load", "save"]),
};

function wrongFields(config: object): string[] {
  try {
    resolveConfig({ name: "a", ...config });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.issues.map(({ field }) => field);
    throw error;
  }
}

describe("each field", () => {
  describe.each(Object.entries(cases))("%s", (field, { valid, wrong, beside }) => {
    it("accepts its smallest and largest values", () => {
      for (const value of valid) expect([value, wrongFields({ ...beside, [field]: value })]).toEqual([value, []]);
    });

    it("refuses values out of range and of other types", () => {
      for (const value of wrong) {
        expect([value, wrongFields({ ...beside, [field]: value })]).toEqual([value, [field]]);
      }
    });
  });

  it("comes with a rule and cases, and each default belongs to a field", () => {
    expect(Object.keys(cases).toSorted()).toEqual(Object.keys(configRules).toSorted());
    expect(Object.keys(configRules)).toEqual(expect.arrayContaining(Object.keys(lanConfig())));
    expect(Object.keys(configRules)).toHaveLength(63);
  });

  it("describes an object by its property names, without their values", () => {
    const many = Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`p${i}`, i]));
    for (const [config, shown] of [
      [{ logger: { debug: 5, info: "secret" } }, /; it is an object with debug: 5, info: a string$/],
      [{ logger: { debug: call, info: null } }, /; it is an object with debug: a function, info: null$/],
      [{ logger: many }, /p19: 19, …$/],
      [{ logger: {} }, /; it is an object$/],
    ] as const) {
      expect(() => resolveConfig({ name: "a", ...(config as object) })).toThrow(shown);
    }
  });

  it.each([1, 2, 3, 4, 5])("allows protocol version %i [Create_protocolVersion]", (protocolVersion) => {
    expect(wrongFields({ protocolVersion })).toEqual([]);
  });

  it.each([0, 6, 255])("refuses protocol version %i [Create_protocolVersion]", (protocolVersion) => {
    expect(wrongFields({ protocolVersion })).toEqual(["protocolVersion"]);
  });
});

describe("validation across fields", () => {
  it("leaves time for the indirect probes in the interval", () => {
    expect(wrongFields({ probeTimeout: 1_000, probeInterval: 1_000 })).toEqual(["probeTimeout"]);
    expect(wrongFields({ probeTimeout: 999, probeInterval: 1_000 })).toEqual([]);
    expect(wrongFields({ probeInterval: 500 })).toEqual(["probeTimeout"]);
    expect(wrongFields({ probeTimeout: 1_000, probeInterval: 0 })).toEqual([]);
  });

  it("keeps the longest suspicion within the longest timer", () => {
    const multipliers = { suspicionMult: 1_000, suspicionMaxTimeoutMult: 100 };
    expect(wrongFields({ ...multipliers, probeInterval: 3_067 })).toEqual([]);
    expect(wrongFields({ ...multipliers, probeInterval: 3_068 })).toEqual(["probeInterval"]);
    expect(wrongFields({ ...multipliers, probeInterval: 0 })).toEqual([]);
    const least = { suspicionMult: 1, suspicionMaxTimeoutMult: 1 };
    expect(wrongFields({ ...least, awarenessMaxMultiplier: 1_000, probeInterval: 2_147_483 })).toEqual([]);
    expect(wrongFields({ ...least, awarenessMaxMultiplier: 1_000, probeInterval: 2_147_484 })).toEqual(["probeInterval"]);
  });

  it("allows suspicions and probe intervals as long as the longest timer", () => {
    const least = { suspicionMult: 1, suspicionMaxTimeoutMult: 1, awarenessMaxMultiplier: 1 };
    expect((longest / 7) * 7).toBe(longest);
    expect(wrongFields({ ...least, probeInterval: longest / 7 })).toEqual([]);
    expect((longest / 8) * 8).toBe(longest);
    expect(wrongFields({ ...least, awarenessMaxMultiplier: 8, probeInterval: longest / 8 })).toEqual([]);
  });

  it.each([
    [0, 0, 0, true],
    [1, 2, 3, true],
    [2, 2, 2, true],
    [1, 0, 3, false],
    [1, 4, 3, false],
    [3, 2, 1, false],
    [0, 1, 0, false],
  ])(
    "requires the delegate's versions to be in order: %i, %i, %i",
    (delegateProtocolMin, delegateProtocolVersion, delegateProtocolMax, good) => {
      const found = wrongFields({ delegateProtocolMin, delegateProtocolVersion, delegateProtocolMax });
      expect(found).toEqual(good ? [] : ["delegateProtocolVersion"]);
    },
  );

  it("requires a packet size that holds the node's own alive message", () => {
    const large = { name: "n".repeat(255), label: "l".repeat(255), meta: new Uint8Array(512), secretKey: new Uint8Array(16) };
    expect(wrongFields(large)).toEqual([]);
    expect(wrongFields({ ...large, udpBufferSize: 1_154 })).toEqual([]);
    expect(wrongFields({ ...large, udpBufferSize: 1_153 })).toEqual(["udpBufferSize"]);
    expect(wrongFields({ udpBufferSize: 128 })).toEqual([]);
    // Without metadata the dead message, which has the name twice, is the longer one.
    expect(wrongFields({ name: "n".repeat(255), udpBufferSize: 559 })).toEqual([]);
    expect(wrongFields({ name: "n".repeat(255), udpBufferSize: 558 })).toEqual(["udpBufferSize"]);
    expect(wrongFields({ udpBufferSize: 128, keyring: new Keyring() })).toEqual(["udpBufferSize"]);
    expect(wrongFields({ udpBufferSize: 128, keyring: new Keyring([], new Uint8Array(16)) })).toEqual(["udpBufferSize"]);
  });

  it("compares with the defaults where a field is undefined", () => {
    expect(wrongFields({ probeTimeout: 1_000, probeInterval: undefined })).toEqual(["probeTimeout"]);
  });

  it("skips a rule when one of its fields is wrong by itself", () => {
    expect(wrongFields({ probeTimeout: "x", probeInterval: 1 })).toEqual(["probeTimeout"]);
    expect(wrongFields({ label: 5, keyring: 5, udpBufferSize: 128 })).toEqual(["label", "keyring"]);
  });
});

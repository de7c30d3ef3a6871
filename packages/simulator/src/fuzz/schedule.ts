import * as fc from "fast-check";
import type { LatencyModel } from "../latency.ts";
import type { AppConfig } from "../sim-node.ts";

const stepKinds = [
  "add",
  "block",
  "block-packets",
  "block-streams",
  "bandwidth",
  "calm",
  "crash",
  "drift",
  "duplicate",
  "heal",
  "hold",
  "join",
  "join-dns",
  "late",
  "leave",
  "loss",
  "message",
  "mtu",
  "partition",
  "pause",
  "release",
  "reorder",
  "restart",
  "restart-with-memory",
  "resume",
  "rotate-key",
  "stall",
  "update",
] as const;

/** One thing that happens, and how long it is until the next, in ms. `a` and `b` choose nodes, or how bad it is. */
export interface Step {
  readonly kind: (typeof stepKinds)[number];
  readonly a: number;
  readonly b: number;
  readonly wait: number;
}

/** A random run: all that it depends on. It can be written as JSON. */
export interface Schedule {
  readonly seed: number;
  readonly size: number;
  readonly config: AppConfig;
  /** In bytes; 0: no encryption. */
  readonly keySize: number;
  readonly latency: LatencyModel;
  readonly steps: readonly Step[];
}

const configs: fc.Arbitrary<AppConfig> = fc.record({
  suspicionMult: fc.integer({ min: 2, max: 5 }),
  suspicionMaxTimeoutMult: fc.integer({ min: 1, max: 6 }),
  indirectChecks: fc.integer({ min: 0, max: 3 }),
  retransmitMult: fc.integer({ min: 2, max: 4 }),
  gossipNodes: fc.integer({ min: 1, max: 4 }),
  gossipInterval: fc.constantFrom(100, 200, 500),
  pushPullInterval: fc.constantFrom(10_000, 30_000),
  gossipToTheDeadTime: fc.constantFrom(5_000, 30_000),
  enableCompression: fc.boolean(),
  disableTcpPings: fc.boolean(),
  protocolVersion: fc.constantFrom(1, 2, 5),
  udpBufferSize: fc.constantFrom(600, 1_400),
  label: fc.constantFrom("", "fuzz"),
});

const latencies: fc.Arbitrary<LatencyModel> = fc.oneof(
  fc.constantFrom<LatencyModel>(1, 40),
  fc.constant<LatencyModel>([1, 60]),
  fc.constant<LatencyModel>({ distribution: "exponential", min: 1, mean: 20 }),
  fc.constant<LatencyModel>({ distribution: "lognormal", median: 10, sigma: 1 }),
);

/** Without a bias towards small values: each seed is drawn only once, so no larger draw would follow. */
export const schedules: fc.Arbitrary<Schedule> = fc.noBias(
  fc.record({
    seed: fc.nat(1_000_000),
    size: fc.integer({ min: 2, max: 9 }),
    config: configs,
    keySize: fc.constantFrom(0, 0, 0, 16, 24, 32),
    latency: latencies,
    steps: fc.array(
      fc.record({
        kind: fc.constantFrom(...stepKinds),
        a: fc.nat(8),
        b: fc.nat(8),
        wait: fc.integer({ min: 10, max: 12_000 }),
      }),
      { minLength: 4, maxLength: 16 },
    ),
  }),
);

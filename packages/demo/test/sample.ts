import type { DemoEvent } from "../src/demo-event.ts";

const names = ["node-1", "node-2", "go-3"];

/** A short run, as a cluster would report it. */
export const sample: readonly DemoEvent[] = [
  { event: "begin", at: 1_000, agents: names, go: "go-3", config: { preset: "local", probeInterval: 500 } },
  { event: "step", at: 1_000, step: "start", title: "start 3 processes", status: "started" },
  ...names.map((agent, index) => running(agent, 100 + index)),
  passed("start", "start 3 processes", "ready", { "node-1": 12.3, "node-2": 1_234.5, "go-3": undefined }),
  { event: "step", at: 2_000, step: "join", title: "join node-1", status: "started" },
  ...names.flatMap((observer) => names.flatMap((node) => seen(observer, node))),
  { event: "message", at: 2_500, observer: "go-3", text: "hello" },
  { event: "meta", at: 2_600, observer: "go-3", node: "node-1", address: "127.0.0.1:7001", meta: "v2" },
  passed("join", "join node-1", "all alive", { "node-1": 5, "node-2": 6, "go-3": 7 }),
  { event: "note", at: 3_000, text: "something to know" },
  {
    event: "agent",
    at: 3_100,
    agent: "node-2",
    status: "killed",
    kind: "node",
    runtime: "node v20.19.0",
    address: "127.0.0.1:7002",
    pid: 101,
  },
  { event: "state", at: 3_200, observer: "node-1", node: "node-2", state: "suspect" },
  { event: "state", at: 3_300, observer: "go-3", node: "node-2", state: "dead" },
];

export const success: DemoEvent = {
  event: "summary",
  at: 4_000,
  ok: true,
  durationMs: 3_000,
  steps: [
    { step: "start", status: "passed", durationMs: 1_235 },
    { step: "join", status: "passed", durationMs: 7 },
  ],
  keeps: false,
};

function running(agent: string, pid: number): DemoEvent {
  const go = agent.startsWith("go");
  const runtime = go ? "go1.26.0, memberlist v0.7.0" : "node v20.19.0";
  return {
    event: "agent",
    at: 1_100,
    agent,
    status: "running",
    kind: go ? "go" : "node",
    runtime,
    address: `127.0.0.1:700${agent.at(-1)}`,
    pid,
  };
}

function seen(observer: string, node: string): readonly DemoEvent[] {
  return [
    { event: "state", at: 2_100, observer, node, state: "alive" },
    { event: "meta", at: 2_100, observer, node, address: `127.0.0.1:700${node.at(-1)}`, meta: "v1" },
  ];
}

function passed(step: string, title: string, what: string, after: Readonly<Record<string, number | undefined>>): DemoEvent {
  return { event: "step", at: 2_000, step, title, status: "passed", durationMs: 1_000, seen: [{ what, after }] };
}

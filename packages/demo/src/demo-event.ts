import type { PeerConfig, PeerNodeState } from "@memberlist/interop";

interface Timed {
  /** In ms since the Unix epoch, with fractions: the clocks of all agents are those of one machine. */
  readonly at: number;
}

/** What `start --json` prints before the run: a build has begun, or is over. */
export interface BuildEvent extends Timed {
  readonly event: "build";
  readonly status: "started" | "passed" | "failed";
  readonly what: string;
  /** When it is over. */
  readonly durationMs?: number;
  /** When it has failed; the run goes on without the Go peer. */
  readonly reason?: string;
}

/** The run begins. */
export interface BeginEvent extends Timed {
  readonly event: "begin";
  readonly agents: readonly string[];
  /** The agent that is the Go peer; absent without a Go peer, and a note gives the cause. */
  readonly go?: string;
  /** The fields that all agents share. */
  readonly config: Partial<PeerConfig>;
}

/** A process was started, or has ended. */
export interface AgentEvent extends Timed {
  readonly event: "agent";
  readonly agent: string;
  readonly status: "running" | "killed" | "left" | "stopped";
  readonly kind: "go" | "node";
  /** Such as "go1.25.4", "node v20.19.0". */
  readonly runtime: string;
  /** "ip:port" */
  readonly address: string;
  readonly pid: number;
}

/** One agent sees another in a state. */
export interface StateEvent extends Timed {
  readonly event: "state";
  readonly observer: string;
  readonly node: string;
  readonly state: PeerNodeState | "forgotten";
}

/** One agent has learned of a node's address and metadata. */
export interface MetaEvent extends Timed {
  readonly event: "meta";
  readonly observer: string;
  readonly node: string;
  readonly address: string;
  readonly meta: string;
}

/** A user broadcast has reached an agent. */
interface MessageEvent extends Timed {
  readonly event: "message";
  readonly observer: string;
  readonly text: string;
}

/** When each agent saw what a step waits for, in ms since the step's cause; absent: it never did. */
export interface Sighting {
  readonly what: string;
  readonly after: Readonly<Record<string, number | undefined>>;
}

export interface StepEvent extends Timed {
  readonly event: "step";
  readonly step: string;
  readonly title: string;
  readonly status: "started" | "passed" | "failed";
  /** When it is over. */
  readonly durationMs?: number;
  /** When it has passed. */
  readonly seen?: readonly Sighting[];
  /** When it has failed. */
  readonly reason?: string;
}

/** A remark of one line. */
interface NoteEvent extends Timed {
  readonly event: "note";
  readonly text: string;
}

export interface StepResult {
  readonly step: string;
  readonly status: "passed" | "failed" | "skipped";
  readonly durationMs: number;
}

/** All steps are over. */
export interface SummaryEvent extends Timed {
  readonly event: "summary";
  readonly ok: boolean;
  readonly durationMs: number;
  readonly steps: readonly StepResult[];
  /** The cluster goes on running; a {@link KeepEvent} follows. */
  readonly keeps: boolean;
  /** The step that failed. */
  readonly failed?: string;
  /** It was ended by Ctrl-C or the like. */
  readonly interrupted?: boolean;
}

/** The cluster is left running: how to join it. */
export interface KeepEvent extends Timed {
  readonly event: "keep";
  readonly addresses: readonly string[];
  /** Starts one more agent. */
  readonly command: string;
}

/** All that a run reports; with `--json`, one a line. */
export type DemoEvent =
  | BeginEvent
  | AgentEvent
  | StateEvent
  | MetaEvent
  | MessageEvent
  | StepEvent
  | NoteEvent
  | SummaryEvent
  | KeepEvent;

/** Takes an event: a view shows it. */
export type Report = (event: DemoEvent) => void;

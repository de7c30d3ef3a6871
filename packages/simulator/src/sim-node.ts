import type { Config, Memberlist, Node, NodeState } from "@memberlist/core";
import { createInstrumented, type Engine } from "@memberlist/core/internal";
import type { MemoryTransport } from "@memberlist/core/testing";
import type { AppClock } from "./app-clock.ts";
import type { NodeClock } from "./node-clock.ts";
import { SendGate } from "./send-gate.ts";
import { configOf, hooksOf, type Tunables } from "./tunables.ts";

/** The application's delegates, and its own config fields. */
export type AppConfig = Partial<Omit<Config, "name" | "transport" | "clock" | "random">>;

/** An event that a node reports about another one: join, leave (`subject.state` is dead or left) or update. */
export interface SimEvent {
  /** Virtual time, in ms. */
  readonly at: number;
  /** The node that reports the event. */
  readonly observer: string;
  /** What happened. */
  readonly type: "join" | "leave" | "update";
  /** The node that the event is about. */
  readonly subject: Node;
}

/** Whether a node runs, has left, or has crashed. */
export type NodeStatus = "running" | "left" | "crashed";

export interface LifeOptions {
  readonly config: Config;
  readonly clock: NodeClock;
  readonly appClock: AppClock;
  readonly transport: MemoryTransport;
  readonly tunables: Partial<Tunables>;
  readonly onEvent: (type: SimEvent["type"], subject: Node) => void;
}

/** One life of a node, from its start to its crash or shutdown. */
export interface Life {
  readonly members: Memberlist;
  readonly clock: NodeClock;
  readonly appClock: AppClock;
  readonly transport: MemoryTransport;
  readonly engine: Engine;
  /** Runs an input that changes the engine. */
  readonly run: (input: () => void) => void;
  /** Stops periodic sends. */
  readonly gate: SendGate;
}

/** Starts a member. The simulation gets each event first, then the application. */
export async function startLife({ config, clock, appClock, transport, tunables, onEvent }: LifeOptions): Promise<Life> {
  const own = config.events;
  let engine: Engine | undefined;
  let run: Life["run"] = () => {};
  const gate = new SendGate((goOn) => run(goOn));
  const members = await createInstrumented(
    {
      ...config,
      ...configOf(tunables),
      clock,
      transport,
      events: {
        notifyJoin: (node) => {
          onEvent("join", node);
          own?.notifyJoin?.(node);
        },
        notifyLeave: (node) => {
          onEvent("leave", node);
          own?.notifyLeave?.(node);
        },
        notifyUpdate: (node) => {
          onEvent("update", node);
          own?.notifyUpdate?.(node);
        },
      },
    },
    {
      hooks: hooksOf(tunables, gate),
      onMember: ({ runtime }) => {
        engine = runtime.engine;
        run = (input) => {
          if (!runtime.isStopped) runtime.run(input);
        };
      },
    },
  );
  if (engine === undefined) throw new Error("the member has no engine");
  return { members, clock, appClock, transport, engine, run, gate };
}

/** A node of a simulation, through all of its lives. */
export interface SimNode {
  /** The name of the node. */
  readonly name: string;
  /** Its IP. */
  readonly host: string;
  /** Whether it runs. */
  readonly status: NodeStatus;
  /** The number of starts. */
  readonly lives: number;
  /** The running member; after a crash, the member of the last life. */
  readonly members: Memberlist;
  /** Its clock, with its drift and its pauses. */
  readonly clock: NodeClock;
  /** Its transport on the virtual network. */
  readonly transport: MemoryTransport;
}

/** A node's view of another one, which may be dead. */
export interface View {
  /** The state that the node believes. */
  readonly state: NodeState;
  /** The incarnation that the node knows. */
  readonly incarnation: number;
}

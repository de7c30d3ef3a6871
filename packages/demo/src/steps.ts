import { epochMs } from "@memberlist/interop";
import type { PeerNodeState } from "@memberlist/interop";
import type { Agent } from "./agent.ts";
import type { Cluster } from "./cluster.ts";
import type { Sighting } from "./demo-event.ts";

export interface Step {
  readonly name: string;
  readonly title: string;
  /** In ms. */
  readonly deadline: number;
  readonly run: () => Promise<readonly Sighting[]>;
}

/** What each agent publishes at its start, and what one of them changes it to. */
export const firstMeta = "v1";
const secondMeta = "v2";

const restartInterval = 250;

/** What the cluster goes through. Its first four agents and its last play the parts. */
export function demoSteps(cluster: Cluster): readonly Step[] {
  const { agents } = cluster;
  const [seed, publisher, victim, leaver] = agents;
  const speaker = agents.at(-1);
  if (seed === undefined || publisher === undefined || victim === undefined || leaver === undefined || speaker === undefined) {
    throw new RangeError("the steps need four agents at least");
  }
  return [
    { name: "start", title: `start ${agents.length} processes`, deadline: 20_000, run: () => start(cluster) },
    {
      name: "join",
      title: `join ${seed.name}, until every agent sees all ${agents.length} alive`,
      deadline: 15_000,
      run: () => join(cluster, seed),
    },
    {
      name: "broadcast",
      title: `a user broadcast by ${speaker.name} reaches all`,
      deadline: 10_000,
      run: () => broadcast(cluster, speaker),
    },
    {
      name: "metadata",
      title: `${publisher.name} changes its metadata from "${firstMeta}" to "${secondMeta}", seen by all`,
      deadline: 10_000,
      run: () => changeMeta(cluster, publisher),
    },
    {
      name: "kill",
      title: `${victim.name} is killed (SIGKILL): suspect, then dead`,
      deadline: 25_000,
      run: () => kill(cluster, victim),
    },
    {
      name: "restart",
      title: `${victim.name} is started again: back with all`,
      deadline: 20_000,
      run: () => restart(cluster, victim, seed),
    },
    {
      name: "leave",
      title: `${leaver.name} leaves: left with all, and never dead`,
      deadline: 15_000,
      run: () => leave(cluster, leaver),
    },
  ];
}

async function start(cluster: Cluster): Promise<readonly Sighting[]> {
  const since = epochMs();
  const after: Record<string, number> = {};
  const starting = cluster.agents.map(async (agent) => {
    await cluster.start(agent);
    after[agent.name] = epochMs() - since;
  });
  // The wait is there for its words, should the deadline come first.
  const ready = cluster.until(() => cluster.agents.filter((agent) => !agent.isRunning).map(({ name }) => `${name} is not ready`));
  await Promise.all([...starting, ready]);
  return [inOrder(cluster, { what: "ready", after })];
}

async function join(cluster: Cluster, seed: Agent): Promise<readonly Sighting[]> {
  const since = epochMs();
  await Promise.all(cluster.agents.filter((agent) => agent !== seed).map((agent) => agent.peer.join(seed.address)));
  return [await sighting(cluster, "all alive", since, cluster.running, (agent) => seesAllAlive(cluster, agent))];
}

async function broadcast(cluster: Cluster, speaker: Agent): Promise<readonly Sighting[]> {
  const text = `hello from ${speaker.name}`;
  const since = await speaker.broadcast(text);
  const hearers = cluster.running.filter((agent) => agent !== speaker);
  return [
    await sighting(cluster, "received", since, hearers, (agent) => ({ at: agent.messages.get(text), instead: "has not got it" })),
  ];
}

async function changeMeta(cluster: Cluster, publisher: Agent): Promise<readonly Sighting[]> {
  const since = epochMs();
  await publisher.peer.updateMeta(secondMeta);
  const others = cluster.running.filter((agent) => agent !== publisher);
  return [
    await sighting(cluster, "updated", since, others, (agent) => {
      const meta = agent.metas.get(publisher.name);
      return { at: meta?.text === secondMeta ? meta.at : undefined, instead: `has "${meta?.text ?? ""}"` };
    }),
  ];
}

async function kill(cluster: Cluster, victim: Agent): Promise<readonly Sighting[]> {
  const since = await victim.kill();
  const dead = await sighting(cluster, "dead", since, cluster.running, (agent) => sees(agent, victim, "dead"));
  const suspects = cluster.running.map(
    (agent) => [agent.name, elapsed(agent.firstSaw(victim.name, "suspect", since), since)] as const,
  );
  const suspect = { what: "suspect", after: Object.fromEntries(suspects) };
  if (suspects.every(([, after]) => after === undefined)) throw new Error(`${victim.name} was declared dead without a suspicion`);
  return [suspect, dead];
}

async function restart(cluster: Cluster, victim: Agent, seed: Agent): Promise<readonly Sighting[]> {
  const since = epochMs();
  await startAgain(cluster, victim);
  const ready = epochMs();
  await victim.peer.join(seed.address);
  const back = await sighting(cluster, "alive", since, cluster.running, (agent) =>
    agent === victim ? seesAllAlive(cluster, victim) : sees(agent, victim, "alive"),
  );
  return [{ what: "ready", after: { [victim.name]: ready - since } }, back];
}

async function leave(cluster: Cluster, leaver: Agent): Promise<readonly Sighting[]> {
  const since = await leaver.leave();
  const others = cluster.running.filter((agent) => agent !== leaver);
  const left = await sighting(cluster, "left", since, others, (agent) => sees(agent, leaver, "left"));
  await leaver.stop("left");
  const wrong = others.find((agent) => agent.firstSaw(leaver.name, "dead", since) !== undefined);
  if (wrong !== undefined) throw new Error(`${wrong.name} saw ${leaver.name} dead, though it left`);
  return [left];
}

/** Its port may just be somebody's: then once more, until the step's deadline. */
async function startAgain(cluster: Cluster, agent: Agent): Promise<void> {
  for (;;) {
    try {
      return await cluster.start(agent);
    } catch (error) {
      if (!/EADDRINUSE|bind_failed|address already in use/i.test(String(error))) throw error;
      await new Promise((resolve) => setTimeout(resolve, restartInterval));
    }
  }
}

/** When an agent came to see what is waited for; while it does not, what it sees instead. */
interface Look {
  readonly at: number | undefined;
  readonly instead: string;
}

async function sighting(
  cluster: Cluster,
  what: string,
  since: number,
  observers: readonly Agent[],
  look: (agent: Agent) => Look,
): Promise<Sighting> {
  await cluster.until(() =>
    observers.flatMap((agent) => {
      const { at, instead } = look(agent);
      return at === undefined ? [`${agent.name} ${instead}`] : [];
    }),
  );
  return { what, after: Object.fromEntries(observers.map((agent) => [agent.name, elapsed(look(agent).at, since)])) };
}

function sees(agent: Agent, other: Agent, state: PeerNodeState): Look {
  const seen = agent.seen.get(other.name);
  const instead = `sees ${other.name} ${seen?.state ?? "not at all"}`;
  return { at: seen?.state === state ? seen.at : undefined, instead };
}

/** All agents whose processes run. */
function seesAllAlive(cluster: Cluster, agent: Agent): Look {
  const looks = cluster.running.map((other) => sees(agent, other, "alive"));
  const lacking = looks.find((look) => look.at === undefined);
  return lacking ?? { at: Math.max(...looks.map((look) => look.at ?? 0)), instead: "" };
}

/** An agent may have noticed something of its own before the cause was over: no negative times. */
function elapsed(at: number | undefined, since: number): number | undefined {
  return at === undefined ? undefined : Math.max(0, at - since);
}

function inOrder(cluster: Cluster, { what, after }: Sighting): Sighting {
  return { what, after: Object.fromEntries(cluster.agents.map(({ name }) => [name, after[name]])) };
}

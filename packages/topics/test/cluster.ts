import { simulate, type SimulateOptions, type Simulation } from "@memberlist/simulator";
import { createTopics, type Topics, type TopicMessage, type TopicsOptions } from "../src/index.ts";

/** A member with topics, and the messages of the topic "prices" that it got. */
export interface Subscriber {
  readonly topics: Topics;
  readonly got: TopicMessage[];
}

/** A simulated cluster in which every member subscribes to "prices". */
export class TopicsCluster {
  readonly sim: Simulation;
  readonly subscribers: Map<string, Subscriber> = new Map();
  readonly #options: TopicsOptions;

  private constructor(sim: Simulation, options: TopicsOptions) {
    this.sim = sim;
    this.#options = options;
  }

  static async of(options: SimulateOptions, topics: TopicsOptions = {}): Promise<TopicsCluster> {
    const cluster = new TopicsCluster(await simulate({ latency: [1, 20], ...options }), topics);
    for (const name of cluster.sim.names) cluster.subscribe(name);
    return cluster;
  }

  /** Creates the topics of a node that has just started. */
  subscribe(name: string): Subscriber {
    const topics = createTopics(this.sim.node(name).members, this.#options);
    const got: TopicMessage[] = [];
    topics.subscribe("prices", (message) => void got.push(message));
    const subscriber = { topics, got };
    this.subscribers.set(name, subscriber);
    return subscriber;
  }

  of(name: string): Subscriber {
    const subscriber = this.subscribers.get(name);
    if (subscriber === undefined) throw new Error(`no member is named ${name}`);
    return subscriber;
  }

  /** Publishes in "prices". */
  publish(name: string, payload: unknown, retain: boolean = false): Promise<boolean> {
    return this.sim.clock.settle(this.of(name).topics.publish("prices", payload, { retain }));
  }

  /** The payloads that a member got, of one sender or of all. */
  texts(name: string, sender?: string): unknown[] {
    return this.of(name)
      .got.filter((message) => sender === undefined || message.sender === sender)
      .map((message) => message.json());
  }

  /** Advances until each of the members has so many messages. @returns the time that it took */
  async untilAllHave(count: number, limit: number = 60_000, names: readonly string[] = this.sim.names): Promise<number> {
    const begun = this.sim.clock.now();
    await this.sim.clock.runUntil(() => names.every((name) => this.of(name).got.length >= count), { limit });
    return this.sim.clock.now() - begun;
  }

  async end(): Promise<void> {
    for (const { topics } of this.subscribers.values()) topics.close();
    await this.sim.end();
  }
}

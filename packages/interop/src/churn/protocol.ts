/** What a peer does in a run of `pnpm churn`, and what it reports. */

/** All members publish in these in turn; each of ours subscribes to the first two, and to one of the others. */
export const topicNames = ["orders", "prices", "north", "south"] as const;
export type TopicName = (typeof topicNames)[number];

/** All members publish a retained value in it now and then, and end with the same one. */
export const retainedTopic = "config";

export interface WorkOrder {
  /** One run of one process: a name that no other run has. */
  readonly run: string;
  readonly subscribes: readonly TopicName[];
  /** By handlers, or by async iterators. */
  readonly by: "handler" | "iterator";
  /** In ms: how often it publishes a message, and how often it sends a request. */
  readonly publishInterval: number;
  readonly requestInterval: number;
  readonly requestTimeout: number;
  /** Of the topics, in ms. */
  readonly retention: number;
}

/** The payload of a message, as JSON. */
export interface Published {
  readonly run: string;
  /** Counts the messages of the run, from 1. They go to {@link topicNames} in turn. */
  readonly number: number;
  /** In ms since the epoch. */
  readonly at: number;
}

/** Counters at the end of the work. */
export interface WorkCounters {
  /** Messages that the topics have given up, could not decode, or dropped early; failed handlers and messages lost by a slow iterator. All should be 0. */
  readonly lost: number;
  readonly repaired: number;
  /** Requests that a handler got more than once. */
  readonly handledTwice: number;
  /** The owners of some keys in this member's ring, and the leader: the same at all members that see the same members. */
  readonly owners: string;
}

/** A message is about to be published. Its line is written first, so that no process knows the message before this program does. */
interface PublishedEvent extends Published {
  readonly event: "published";
}

/** Messages that subscriptions got, in this order: the run, the number, and the delay in ms. */
interface DeliveredEvent {
  readonly event: "delivered";
  readonly at: number;
  readonly messages: readonly (readonly [run: string, number: number, delay: number])[];
}

/** The value of {@link retainedTopic} has changed. */
interface RetainedEvent {
  readonly event: "retained";
  readonly at: number;
  readonly value: string;
}

/** A request has ended. `requestAll` reports each member that it has asked. */
export interface RequestEvent {
  readonly event: "request";
  readonly at: number;
  readonly startedAt: number;
  readonly to: string;
  /** The code of its error, `missing` for a member that did not answer `requestAll`, `wrong_answer`. Absent if it was answered. */
  readonly code?: string;
}

export type ChurnEvent = PublishedEvent | DeliveredEvent | RetainedEvent | RequestEvent;

/** The topic of a message. */
export function topicOf(number: number): TopicName {
  return topicNames[number % topicNames.length] as TopicName;
}

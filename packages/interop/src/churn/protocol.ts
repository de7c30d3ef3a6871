/** The work of a peer in `pnpm churn`, and its reports. */

/** All members publish in these topics in turn. Each of this library subscribes to the first two, and to one of the others. */
export const topicNames = ["orders", "prices", "north", "south"] as const;
export type TopicName = (typeof topicNames)[number];

/** All members of this library publish retained values in this topic, and must end with the same one. */
export const retainedTopic = "config";

export interface WorkOrder {
  /** The unique name of one run of one process. */
  readonly run: string;
  readonly subscribes: readonly TopicName[];
  /** Whether its subscriptions are handlers or async iterators. */
  readonly by: "handler" | "iterator";
  /** In ms: the time from one message to the next, and from one request to the next. */
  readonly publishInterval: number;
  readonly requestInterval: number;
  readonly requestTimeout: number;
  /** The option of the topics, in ms. */
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
  /** Messages that the topics gave up, refused or dropped early, that a slow iterator lost, and failed handlers: should be 0. */
  readonly lost: number;
  readonly repaired: number;
  /** Requests that a handler got more than once. */
  readonly handledTwice: number;
  /** The owners of some keys in this member's ring, and the leader. Members that see the same members must have the same ones. */
  readonly owners: string;
}

/** A peer is about to publish a message. It prints this event first, so that the ledger knows each message before its deliveries. */
interface PublishedEvent extends Published {
  readonly event: "published";
}

/** Messages that subscriptions got, in order: the run, the number, and the delay in ms. */
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

/** A request has ended. `requestAll` has one event for each member that it asked. */
export interface RequestEvent {
  readonly event: "request";
  readonly at: number;
  readonly startedAt: number;
  readonly to: string;
  /** The code of its error, `missing` if the member did not answer `requestAll`, or `wrong_answer`. Absent after a right answer. */
  readonly code?: string;
}

export type ChurnEvent = PublishedEvent | DeliveredEvent | RetainedEvent | RequestEvent;

/** The topic of a message. */
export function topicOf(number: number): TopicName {
  return topicNames[number % topicNames.length] as TopicName;
}

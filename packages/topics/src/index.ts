import type { TopicsMember, TopicsOptions } from "./options.ts";
import { Topics } from "./topics.ts";

/**
 * Publish/subscribe among the members of a cluster. Call it right after `createMemberlist`, at all members.
 *
 * @param members a running member
 * @throws MemberlistError `channel_exists` if the channel is open already, `invalid_argument`, `shutdown`
 *
 * @example
 * const topics = createTopics(members);
 * topics.subscribe("prices", (message) => console.log(message.sender, message.json()));
 * await topics.publish("prices", { tea: 3.2 });
 */
export function createTopics(members: TopicsMember, options: TopicsOptions = {}): Topics {
  return new Topics(members, options);
}

export type { TopicsCounters } from "./counters.ts";
export type { TopicMessage } from "./topic-message.ts";
export type { TopicsMember, TopicsOptions } from "./options.ts";
export type { MessagesOptions, Subscription, TopicHandler } from "./subscriptions.ts";
export type { PublishOptions, Topics } from "./topics.ts";

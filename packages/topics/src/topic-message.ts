/** A message of a topic. */
export interface TopicMessage {
  /** The topic. */
  readonly topic: string;
  /** The payload. Do not change it: all subscribers of this process share it. */
  readonly payload: Uint8Array;
  /** The name of the member that published it. */
  readonly sender: string;
  /** When it was published, in ms since the Unix epoch, by the clock of this member. */
  readonly publishedAt: number;
  /** The subscriber gets the topic's last value, not a message that was published just now. */
  readonly isRetained: boolean;
  /** The payload as JSON. @throws SyntaxError if it is not JSON */
  json(): unknown;
}

/** What the processes of `bench attacks` say to each other: lines of JSON. */

import type { WorstStall } from "./stall-watch.ts";

/** The member that is attacked. */
export interface VictimTask {
  readonly name: string;
  /** Base64; null: plaintext. */
  readonly key: string | null;
  /** The application's state in a push/pull, in bytes. */
  readonly stateBytes: number;
  readonly streamOnly: boolean;
}

export interface VictimReady {
  readonly port: number;
  readonly pid: number;
}

export interface VictimMark {
  /** Of its event loop, since the last mark. */
  readonly stall: WorstStall;
  readonly members: number;
  /** How often its store was written since it started. */
  readonly saves: number;
  /** Refusals of strangers among its recent events. */
  readonly refusals: number;
  readonly counters: Readonly<Record<string, number>>;
}

/** What the process of an attacker, or of somebody who only pings, is to do; it answers once when it has begun, and once when asked for the outcome. */
export type AttackerTask =
  | { readonly do: "attack"; readonly attack: string; readonly port: number; readonly seconds: number }
  | {
      readonly do: "watch";
      readonly port: number;
      readonly name: string;
      readonly key: string | null;
      readonly streamOnly: boolean;
    };

/** What an attack has cost the attacker. */
export interface AttackCost {
  readonly packets: number;
  readonly streams: number;
  readonly bytes: number;
  /** Packets that the attacked member has sent to somebody else, whom the attacker has named. */
  readonly reflected: number;
}

/** What came of the pings. */
export interface Pings {
  readonly sent: number;
  readonly answered: number;
  /** Of the latest answer, in ms. */
  readonly latest: number;
}

import { lanConfig } from "@memberlist/core";
import { figure } from "../../../simulator/src/cli/table.ts";
import { maxRepliesPerPacket } from "../../../memberlist/src/wire/input-limits.ts";
import type { Attack } from "./attacks.ts";
import { joinsWanted, type Outcome } from "./measure.ts";

const { probeTimeout } = lanConfig();
/** Of the pings, even where the kernel throws most packets away. */
const answeredShare = 1 / 4;
/** How much more than its share of the lost packets the watcher may have lost by chance. */
const chance = 2;
/** In MiB. */
const memoryMax = 128;
/** What a member remembers of strangers. */
const refusalsMax = 32;

/** What the attacked member must not have suffered; empty where all is well. */
export function failuresOf(attack: Pick<Attack, "maxMemory">, outcome: Outcome): string[] {
  const { cost, joined, memory, quietSaves, refusals, suspected } = outcome;
  const failures = pingFailures(outcome);
  if (joined < joinsWanted) failures.push(`${joinsWanted - joined} of ${joinsWanted} joins failed`);
  if (suspected > 0) failures.push(`it was suspected ${suspected} times`);
  const reflectedMax = cost.packets * maxRepliesPerPacket;
  if (cost.reflected > reflectedMax)
    failures.push(`it sent ${cost.reflected} packets to an address that the attacker named (${reflectedMax} may)`);
  const { maxMemory = memoryMax } = attack;
  if (memory > maxMemory) failures.push(`its memory grew by ${figure(memory, 0)} MiB (${maxMemory} may)`);
  if (quietSaves > 0) failures.push(`strangers made it write its store ${quietSaves} times`);
  if (refusals > refusalsMax) failures.push(`it remembers ${refusals} refusals of strangers (${refusalsMax} may)`);
  return failures;
}

function pingFailures({ cost, pings, unread }: Outcome): string[] {
  const { answered, latest, sent } = pings;
  const failures: string[] = [];
  const lost = sent - answered;
  // The kernel drops unread packets of all senders.
  const excused = Math.ceil((chance * unread * sent) / (sent + cost.packets));
  if (lost > excused) failures.push(`${lost} of ${sent} pings were not answered (${excused} may be lost in the kernel)`);
  if (answered < sent * answeredShare || answered === 0) failures.push(`only ${answered} of ${sent} pings were answered`);
  if (latest > probeTimeout) failures.push(`an ack came after ${figure(latest, 0)} ms (probeTimeout is ${probeTimeout})`);
  return failures;
}

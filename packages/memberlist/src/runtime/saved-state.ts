import { canonicalIp, type Address } from "../api/address.ts";

/** The state that a node saves for its next start. */
export interface SavedState {
  readonly name: string;
  readonly label: string;
  /** The last incarnation. */
  readonly incarnation: number;
  /** Other live members; empty after a leave. */
  readonly members: readonly Address[];
}

export const savedMembersMax = 256;

const format = "memberlist-snapshot-1";
/** Far more than a saved state can have. */
const charsMax = 1_048_576;
const u32Max = 0xffff_ffff;

export function encodeSavedState(state: SavedState): string {
  return `${JSON.stringify({ format, ...state })}\n`;
}

/** @returns undefined if `text` is not a saved state */
export function decodeSavedState(text: string): SavedState | undefined {
  if (text.length > charsMax) return undefined;
  const parsed = parse(text);
  if (!isObject(parsed) || parsed["format"] !== format) return undefined;
  const { name, label, incarnation, members } = parsed;
  if (typeof name !== "string" || typeof label !== "string" || !isWhole(incarnation, u32Max)) return undefined;
  if (!Array.isArray(members) || members.length > savedMembersMax || !members.every(isAddress)) return undefined;
  return { name, label, incarnation, members };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isWhole(value: unknown, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max;
}

function isAddress(value: unknown): value is Address {
  if (!isObject(value)) return false;
  const { host, port, name } = value;
  return typeof name === "string" && typeof host === "string" && canonicalIp(host) === host && isWhole(port, 65_535) && port > 0;
}

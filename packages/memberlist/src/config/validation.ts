import { closest, distance } from "fastest-levenshtein";
import { configCrossRules, type MergedConfig } from "./cross-rules.ts";
import { lanConfig } from "./defaults.ts";
import type { Config } from "./fields.ts";
import { configRules, type ConfigRule } from "./rules.ts";
import { MemberlistError } from "../api/errors.ts";

/** One thing that is wrong in a config. */
export interface ConfigIssue {
  /** The field's name, or "config" for the whole. */
  readonly field: string;
  /** What was given, when that is a text, a number or the like; a description for objects; never anything of a secret. */
  readonly value: unknown;
  /** What it must be. */
  readonly expected: string;
  /** All of it in one line. */
  readonly message: string;
}

/** Everything that is wrong in a config, at once. Nothing has been opened or started. Code `invalid_config`. */
export class ConfigError extends MemberlistError {
  override readonly name: string = "ConfigError";
  readonly issues: readonly ConfigIssue[];

  constructor(issues: readonly ConfigIssue[]) {
    const lines = issues.map((issue) => `  ${issue.message}`).join("\n");
    super("invalid_config", `invalid config:\n${lines}`, { details: { fields: issues.map((issue) => issue.field) } });
    this.issues = issues;
  }
}

/**
 * Checks every field, and the rules between fields, with the LAN defaults for what is absent.
 *
 * @throws ConfigError `invalid_config`
 */
export function checkConfig(config: Config): void {
  const issues = findIssues(config);
  if (issues.length > 0) throw new ConfigError(issues);
}

function findIssues(config: unknown): ConfigIssue[] {
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    return [fieldIssue("config", config, "an object with at least a name")];
  }
  const given = new Map(Object.entries(config).filter(([, value]) => value !== undefined));
  const issues = Object.entries(configRules).flatMap(([field, rule]) => checkField(field, rule, given));
  const wrong = new Set(issues.map(({ field }) => field));
  const merged = { ...lanConfig(), ...Object.fromEntries(given) } as MergedConfig;
  for (const { fields, violated } of configCrossRules) {
    if (fields.some((field) => wrong.has(field))) continue;
    const expected = violated(merged);
    if (expected !== undefined) issues.push(fieldIssue(fields[0], merged[fields[0]], expected));
  }
  const unknown = Object.keys(config).filter((field) => !Object.hasOwn(configRules, field));
  return [...issues, ...unknown.map(unknownIssue)];
}

function checkField(field: string, rule: ConfigRule, given: ReadonlyMap<string, unknown>): ConfigIssue[] {
  const value = given.get(field);
  if (value === undefined && field !== "name") return [];
  return rule.accepts(value) ? [] : [fieldIssue(field, value, rule.expected, rule.secret)];
}

function fieldIssue(field: string, value: unknown, expected: string, secret = false): ConfigIssue {
  const shown = secret ? describeSecret(value) : describe(value);
  return issue(field, !secret && isPlain(value) ? value : shown, expected, shown);
}

function issue(field: string, value: unknown, expected: string, shown: string): ConfigIssue {
  return { field, value, expected, message: `${field} must be ${expected}; it is ${shown}` };
}

/** A misspelt `secretKey` is an unknown field, too: its value is not shown. */
function unknownIssue(field: string): ConfigIssue {
  const names = Object.keys(configRules);
  const folded = field.toLowerCase();
  const nearest = closest(
    folded,
    names.map((name) => name.toLowerCase()),
  );
  const near = distance(folded, nearest) <= Math.max(1, Math.floor(nearest.length / 3));
  const name = near ? names.find((candidate) => candidate.toLowerCase() === nearest) : undefined;
  const hint = name === undefined ? "" : `; did you mean ${name}?`;
  const expected = name === undefined ? "left out" : `left out, or ${name}`;
  return { field, value: "(not shown)", expected, message: `${JSON.stringify(field)} is not a config field${hint}` };
}

type Plain = string | number | boolean | bigint | null | undefined;

function isPlain(value: unknown): value is Plain {
  return value === null || ["string", "number", "boolean", "undefined", "bigint"].includes(typeof value);
}

function describe(value: unknown): string {
  if (typeof value === "string")
    return value.length <= 80 ? JSON.stringify(value) : `${JSON.stringify(value.slice(0, 80))}… (${value.length} characters)`;
  if (isPlain(value)) return value === undefined ? "missing" : String(value);
  if (value instanceof Uint8Array) return `a Uint8Array of ${value.length} bytes`;
  if (Array.isArray(value)) return `a list of ${value.length}${describeItems(value)}`;
  return typeof value === "object" && value !== null ? `an object${describeProperties(value)}` : `a ${typeof value}`;
}

/** Which property is wrong is to be seen; texts might be secrets of the application's own objects. */
function describeProperties(value: object): string {
  const properties = Object.entries(value);
  if (properties.length === 0) return "";
  const shown = properties.slice(0, 20).map(([name, property]) => `${name}: ${describeProperty(property)}`);
  return ` with ${shown.join(", ")}${properties.length > 20 ? ", …" : ""}`;
}

function describeProperty(value: unknown): string {
  if (typeof value === "string") return "a string";
  return isPlain(value) ? String(value) : `a ${typeof value}`;
}

/** Lists are CIDRs, which are no secret, and whose one wrong entry is to be found. */
function describeItems(items: readonly unknown[]): string {
  const shown = items
    .slice(0, 20)
    .map((item) => (typeof item === "string" ? JSON.stringify(item.slice(0, 80)) : `a ${typeof item}`));
  return items.length === 0 ? "" : `: ${shown.join(", ")}${items.length > 20 ? ", …" : ""}`;
}

function describeSecret(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes (not shown)`;
  return `of type ${value === null ? "null" : typeof value} (not shown)`;
}

import { lanConfig } from "./defaults.ts";
import type { Config, ResolvedConfig } from "./config.ts";
import { resolveLimits } from "./limits.ts";
import { systemClock } from "../ports/clock.ts";
import { systemRandom } from "../ports/random.ts";
import { copyBytes } from "../wire/bytes.ts";
import { configCrossRules, type MergedConfig, configRules } from "./rules.ts";
import { ConfigError, type ConfigIssue } from "../api/errors.ts";
import { closestName } from "../util/closest-name.ts";
import { describe, describeSecret, isPlain } from "../util/describe.ts";
import type { Rule } from "../util/value-rules.ts";

/**
 * Fills in the LAN defaults for missing (or undefined) fields, checks everything, and returns a frozen copy. A resolved config resolves
 * to the same values.
 *
 * @param otherFields the fields that a transport package adds to the config, for suggestions
 * @throws ConfigError `invalid_config` with every issue
 */
export function resolveConfig(config: Config, otherFields: readonly string[] = []): ResolvedConfig {
  checkConfig(config, otherFields);
  const given = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined)) as unknown as Config;
  const merged = { ...lanConfig(), clock: systemClock(), random: systemRandom(), ...given };
  const { secretKey, meta, tags, cidrsAllowed, metricLabels, limits, broadcastQueue } = merged;
  return Object.freeze({
    ...merged,
    limits: resolveLimits(limits),
    broadcastQueue: broadcastQueue === undefined ? undefined : Object.freeze({ ...broadcastQueue }),
    metricLabels: Object.freeze({ ...metricLabels }),
    secretKey: secretKey === undefined || secretKey.length === 0 ? undefined : copyBytes(secretKey),
    meta: meta === undefined ? undefined : copyBytes(meta),
    tags: tags === undefined ? undefined : Object.freeze({ ...tags }),
    cidrsAllowed: cidrsAllowed === undefined ? undefined : Object.freeze([...cidrsAllowed]),
  });
}

/**
 * Checks every field, and the rules between fields, with the LAN defaults for what is absent.
 *
 * @throws ConfigError `invalid_config`
 */
function checkConfig(config: Config, otherFields: readonly string[]): void {
  const issues = findIssues(config, otherFields);
  if (issues.length > 0) throw new ConfigError(issues);
}

function findIssues(config: unknown, otherFields: readonly string[]): ConfigIssue[] {
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
  return [...issues, ...unknown.map((field) => unknownIssue(field, otherFields))];
}

function checkField(field: string, rule: Rule, given: ReadonlyMap<string, unknown>): ConfigIssue[] {
  const value = given.get(field);
  if (value === undefined && field !== "name") return [];
  if (rule.accepts(value)) return [];
  const problem = rule.problem?.(value);
  if (problem === undefined) return [fieldIssue(field, value, rule.expected, rule.secret)];
  return [{ field, value: describe(value), expected: rule.expected, message: `${field}${problem}` }];
}

function fieldIssue(field: string, value: unknown, expected: string, secret = false): ConfigIssue {
  const shown = secret ? describeSecret(value) : describe(value);
  return issue(field, !secret && isPlain(value) ? value : shown, expected, shown);
}

function issue(field: string, value: unknown, expected: string, shown: string): ConfigIssue {
  return { field, value, expected, message: `${field} must be ${expected}; it is ${shown}` };
}

/** It does not show the value, because the field may be a misspelt `secretKey`. */
function unknownIssue(field: string, otherFields: readonly string[]): ConfigIssue {
  const name = closestName(field, [...Object.keys(configRules), ...otherFields]);
  const hint = name === undefined ? "" : `; did you mean ${name}?`;
  const expected = name === undefined ? "left out" : `left out, or ${name}`;
  return { field, value: "(not shown)", expected, message: `${JSON.stringify(field)} is not a config field${hint}` };
}

import { closestName } from "../util/closest-name.ts";
import { describe, describeSecret } from "../util/describe.ts";
import { isObject, type Rules } from "../util/rules.ts";
import { configError, MemberlistError } from "./errors.ts";

/**
 * Checks the options of a call: every defined or `required` option against its rule, and that there are no unknown options.
 *
 * @param call the name of the call for the message, such as `join`
 * @throws MemberlistError `invalid_argument` for the first wrong option (`details.option`)
 */
export function checkOptions<T extends object>(
  call: string,
  options: T,
  rules: Rules<T>,
  required: readonly (keyof T & string)[] = [],
): void {
  if (!isObject(options)) throw new MemberlistError("invalid_argument", `the options of ${call} must be an object`);
  const wrong = findWrong<T>(options, rules, required);
  if (wrong === undefined) return;
  const { option, problem } = wrong;
  throw new MemberlistError("invalid_argument", `${call}: ${option} ${problem}`, { details: { option } });
}

/**
 * As {@link checkOptions}, for an object within a config, such as `quic`.
 *
 * @throws ConfigError `invalid_config` for the first wrong field, such as `quic.idleTimeout`
 */
export function checkConfigPart<T extends object>(
  field: string,
  part: T,
  rules: Rules<T>,
  required: readonly (keyof T & string)[] = [],
): void {
  if (!isObject(part)) throw configError(field, "must be an object");
  const wrong = findWrong<T>(part, rules, required);
  if (wrong !== undefined) throw configError(`${field}.${wrong.option}`, wrong.problem);
}

interface WrongOption {
  readonly option: string;
  readonly problem: string;
}

function findWrong<T>(
  given: Readonly<Record<string, unknown>>,
  rules: Rules<T>,
  required: readonly string[],
): WrongOption | undefined {
  for (const [option, rule] of Object.entries<Rules<T>[keyof T]>(rules)) {
    const value = given[option];
    if (value === undefined && !required.includes(option)) continue;
    if (rule.accepts(value)) continue;
    const shown = rule.secret === true ? describeSecret(value) : describe(value);
    return { option, problem: `must be ${rule.expected}; it is ${shown}` };
  }
  const unknown = Object.keys(given).find((option) => !Object.hasOwn(rules, option));
  if (unknown === undefined) return undefined;
  const name = closestName(unknown, Object.keys(rules));
  return { option: unknown, problem: `is not an option${name === undefined ? "" : `; did you mean ${name}?`}` };
}

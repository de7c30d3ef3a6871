import { closestName } from "../util/closest-name.ts";
import { describe } from "../util/describe.ts";
import { isObject, type Rules } from "../util/rules.ts";
import { MemberlistError } from "./errors.ts";

/**
 * Checks the options of a call: each that is not undefined, or is `required`, against its rule, and that there are no others.
 *
 * @param call whose options these are, for the message: `join`
 * @throws MemberlistError `invalid_argument` for the first one that is wrong (`details.option`)
 */
export function checkOptions<T extends object>(
  call: string,
  options: T,
  rules: Rules<T>,
  required: readonly (keyof T & string)[] = [],
): void {
  if (!isObject(options)) throw new MemberlistError("invalid_argument", `the options of ${call} must be an object`);
  const given: Readonly<Record<string, unknown>> = options;
  for (const [option, rule] of Object.entries<Rules<T>[keyof T]>(rules)) {
    const value = given[option];
    if (value === undefined && !(required as readonly string[]).includes(option)) continue;
    if (!rule.accepts(value)) throw invalid(option, `must be ${rule.expected}; it is ${describe(value)}`, call);
  }
  const unknown = Object.keys(given).find((option) => !Object.hasOwn(rules, option));
  if (unknown === undefined) return;
  const name = closestName(unknown, Object.keys(rules));
  throw invalid(unknown, `is not an option${name === undefined ? "" : `; did you mean ${name}?`}`, call);
}

function invalid(option: string, problem: string, call: string): MemberlistError {
  return new MemberlistError("invalid_argument", `${call}: ${option} ${problem}`, { details: { option } });
}

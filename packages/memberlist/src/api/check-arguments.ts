import { closestName } from "../util/closest-name.ts";
import { describe, describeSecret } from "../util/describe.ts";
import { isObject, type Rule, type Rules } from "../util/value-rules.ts";
import { configError, MemberlistError } from "./errors.ts";
import { formatAddress, type Address } from "./address.ts";
import { copyBytes } from "../wire/bytes.ts";
import { metaMaxSize } from "../wire/constants.ts";
import { maxUserMsgBytes } from "../wire/input-limits.ts";

/**
 * Checks the options of a call: every defined or `required` option against its rule. It refuses unknown options.
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

/** The rule of an object within a config, such as `limits`. Its problem names the first wrong option only. */
export function optionsRule<T extends object>(rules: Rules<T>): Rule {
  const wrongOf = (value: unknown): WrongOption | undefined => (isObject(value) ? findWrong<T>(value, rules, []) : undefined);
  return {
    expected: `an object with, each optional: ${Object.keys(rules).join(", ")}`,
    accepts: (value) => isObject(value) && wrongOf(value) === undefined,
    problem: (value) => {
      const wrong = wrongOf(value);
      return wrong && `.${wrong.option} ${wrong.problem}`;
    },
  };
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

/** A copy, so that the caller cannot change published metadata. */
export function checkMeta(meta: Uint8Array): Uint8Array {
  checkBytes("metadata", meta);
  if (meta.length <= metaMaxSize) return copyBytes(meta);
  throw new MemberlistError(
    "meta_too_large",
    `metadata of ${meta.length} bytes exceeds the limit of ${metaMaxSize}: shorten it`,
    {
      details: { size: meta.length, limit: metaMaxSize },
    },
  );
}

export function checkUserMessage(message: Uint8Array): void {
  checkBytes("a message", message);
  if (message.length <= maxUserMsgBytes) return;
  throw new MemberlistError("message_too_large", `a message of ${message.length} bytes exceeds the limit of ${maxUserMsgBytes}`, {
    details: { size: message.length, limit: maxUserMsgBytes },
  });
}

/** Plain JavaScript has no types: a string would become as many zero bytes. */
export function checkBytes(what: string, bytes: unknown): void {
  if (bytes instanceof Uint8Array) return;
  throw new MemberlistError(
    "invalid_argument",
    `${what} must be a Uint8Array; it is ${bytes === null ? "null" : `a ${typeof bytes}`}`,
  );
}

/** @throws MemberlistError `node_name_required` for an address without a name, with `requireNodeNames` */
export function checkNodeName(to: Address, { requireNodeNames }: { readonly requireNodeNames: boolean }): void {
  if (to.name !== "" || !requireNodeNames) return;
  throw new MemberlistError(
    "node_name_required",
    `requireNodeNames is set: pass the node's name with its address, as name/${formatAddress(to)}`,
  );
}

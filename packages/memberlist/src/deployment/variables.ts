import type { ConfigIssue } from "../api/errors.ts";
import { closestName } from "../util/closest-name.ts";

/** The environment of a process. An empty value counts as absent. */
export type Environment = Readonly<Record<string, string | undefined>>;

const prefix = "MEMBERLIST_";

/** The variables that configure a member; docs/guide/deploying.md describes them. */
export const memberVariables: readonly string[] = [
  "MEMBERLIST_ADVERTISE",
  "MEMBERLIST_BIND",
  "MEMBERLIST_KEY",
  "MEMBERLIST_KEY_FILE",
  "MEMBERLIST_LABEL",
  "MEMBERLIST_META",
  "MEMBERLIST_NAME",
  "MEMBERLIST_PRESET",
  "MEMBERLIST_SEEDS",
  "MEMBERLIST_STORE",
  "MEMBERLIST_TAGS",
];

/** The further variables of the command line. */
export const commandLineVariables: readonly string[] = ["MEMBERLIST_HTTP", "MEMBERLIST_HTTP_TOKEN"];

/** The host and ports of a service named "memberlist" (or "memberlist-…"), which Kubernetes and Docker set in other containers. */
const serviceLink =
  /^MEMBERLIST_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/;
const serviceLinkUrl = /^(?:tcp|udp|sctp):\/\//;

/** The variables that `memberlist agent` sets for its event handlers. */
const handlerVariable = /^MEMBERLIST_(?:EVENT|SELF_NAME|SELF_ROLE|TAG_\w+)$/;

/** The value of a variable; undefined if it is absent or empty. */
export function variable(env: Environment, name: string): string | undefined {
  return env[name] || undefined;
}

/**
 * Returns one issue for each unknown variable that begins with `MEMBERLIST_`: a misspelt one would be ignored silently otherwise. Variables that
 * Kubernetes sets for services, and those of event handlers, are allowed. Issues never show a value, because the variable may be a misspelt
 * `MEMBERLIST_KEY`.
 *
 * @param others further variables that are allowed
 */
export function unknownVariables(env: Environment, others: readonly string[] = []): ConfigIssue[] {
  const known = [...memberVariables, ...commandLineVariables, ...others];
  const isHandler = env["MEMBERLIST_EVENT"] !== undefined;
  return Object.keys(env)
    .filter((name) => name.startsWith(prefix) && env[name] !== undefined && !known.includes(name))
    .filter((name) => !isServiceLink(name, env[name] ?? "") && !(isHandler && handlerVariable.test(name)))
    .toSorted()
    .map((name) => {
      const meant = closestName(
        name.slice(prefix.length),
        known.map((each) => each.slice(prefix.length)),
      );
      const hint = meant === undefined ? `remove it; the variables are ${known.join(", ")}` : `did you mean ${prefix}${meant}?`;
      return variableIssue(name, `nothing reads this variable: ${hint}`);
    });
}

function isServiceLink(name: string, value: string): boolean {
  return serviceLink.test(name) || (name.endsWith("PORT") && serviceLinkUrl.test(value));
}

/** An issue of one variable. `problem` follows the name; it must not contain the value. */
export function variableIssue(name: string, problem: string): ConfigIssue {
  return { field: name, value: "(not shown)", expected: problem, message: `${name}: ${problem}` };
}

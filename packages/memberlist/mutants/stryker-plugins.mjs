// Plugins of Stryker's: what is not mutated, and what a run prints while it goes on.

import { relative } from "node:path";

const logLevels = new Set(["debug", "info", "warn", "error"]);
const errors = new Set(["DecodeError", "Error", "MemberlistError", "RangeError", "TypeError"]);

/** How many arguments of a call are more than words: the code of what happened. Undefined for all other calls. */
function codesOf({ type, callee }) {
  if (type === "NewExpression") {
    if (!errors.has(callee.name)) return undefined;
    return callee.name === "DecodeError" || callee.name === "MemberlistError" ? 1 : 0;
  }
  if (type !== "CallExpression" || callee.type !== "MemberExpression" || !logLevels.has(callee.property.name)) return undefined;
  const logger = callee.object.property?.name ?? callee.object.name;
  return logger === "log" ? 1 : undefined;
}

/**
 * What only people read: the wording of log lines and errors, and the details beside it. Their codes, and whether they happen at all,
 * are behaviour, and are mutated.
 */
const diagnostics = {
  shouldIgnore(path) {
    if (path.listKey !== "arguments" || path.parent === undefined) return undefined;
    const codes = codesOf(path.parent);
    return codes !== undefined && path.key >= codes ? "wording of a log line or an error" : undefined;
  },
};

/** Prints each mutant that no test has noticed as soon as that is known. */
class Survivors {
  #tested = 0;
  #total = 0;

  onMutationTestingPlanReady({ mutantPlans }) {
    this.#total = mutantPlans.length;
  }

  onMutantTested({ fileName, location, mutatorName, replacement, status }) {
    this.#tested++;
    if (status !== "Survived" && status !== "NoCoverage") return;
    const at = `${relative(".", fileName)}:${location.start.line}:${location.start.column}`;
    const shown = (replacement ?? "").replaceAll(/\s+/g, " ").slice(0, 100);
    process.stdout.write(`${this.#tested}/${this.#total} ${status} ${at} ${mutatorName} ${shown}\n`);
  }
}

export const strykerPlugins = [
  { kind: "Ignore", name: "diagnostics", value: diagnostics },
  { kind: "Reporter", name: "survivors", injectableClass: Survivors },
];

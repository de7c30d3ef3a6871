// Plugins of Stryker's: what is not mutated, and what a run prints while it goes on.

import { relative } from "node:path";

const logLevels = new Set(["debug", "info", "warn", "error"]);
/** Functions that make or throw the error of a limit; their second argument names the quantity in its message. */
const limitErrors = new Set(["checkLimit", "limitExceeded"]);
const errors = new Set(["DecodeError", "Error", "MemberlistError", "RangeError", "TypeError"]);

/** The constants of a module are set before a mutant is active, except in a test that loads the module again. So they are not mutated. */
const constantTypes = new Set(["BinaryExpression", "BooleanLiteral", "StringLiteral", "UnaryExpression"]);

/** Which arguments of a call are words: from which on, and up to which. Undefined for all other calls. */
function wordsOf({ type, callee }) {
  if (type === "NewExpression") {
    if (!errors.has(callee.name)) return undefined;
    return callee.name === "DecodeError" || callee.name === "MemberlistError" ? [1, Infinity] : [0, Infinity];
  }
  if (type === "CallExpression" && limitErrors.has(callee.name)) return [1, 2];
  if (type !== "CallExpression" || callee.type !== "MemberExpression") return undefined;
  const object = callee.object.property?.name ?? callee.object.property?.id?.name ?? callee.object.name;
  if (object === "log" && logLevels.has(callee.property.name)) return [1, Infinity];
  return object === "dropped" && callee.property.name === "add" ? [1, 2] : undefined;
}

/**
 * What only people read: the wording of log lines and errors, and the details beside it. Their codes, and whether they happen at all,
 * are behaviour, and are mutated.
 */
const diagnostics = {
  shouldIgnore(path) {
    if (constantTypes.has(path.type) && path.findParent((parent) => parent.isFunction() || parent.isClass()) === null) {
      return "runs when the module is loaded";
    }
    if (path.listKey !== "arguments" || path.parent === undefined) return undefined;
    const [from, to] = wordsOf(path.parent) ?? [Infinity, Infinity];
    return path.key >= from && path.key < to ? "wording of a log line or an error" : undefined;
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

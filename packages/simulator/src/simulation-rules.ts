import { MemberlistError } from "@memberlist/core";

/** The valid values of a field, in words and as a check. */
interface Rule {
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
}

const isNumber = (value: unknown, min: number, max = Number.MAX_VALUE): value is number =>
  typeof value === "number" && value >= min && value <= max;
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isFunction = (value: unknown): boolean => typeof value === "function";

const aFunction: Rule = { expected: "a function", accepts: isFunction };
const anObject: Rule = { expected: "an object", accepts: isObject };
const aTime: Rule = { expected: "a number of ms from 0", accepts: (value) => isNumber(value, 0) };
const aSize: Rule = { expected: "a number over 0", accepts: (value) => isNumber(value, Number.MIN_VALUE, Infinity) };
const aShare: Rule = { expected: "a share from 0 to 1", accepts: (value) => isNumber(value, 0, 1) };

const latencyRule: Rule = {
  expected:
    "ms from 0, [min, max], a function, or { distribution: exponential, min, mean } or { distribution: lognormal, median, sigma }",
  accepts: (value) => {
    if (Array.isArray(value)) return value.length === 2 && isNumber(value[0], 0) && isNumber(value[1], value[0]);
    if (!isObject(value)) return isNumber(value, 0) || isFunction(value);
    if (value["distribution"] === "exponential") return isNumber(value["min"], 0) && isNumber(value["mean"], value["min"]);
    return value["distribution"] === "lognormal" && isNumber(value["median"], 0) && isNumber(value["sigma"], 0);
  },
};

const lossRule: Rule = {
  expected: "a share from 0 to 1, or a function",
  accepts: (value) => aShare.accepts(value) || isFunction(value),
};

const rulesOfFaults = {
  duplicate: aShare,
  reorder: aShare,
  reorderDelay: aTime,
  mtu: aSize,
  bandwidth: aSize,
  retransmitDelay: aTime,
} as const;

const rulesOfSimulation = {
  seed: {
    expected: "a string or a number",
    accepts: (value: unknown) => typeof value === "string" || Number.isFinite(value),
  },
  config: anObject,
  app: aFunction,
  checkInterval: aTime,
  settle: aFunction,
  tunables: anObject,
  latency: latencyRule,
  loss: lossRule,
  faults: anObject,
} as const;

const rulesOfCluster = {
  nodes: { expected: "a whole number from 1", accepts: (value: unknown) => Number.isSafeInteger(value) && isNumber(value, 1) },
  start: { expected: "join or preloaded", accepts: (value: unknown) => value === "join" || value === "preloaded" },
} as const;

/** @throws MemberlistError `invalid_argument` */
export function checkSimulation(options: object): void {
  check(options, rulesOfSimulation);
}

/** @throws MemberlistError `invalid_argument` */
export function checkCluster(options: object): void {
  check(options, rulesOfCluster);
}

/** @throws MemberlistError `invalid_argument` */
export function checkFaults(faults: object): void {
  check(faults, rulesOfFaults);
}

/** @throws MemberlistError `invalid_argument` */
export function checkLatency(latency: unknown): void {
  check({ latency }, { latency: latencyRule });
}

/** @throws MemberlistError `invalid_argument` */
export function checkRelease(options: object): void {
  check(options, { readTime: aTime });
}

/** @throws MemberlistError `invalid_argument` */
export function checkLoss(loss: unknown): void {
  check({ loss }, { loss: lossRule });
}

function check(options: object, rules: Readonly<Record<string, Rule>>): void {
  for (const [field, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const rule = Object.hasOwn(rules, field) ? rules[field] : undefined;
    const wrong =
      rule === undefined
        ? `there is no option ${field}; there are ${Object.keys(rules).join(", ")}`
        : rule.accepts(value)
          ? undefined
          : `${field} must be ${rule.expected}; it is ${describe(value)}`;
    if (wrong !== undefined) throw new MemberlistError("invalid_argument", wrong, { details: { field } });
  }
}

/** JSON has no NaN and no functions, and refuses what is not a tree. */
function describe(value: unknown): string {
  if (typeof value === "number") return `${value}`;
  try {
    return JSON.stringify(value) ?? `a ${typeof value}`;
  } catch {
    return `a ${typeof value}`;
  }
}

import { maxTimerDelay } from "../ports/clock.ts";

/** The valid values of one config field or call option. */
export interface Rule {
  /** Ends the sentence "must be …". */
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
  /**
   * Names the part of a wrong value that is wrong, such as a misspelt option. It follows the field's name in the message. Undefined: the
   * message has `expected` and the value.
   */
  readonly problem?: (value: unknown) => string | undefined;
  /** The value is a secret: no error shows any of it. */
  readonly secret?: boolean;
}

/** A rule for each field of `T`, in the type's own names: one that is forgotten does not compile. */
export type Rules<T> = { readonly [Field in keyof Required<T>]: Rule };

export const boolean: Rule = { expected: "true or false", accepts: (value) => typeof value === "boolean" };

export const isFunction: Rule = { expected: "a function", accepts: (value) => typeof value === "function" };

export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Rule {
  return {
    expected: max === Number.MAX_SAFE_INTEGER ? `a whole number from ${min}` : `a whole number from ${min} to ${max}`,
    accepts: (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
  };
}

function isDuration(value: unknown, min: number): boolean {
  return typeof value === "number" && value >= min && value <= maxTimerDelay;
}

/** A duration that must pass. */
export const duration: Rule = { expected: `a duration of 1 to ${maxTimerDelay} ms`, accepts: (value) => isDuration(value, 1) };

/** A duration for which 0 has a meaning of its own. */
export function durationOr(zero: string): Rule {
  return {
    expected: `0 (${zero}) or a duration of 1 to ${maxTimerDelay} ms`,
    accepts: (value) => value === 0 || isDuration(value, 1),
  };
}

/** How long a call waits. A value over a timer's maximum means no limit. */
export const timeout: Rule = {
  expected: "a number of ms from 0 (no limit)",
  accepts: (value) => typeof value === "number" && value >= 0,
};

export function text(expected: string, accepts: (value: string) => boolean = () => true): Rule {
  return { expected, accepts: (value) => typeof value === "string" && accepts(value) };
}

export function oneOf(values: readonly string[]): Rule {
  return {
    expected: values.map((value) => JSON.stringify(value)).join(" or "),
    accepts: (value) => values.includes(value as string),
  };
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An object that is not an instance of a class. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (!isObject(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // The prototype of a plain object of another realm has no prototype either.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** An object, or an instance of any class, that has the methods. */
export function shape(required: readonly string[], optional: readonly string[] = []): Rule {
  const methods = [required.join(", "), optional.length > 0 ? `optionally ${optional.join(", ")}` : ""].filter(
    (part) => part !== "",
  );
  return {
    expected: `an object with the methods ${methods.join(", ")}`,
    accepts: (value) =>
      isObject(value) &&
      required.every((method) => typeof value[method] === "function") &&
      optional.every((method) => value[method] === undefined || typeof value[method] === "function"),
  };
}

/** One of another realm will do. */
export const abortSignal: Rule = {
  expected: "an AbortSignal",
  accepts: (value) => isObject(value) && typeof value["aborted"] === "boolean" && typeof value["addEventListener"] === "function",
};

/** As the config takes it, and whatever else is given one. */
export const clockRule: Rule = shape(["now", "wallTime", "setTimeout", "clearTimeout", "defer"]);
export const randomRule: Rule = shape(["next"]);

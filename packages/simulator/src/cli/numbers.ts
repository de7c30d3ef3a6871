import { InvalidArgumentError } from "commander";

/** An option's whole number of at least `min`. */
export function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min) return value;
    throw new InvalidArgumentError(`a whole number of at least ${min} is needed`);
  };
}

/** One Stryker run: what is mutated, and on which tests it is tried. */
export interface Area {
  /** A folder of `src`, or what takes the place of one. */
  readonly name: string;
  /** Patterns below `src`. */
  readonly files: readonly string[];
  /** The folder below `test`. */
  readonly tests: string;
  /** How the names of the tests start. */
  readonly startsWith: string;
  /** Tests that are left out: they take seconds, and hardly a mutant dies by them alone. */
  readonly leftOut: readonly string[];
  /** The least share of mutants that tests have to kill, in percent. */
  readonly killedMin: number;
}

export const areas: readonly Area[] = [
  {
    name: "engine",
    files: ["engine/*.ts"],
    tests: "engine",
    startsWith: "",
    leftOut: ["bounds.test.ts", "cluster.test.ts", "work.test.ts"],
    killedMin: 90,
  },
  {
    name: "wire",
    files: ["wire/*.ts"],
    tests: "wire",
    startsWith: "",
    leftOut: ["fuzz.test.ts"],
    killedMin: 0,
  },
  { name: "config", files: ["config*.ts", "limits.ts"], tests: ".", startsWith: "config", leftOut: [], killedMin: 0 },
];

/** One Stryker run: what is mutated, and on which tests it is tried. */
export interface Area {
  readonly name: string;
  /** Which sources, below `src`. */
  readonly files: RegExp;
  /** Which tests, below `test`. */
  readonly tests: RegExp;
  /** The least share of mutants that tests have to kill, in percent. */
  readonly killedMin: number;
  /** Whether modules keep state. If so, each mutant runs on freshly loaded modules. */
  readonly keepsState: boolean;
}

/** The environment variable that passes {@link Area.keepsState} to the tests: "true" or "false". */
export const freshModules = "MEMBERLIST_MUTANTS_FRESH_MODULES";

/**
 * Each area has the tests that reach its files, but for those that take seconds (whole clusters, floods, random bytes by the thousand): hardly a
 * mutant dies by them alone. For the same reason the tables of the engine, some of whose tests take long, are tried on their own tests only, and
 * the rest of the engine on the others.
 */
export const areas: readonly Area[] = [
  {
    name: "engine",
    files: /^swim\/(?!broadcast-|node-|timers)[^/]+\.ts$/,
    tests: /^swim\/(?!bounds|broadcast-|cluster|duplicates|node-|work)[^/]+\.test\.ts$/,
    killedMin: 90,
    keepsState: false,
  },
  {
    name: "engine-tables",
    files: /^swim\/(broadcast-|node-|timers)[^/]*\.ts$/,
    tests: /^swim\/(broadcast-|duplicates|kept-meta|member-facts|merge|membership-queue|node-|timers)[^/]*\.test\.ts$/,
    killedMin: 90,
    keepsState: false,
  },
  {
    name: "wire",
    files: /^wire\/(?!compression\/|stream-).+\.ts$/,
    tests: /^wire\/(?!compression\/|encryption-layers|fuzz|stream-workers).+\.test\.ts$/,
    killedMin: 0,
    keepsState: true,
  },
  {
    name: "wire-compression",
    files: /^wire\/compression\/.+\.ts$/,
    tests: /^wire\/compression\/.+\.test\.ts$/,
    killedMin: 0,
    keepsState: true,
  },
  {
    name: "wire-streams",
    files: /^wire\/stream-.+\.ts$/,
    tests:
      /^(wire\/(encryption-layers|golden|label|messages\/(push-pull|unchanged)|stream-).*|runtime\/streams\/stream-codec)\.test\.ts$/,
    killedMin: 0,
    keepsState: true,
  },
  { name: "config", files: /^config\/[^/]+\.ts$/, tests: /^config\/.*\.test\.ts$/, killedMin: 0, keepsState: false },
];

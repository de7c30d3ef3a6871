import { beforeAll, inject, vi } from "vitest";
import { freshModules } from "./areas.ts";

/** The values that Stryker's own setup provides. */
declare module "vitest" {
  interface ProvidedContext {
    readonly activeMutant: string | undefined;
    readonly globalNamespace: string;
    readonly mutantActivation: "static" | "runtime" | undefined;
  }
}

/** What Stryker's own setup keeps in the global object. */
interface Stryker {
  activeMutant: string | undefined;
  hitLimit: number | undefined;
}

interface Globals {
  loadedFor?: string | undefined;
  readonly [namespace: string]: unknown;
}

/**
 * The thread outlives the run of a mutant, but the state of its modules (tables, decoded strings) must not: a mutant would damage the state for
 * later mutants, which would then seem to be killed. So each run loads the sources again, while no mutant is active.
 */
const globals = globalThis as Globals;
const stryker = globals[inject("globalNamespace")] as Stryker;
const mutant = inject("activeMutant");
if (process.env[freshModules] === "true" && mutant !== undefined && globals.loadedFor !== mutant) {
  globals.loadedFor = mutant;
  vi.resetModules();
  if (inject("mutantActivation") !== "static") stryker.activeMutant = undefined;
}

/**
 * Stryker ends a mutant that is reached 100 times as often as the code was without it. Here tests reach some code ten million times: a loop
 * without end would take minutes to get so far. So the limit is a twentieth.
 */
const { hitLimit } = stryker;
if (hitLimit !== undefined) beforeAll(() => void (stryker.hitLimit = hitLimit / 20));

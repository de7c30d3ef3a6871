import { inject, vi } from "vitest";
import { freshModules } from "./areas.ts";

/** The values that Stryker's own setup provides. */
declare module "vitest" {
  interface ProvidedContext {
    readonly activeMutant: string | undefined;
    readonly globalNamespace: string;
    readonly mutantActivation: "static" | "runtime" | undefined;
  }
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
const mutant = inject("activeMutant");
if (process.env[freshModules] === "true" && mutant !== undefined && globals.loadedFor !== mutant) {
  globals.loadedFor = mutant;
  vi.resetModules();
  const stryker = globals[inject("globalNamespace")] as { activeMutant: string | undefined };
  if (inject("mutantActivation") !== "static") stryker.activeMutant = undefined;
}

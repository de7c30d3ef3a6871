import { loadavg } from "node:os";
import type { Figures } from "../figure.ts";
import type { Mode } from "./application-task.ts";

export const modes: readonly Mode[] = ["loop", "thread"];

export interface ThreadBench {
  readonly figures: Figures;
  readonly rounds: number;
  readonly isQuick: boolean;
  /** After each step of {@link ThreadExperiment.steps}. */
  readonly step: () => void;
}

/** One part of `pnpm bench thread`. */
export interface ThreadExperiment {
  readonly name: string;
  /** For the progress. */
  readonly steps: (bench: Pick<ThreadBench, "rounds" | "isQuick">) => number;
  readonly run: (bench: ThreadBench) => Promise<void>;
}

/** Notes how busy the machine is, beside the figures of an experiment. */
export function noteLoad(figures: Figures, name: string): void {
  const [minute = Number.NaN] = loadavg();
  for (const mode of modes) figures.add(`load of the machine during: ${name}`, "", mode, minute);
}

import { SeededRandom } from "@memberlist/core/testing";
import { lifeguardConfigurations, type LifeguardInput } from "./lifeguard-run.ts";

const anomalousCounts = [1, 4, 8, 12, 16, 20, 24, 28, 32] as const;
const durations = [128, 512, 2048, 8192, 16_384, 32_768] as const;
const intervals = [1, 4, 16, 64, 256, 1024, 4096, 16_384] as const;
const repetitions = 10;

/** How much of the paper's grid is played. `strata` is C × D with one interval drawn for each; `quick` is a sixth of its interval runs and 8 of the 18 others. */
export type GridSize = "quick" | "strata" | "full";

export interface GridOptions {
  readonly size: GridSize;
  readonly seed: number;
  /** The paper has 128. Of fewer, too, a quarter is slow at most: the cells with more are left out. */
  readonly agents: number;
}

/** One cell of the grid, to be played in all five configurations with the same seed. */
export type LifeguardCell = Omit<LifeguardInput, "configuration">;

/** The cells of interval runs (false positives and load). */
export function intervalCells({ size, seed, agents }: GridOptions): LifeguardCell[] {
  const random = new SeededRandom(seed);
  const cells: LifeguardCell[] = [];
  if (size === "full") {
    for (const [anomalous, duration] of pairs(agents)) {
      for (const interval of intervals) {
        for (let i = 0; i < repetitions; i++) cells.push(cell(agents, anomalous, duration, interval, `${seed}/${i}`));
      }
    }
    return cells;
  }
  // Every duration sees every interval about as often: the order of the intervals is drawn, then dealt out.
  const deck: number[] = [];
  for (const [anomalous, duration] of size === "quick"
    ? pairs(agents).filter((_, i) => i % 6 === Math.floor(i / 6) % 6)
    : pairs(agents)) {
    if (deck.length === 0) deck.push(...shuffled(intervals, random));
    cells.push(cell(agents, anomalous, duration, deck.pop(), `${seed}`));
  }
  return cells;
}

/** The cells of threshold runs (latency); only anomalies that are long enough to be detected are worth a run. */
export function thresholdCells({ size, seed, agents }: GridOptions): LifeguardCell[] {
  const cells: LifeguardCell[] = [];
  for (const [anomalous, duration] of pairs(agents)) {
    if (duration < 16_384 && size !== "full") continue;
    if (size === "quick" && anomalous % 8 !== 0) continue;
    for (let i = 0; i < (size === "full" ? repetitions : 1); i++) {
      cells.push(cell(agents, anomalous, duration, undefined, `${seed}/${i}`));
    }
  }
  return cells;
}

/** Each cell in every configuration: the five of a cell one after another. */
export function inputsOf(cells: readonly LifeguardCell[]): LifeguardInput[] {
  return cells.flatMap((of) => lifeguardConfigurations.map((configuration) => ({ ...of, configuration })));
}

function pairs(agents: number): [number, number][] {
  const counts = anomalousCounts.filter((anomalous) => 4 * anomalous <= agents);
  return counts.flatMap((anomalous) => durations.map((duration): [number, number] => [anomalous, duration]));
}

function cell(agents: number, anomalous: number, duration: number, interval: number | undefined, seed: string): LifeguardCell {
  return { agents, anomalous, duration, interval, seed: `${seed}/${anomalous}/${duration}/${interval ?? "once"}` };
}

export function shuffled<T>(values: readonly T[], random: SeededRandom): T[] {
  const left = [...values];
  return values.map(() => left.splice(Math.floor(random.next() * left.length), 1)[0] as T);
}

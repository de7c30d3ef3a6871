import { fuzzSeed } from "../fuzz/fuzz-seed.ts";

/** What worker processes can be asked to do, by name. Input and result travel as JSON. */
export const tasks: { readonly fuzzSeed: typeof fuzzSeed } = { fuzzSeed };

export type TaskName = keyof typeof tasks;
export type TaskInput<T extends TaskName> = Parameters<(typeof tasks)[T]>[0];
export type TaskResult<T extends TaskName> = Awaited<ReturnType<(typeof tasks)[T]>>;

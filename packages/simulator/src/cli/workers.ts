import { fork, type ChildProcess } from "node:child_process";
import { availableParallelism } from "node:os";
import type { Command } from "commander";
import { tasks, type TaskInput, type TaskName, type TaskResult } from "./tasks.ts";

interface Order {
  readonly task: TaskName;
  readonly input: unknown;
}

type Answer = { readonly result: unknown } | { readonly error: string };

export interface WorkOptions<R> {
  /** How many processes; 1 does the work in this one, unless they are to be fresh. Default: one for each core. */
  readonly jobs?: number;
  /** A process of its own for each input, so that its memory is what that one took. Default false. */
  readonly fresh?: boolean;
  /** Called with each result as it comes. @returns false to stop: what has not begun is left out */
  readonly onResult?: (result: R, index: number) => boolean | void;
}

/** Does a task for each input, in worker processes. @returns the results in the order of the inputs; undefined where it was stopped before */
export async function work<T extends TaskName>(
  task: T,
  inputs: readonly TaskInput<T>[],
  { jobs = availableParallelism(), fresh = false, onResult }: WorkOptions<TaskResult<T>> = {},
): Promise<(TaskResult<T> | undefined)[]> {
  const results: (TaskResult<T> | undefined)[] = Array.from({ length: inputs.length });
  let next = 0;
  const take = async (perform: (input: unknown) => Promise<unknown>): Promise<void> => {
    while (next < inputs.length) {
      const index = next++;
      const result = (await perform(inputs[index])) as TaskResult<T>;
      results[index] = result;
      if (onResult?.(result, index) === false) next = inputs.length;
    }
  };
  if (fresh) {
    await Promise.all(Array.from({ length: jobs }, () => take((input) => withWorker((child) => ask(child, { task, input })))));
    return results;
  }
  if (jobs <= 1) {
    await take((input) => run({ task, input }));
    return results;
  }
  const children = Array.from({ length: Math.min(jobs, inputs.length) }, startWorker);
  try {
    await Promise.all(children.map((child) => take((input) => ask(child, { task, input }))));
  } finally {
    for (const child of children) child.kill();
  }
  return results;
}

/** `worker`: hidden; does what its parent asks for, until that is gone. */
export function addWorker(program: Command): void {
  program.command("worker", { hidden: true }).action(() => {
    process.on("message", (order: Order) => {
      run(order).then(
        (result) => process.send?.({ result } satisfies Answer),
        (error: unknown) => process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
      );
    });
    process.channel?.ref();
  });
}

function run({ task, input }: Order): Promise<unknown> {
  return (tasks[task] as (input: unknown) => Promise<unknown>)(input);
}

/** This program once more, with the flags that it was started with. */
function startWorker(): ChildProcess {
  return fork(process.argv[1] as string, ["worker"], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
}

async function withWorker<R>(use: (child: ChildProcess) => Promise<R>): Promise<R> {
  const child = startWorker();
  try {
    return await use(child);
  } finally {
    child.kill();
  }
}

function ask(child: ChildProcess, order: Order): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`a worker ended, exit code ${code}`));
    child.once("exit", onExit);
    child.once("message", (answer: Answer) => {
      child.off("exit", onExit);
      if ("error" in answer) reject(new Error(answer.error));
      else resolve(answer.result);
    });
    child.send(order);
  });
}

import { fileURLToPath } from "node:url";
import { Child } from "../child.ts";
import type { ApplicationMark, ApplicationOrder, ApplicationTask } from "./application-task.ts";

/** This file's code runs from `bin/`, next to the program. */
const program = fileURLToPath(new URL("application-program.mjs", import.meta.url));
/** How much later than its block may end an application answers, in ms. */
const patience = 60_000;

/** An application with a member, in a process of its own. */
export class Application {
  /** At the start. */
  readonly first: ApplicationMark;
  readonly #child: Child;

  private constructor(first: ApplicationMark, child: Child) {
    this.first = first;
    this.#child = child;
  }

  static async start(task: Pick<ApplicationTask, "mode"> & Partial<ApplicationTask>): Promise<Application> {
    const child = new Child(`the application (${task.mode})`, [process.execPath, program]);
    try {
      const first = await child.ask<ApplicationMark>({ name: "app", key: null, hasState: false, ...task }, patience);
      return new Application(first, child);
    } catch (error) {
      await child.end();
      throw error;
    }
  }

  get address(): string {
    return `127.0.0.1:${this.first.port}`;
  }

  mark(): Promise<ApplicationMark> {
    return this.#do({ do: "mark" });
  }

  join(address: string): Promise<ApplicationMark> {
    return this.#do({ do: "join", address });
  }

  /** Blocks its event loop; resolves once it runs again. */
  async block(ms: number): Promise<void> {
    await this.#do({ do: "block", ms });
  }

  end(): Promise<void> {
    return this.#child.end();
  }

  #do(order: ApplicationOrder): Promise<ApplicationMark> {
    return this.#child.ask<ApplicationMark>(order, (order.do === "block" ? order.ms : 0) + patience);
  }
}

import { Child } from "../child.ts";
import type { SoakMark, SoakTask } from "./soak-task.ts";

/**
 * Each measurement collects the garbage several times, which V8 would take for a long time in which much of the code was not used: it
 * must not throw that away and compile it again.
 */
const flags = ["--expose-gc", "--no-flush-bytecode"];
/** V8 goes on to optimize code for hours. That grows by more than a small leak would, and is none. */
const interpreted = ["--no-opt", "--no-sparkplug"];
/** In ms: V8 stops the process for seconds, and on a machine that is busy for longer. */
const snapshotTimeout = 120_000;

export interface SoakOptions {
  /** The file of a member's program. */
  readonly program: string;
  /** How many members. */
  readonly count: number;
  /** Broadcasts a second of each. */
  readonly rate: number;
  /** Whether V8 may optimize code. */
  readonly optimize: boolean;
}

/** The members of a soak: one process each, so that each heap is one member's. */
export class SoakCluster {
  readonly #members: readonly Child[];

  private constructor(members: readonly Child[]) {
    this.#members = members;
  }

  /** Starts them, and has them join. */
  static async start({ program, count, rate, optimize }: SoakOptions): Promise<SoakCluster> {
    const key = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64");
    const members = Array.from(
      { length: count },
      (_, i) => new Child(`member ${i + 1}`, [process.execPath, ...flags, ...(optimize ? [] : interpreted), program]),
    );
    const cluster = new SoakCluster(members);
    try {
      const addresses: string[] = [];
      for (const [index, member] of members.entries()) {
        const task: SoakTask = { name: `member-${index + 1}`, key, rate };
        const { port } = await member.ask<{ port: number }>(task);
        if (addresses.length > 0) await member.ask({ do: "join", addresses });
        addresses.push(`127.0.0.1:${port}`);
      }
      for (const member of members) await member.ask({ do: "work" });
    } catch (error) {
      await cluster.end();
      throw error;
    }
    return cluster;
  }

  /** One after another: while one collects its garbage, it answers no probes. */
  async measure(): Promise<SoakMark[]> {
    const marks: SoakMark[] = [];
    for (const member of this.#members) marks.push(await member.ask<SoakMark>({ do: "measure" }));
    return marks;
  }

  /** The files, one for each member. */
  async snapshot(fileOf: (member: number) => string): Promise<string[]> {
    const files: string[] = [];
    for (const [index, member] of this.#members.entries()) {
      const { file } = await member.ask<{ file: string }>({ do: "snapshot", file: fileOf(index + 1) }, snapshotTimeout);
      files.push(file);
    }
    return files;
  }

  async end(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.end()));
  }
}

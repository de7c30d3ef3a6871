import { Child } from "../child.ts";
import type { MemberMark, MemberOrder, MemberTask, Timings } from "./member-task.ts";

/** Whose member it is: the library's, the Go library's, or the Rust crate's. */
export type Kind = "node" | "go" | "rust";

export type Command = readonly [program: string, ...args: string[]];

/** How each is started. */
export type Programs = ReadonlyMap<Kind, Command>;

const still: MemberTask = {
  name: "member",
  compress: true,
  key: null,
  probeInterval: 0,
  probeTimeout: 500,
  gossipInterval: 0,
  gossipNodes: 3,
  userState: 0,
};

/** A key, so that what is measured is compressed and encrypted. */
export const encrypted: Partial<MemberTask> = { key: Buffer.alloc(32, 7).toString("base64") };

/** A member under test, in a process of its own. By default it does nothing on its own account: no probes, no gossip, no push/pulls. */
export class Member {
  readonly port: number;
  readonly #child: Child;

  private constructor(port: number, child: Child) {
    this.port = port;
    this.#child = child;
  }

  static async start(programs: Programs, kind: Kind, task: Partial<MemberTask> = {}): Promise<Member> {
    const command = programs.get(kind);
    if (command === undefined) throw new RangeError(`${kind} does not take part`);
    const child = new Child(`the ${kind} member`, command);
    const { port } = await child.ask<{ port: number }>({ ...still, ...task });
    return new Member(port, child);
  }

  do(order: Exclude<MemberOrder, { readonly do: "time-codec" | "time-queue" }>): Promise<MemberMark> {
    return this.#child.ask<MemberMark>(order);
  }

  time(
    order: Extract<MemberOrder, { readonly do: "time-codec" | "time-queue" }> | { readonly do: "time-codec" },
  ): Promise<Timings> {
    return this.#child.ask<Timings>(order);
  }

  /** Joins another one. */
  join(other: Member): Promise<MemberMark> {
    return this.do({ do: "join", address: `127.0.0.1:${other.port}` });
  }

  end(): Promise<void> {
    return this.#child.end();
  }
}

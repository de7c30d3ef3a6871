import { Child } from "../child.ts";
import type { Command } from "./member.ts";
import type { Peers } from "./peers.ts";

interface Answer {
  readonly packets: number;
}

/** {@link Peers} in the wire form of the Rust crate, which a process of the crate plays. */
export class RustPeers implements Peers {
  readonly size: number;
  readonly #child: Child;
  /** The latest order: {@link Child.ask} takes one at a time. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(size: number, child: Child) {
    this.size = size;
    this.#child = child;
  }

  /** @param command of a Rust member */
  static async open([program]: Command, size: number): Promise<RustPeers> {
    const child = new Child("the rust peers", [program, "1", "peers"]);
    await child.ask<Answer>({ count: size });
    return new RustPeers(size, child);
  }

  async packets(): Promise<number> {
    return (await this.#ask({ do: "mark" })).packets;
  }

  async pushPull(port: number, count: number = this.size): Promise<void> {
    await this.#ask({ do: "push-pull", port, count });
  }

  async storm(port: number): Promise<void> {
    await this.#ask({ do: "storm", port });
  }

  async ping(port: number, name: string): Promise<void> {
    await this.#ask({ do: "ping", port, name });
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#child.end();
  }

  #ask(order: { readonly do: string; readonly [field: string]: unknown }): Promise<Answer> {
    const answer = this.#last.then(() => this.#child.ask<Answer>(order));
    this.#last = answer.catch(() => undefined);
    return answer;
  }
}

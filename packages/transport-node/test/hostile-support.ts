import { fork, type ChildProcess } from "node:child_process";
import { createCipheriv, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("fixtures/attacker.mjs", import.meta.url));

/** A process of `fixtures/attacker.mjs`. */
export class Attacker {
  readonly #child: ChildProcess = fork(program, { execArgv: [], serialization: "advanced" });
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #lastId = 0;

  constructor() {
    this.#child.on("message", (answer) => {
      const { id, result, error } = answer as { id: number; result?: unknown; error?: string };
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error));
    });
    this.#child.on("exit", (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the attacker ended with ${String(code)}`));
    });
  }

  run<T>(job: string, args: Readonly<Record<string, unknown>> = {}): Promise<T> {
    const id = ++this.#lastId;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: (result) => resolve(result as T), reject });
      this.#child.send({ id, job, args });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill();
    await ended;
  }
}

/** A packet as a member with the key sends it: version 1, without a label (PROTOCOL.md section 2). */
export function encrypted(message: Uint8Array, key: Uint8Array, aad: Uint8Array = new Uint8Array()): Uint8Array {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-128-gcm", key, nonce);
  cipher.setAAD(aad);
  return Buffer.concat([Uint8Array.of(1), nonce, cipher.update(message), cipher.final(), cipher.getAuthTag()]);
}

/** A message on a stream as a member with the key sends it (section 4). */
export function encryptedStream(message: Uint8Array, key: Uint8Array): Uint8Array {
  const header = Buffer.from([10, 0, 0, 0, 0]);
  header.writeUInt32BE(message.length + 29, 1);
  return Buffer.concat([header, encrypted(message, key, header)]);
}

/** Packets to this UDP port that the kernel has thrown away, since nobody read them in time: none has reached the process. Linux only. */
export function droppedByKernel(port: number): number {
  if (process.platform !== "linux") return 0;
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const sockets = readFileSync("/proc/net/udp", "utf8").split("\n");
  const rows = sockets.map((line) => line.trim().split(/\s+/)).filter(([, local]) => local?.endsWith(`:${hex}`));
  return rows.reduce((sum, row) => sum + Number(row.at(-1)), 0);
}

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

/** Twice, with a turn between: what hangs on the heap outside is given back a little later. */
async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 2; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** In bytes: the heap and what hangs on it outside. */
function used(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Memory from now on, against what was used at the start. */
export class MemoryWatch {
  readonly #start: number = used();
  readonly #timer: NodeJS.Timeout;
  #peak = 0;

  private constructor() {
    this.#timer = setInterval(() => this.#sample(), 5);
  }

  static async start(): Promise<MemoryWatch> {
    await collectGarbage();
    return new MemoryWatch();
  }

  /** How much more than at the start was in use: at most, and in the end, without garbage, as soon as that is less than `enough`; in MiB. */
  async end(enough: number): Promise<{ readonly peak: number; readonly left: number }> {
    this.#sample();
    clearInterval(this.#timer);
    const left = (): number => (used() - this.#start) / 2 ** 20;
    for (let i = 0; i === 0 || (i < 250 && left() >= enough); i++) await collectGarbage();
    return { peak: this.#peak / 2 ** 20, left: left() };
  }

  #sample(): void {
    this.#peak = Math.max(this.#peak, used() - this.#start);
  }
}

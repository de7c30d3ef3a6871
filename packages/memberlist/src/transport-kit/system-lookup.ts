import { errnoOf } from "./socket-errors.ts";

/** What a runtime knows of names. */
export interface SystemResolver {
  /** By the system, with all of its sources. It cannot be stopped, and keeps the process alive until it ends. */
  readonly lookup: (host: string) => Promise<string[]>;
  /**
   * Asks the system's name servers about `host`; ends when `signal` is aborted. Undefined where they may be others than those that `lookup`
   * asks: it is called at once then.
   */
  readonly ask: ((host: string, signal: AbortSignal) => Promise<unknown>) | undefined;
  /** The text of the system's hosts file. */
  readonly hosts: () => Promise<string>;
}

/** How an attempt ends that no name server has answered. */
const unanswered: ReadonlySet<string | undefined> = new Set(["ETIMEOUT", "ECANCELLED", "TimedOut", "AbortError"]);

/**
 * Looks a name up by the system, once its name servers have answered something about it: otherwise a look-up that hangs would keep
 * the process alive for some 10 s after a shutdown.
 *
 * @throws Error when no name server answers, and what `system.lookup` throws
 */
export async function lookUpBySystem(host: string, system: SystemResolver, signal: AbortSignal): Promise<string[]> {
  if (system.ask !== undefined && !isLocal(host) && !(await isListed(host, system))) {
    if (signal.aborted) throw new Error("aborted");
    try {
      await system.ask(host, signal);
    } catch (cause) {
      // An answer that the name does not exist is an answer. Its error may be of any kind.
      if (isUnanswered(cause)) throw new Error("no name server has answered", { cause });
    }
  }
  if (signal.aborted) throw new Error("aborted");
  return system.lookup(host);
}

function isUnanswered(error: unknown): boolean {
  return unanswered.has(errnoOf(error)) || unanswered.has((error as { readonly name?: string } | null)?.name);
}

/** Names that the system answers itself (RFC 6761, RFC 6762). */
function isLocal(host: string): boolean {
  return /(?:^|\.)(?:localhost|local)\.?$/i.test(host);
}

async function isListed(host: string, system: SystemResolver): Promise<boolean> {
  const name = host.toLowerCase().replace(/\.$/, "");
  const text = await system.hosts().catch(() => "");
  return text.split("\n").some((line) => {
    const [, ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    return names.some((each) => each.toLowerCase() === name);
  });
}

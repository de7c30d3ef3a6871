import { onAbort } from "../util/on-abort.ts";
import { searchedNames } from "./name-server.ts";
import { errnoOf } from "../api/errors.ts";

/** How a runtime resolves names. */
export interface SystemResolver {
  /** Asks the system, with all of its sources. It cannot be stopped, and keeps the process alive until it ends. */
  readonly lookup: (host: string) => Promise<string[]>;
  /**
   * Asks the system's name servers about a name, without a search list where it ends in a dot; ends when `signal` is aborted. Resolves without asking
   * where asking is not allowed. Undefined where they may be others than those that `lookup` asks: `lookup` is called at once then.
   */
  readonly ask: ((name: string, signal: AbortSignal) => Promise<unknown>) | undefined;
  /** The content of the system's hosts file, and of its resolv.conf. */
  readonly hosts: () => Promise<string>;
  readonly resolvConf: () => Promise<string>;
}

/** The errors of an attempt that no name server answered. */
const unanswered: ReadonlySet<string | undefined> = new Set(["ETIMEOUT", "ECANCELLED", "TimedOut", "AbortError"]);

/** The name exists, without an address of the type that was asked for. */
const noSuchAddress = "ENODATA";

/**
 * Looks a name up by the system, once its name servers have answered about it: otherwise a look-up that hangs would keep the process alive for some
 * 10 s after a shutdown. The system may search several domains, some of which no name server answers for (in Kubernetes, those outside of the cluster
 * while its uplink is down). So all names are asked for at once, and one that exists is enough.
 *
 * @throws Error when no name server answers, and what `system.lookup` throws
 */
export async function lookUpBySystem(host: string, system: SystemResolver, signal: AbortSignal): Promise<string[]> {
  const { ask } = system;
  if (ask !== undefined && !isLocal(host) && !(await isListed(host, system))) {
    const names = await system.resolvConf().then(
      (config) => searchedNames(host, config),
      // The runtime may search on its own.
      () => [host],
    );
    if (signal.aborted) throw new Error("aborted");
    await anyExists(names, ask, signal);
  }
  if (signal.aborted) throw new Error("aborted");
  return system.lookup(host);
}

/**
 * Resolves when one of the names exists, or the name servers have answered that none does. It then cancels the other questions.
 *
 * @throws Error when an answer is missing
 */
async function anyExists(names: readonly string[], ask: NonNullable<SystemResolver["ask"]>, signal: AbortSignal): Promise<void> {
  const enough = new AbortController();
  const stopListening = onAbort(signal, () => enough.abort());
  try {
    await new Promise<void>((resolve, reject) => {
      let pending = names.length;
      let failure: Error | undefined;
      const failed = (cause: unknown): void => {
        // An answer that the name does not exist is an answer. Its error may be of any kind.
        if (isUnanswered(cause)) failure = new Error("no name server has answered", { cause });
        if (errnoOf(cause) === noSuchAddress) resolve();
        if (--pending > 0) return;
        if (failure === undefined) resolve();
        else reject(failure);
      };
      for (const name of names) ask(name, enough.signal).then(() => resolve(), failed);
    });
  } finally {
    stopListening();
    enough.abort();
  }
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

import { readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import { decodeKey, generateKey } from "@memberlist/core";
import { errorMessage, escapeControls } from "@memberlist/core/internal";
import { exitCodeOf, exitCodes, UsageError } from "../exit-codes.ts";
import { fingerprint } from "../keys/fingerprint.ts";
import type { KeyAction } from "../keys/keys-handler.ts";
import { KeyRotation, type AgentKeys } from "../keys/rotation.ts";
import { ask } from "../terminal/ask.ts";
import type { Io } from "../terminal/io.ts";

export interface KeysCommandRequest {
  readonly agents: readonly string[];
  readonly token: string | undefined;
}

export interface RotateRequest extends KeysCommandRequest {
  /** The new key; made if the file is not there. */
  readonly newKeyFile: string;
  /** Members without a given agent are left with the old key. */
  readonly partial: boolean;
  /** Without questions between the steps. */
  readonly yes: boolean;
}

/** `memberlist keys list`: the fingerprints of all agents' keys. */
export async function listKeys(request: KeysCommandRequest, io: Io): Promise<number> {
  const found = await open(request).all("list");
  report(found, io);
  return failureCode(found);
}

/**
 * `memberlist keys rotate`: adds the new key everywhere, then encrypts by it everywhere, then removes the others everywhere. A step begins only when every
 * agent has done the one before, so that at each moment all members decrypt what any of them sends. It can be stopped, and run again with the same file.
 */
export async function rotateKeys(request: RotateRequest, io: Io): Promise<number> {
  const { newKeyFile, partial, yes } = request;
  if (!yes && !io.canAsk) throw new UsageError("there is no terminal to ask on before each step: pass --yes");
  const rotation = open(request);
  const before = await rotation.all("list");
  report(before, io);
  if (!isComplete(before, io)) return failureCode(before);
  if (!isCovered(before, io) && !partial) return exitCodes.usage;
  const key = await readOrMakeKey(newKeyFile, io);
  const mark = fingerprint(decodeKey(key));
  const old = oldKeys(before, mark);
  const steps: readonly (readonly [title: string, action: KeyAction, isReady: (keys: readonly string[]) => boolean])[] = [
    [`1 of 3: add the new key ${mark} to every agent`, "add", () => true],
    [`2 of 3: encrypt by the new key on every agent`, "use", (keys) => keys.includes(mark)],
  ];
  for (const [title, action, isReady] of steps) {
    if (!(await step(title, request, io))) return exitCodes.interrupted;
    const now = await rotation.all("list");
    if (!areReady(now, isReady, io)) return Math.max(exitCodes.failed, failureCode(now));
    const found = await rotation.all(action, key);
    report(found, io);
    if (!isComplete(found, io)) return failureCode(found);
  }
  if (old.length === 0) {
    io.line("no other key is left on any agent");
    reportEnd(newKeyFile, io);
    return exitCodes.ok;
  }
  if (!(await step(`3 of 3: remove the old keys ${old.join(", ")} from every agent`, request, io))) return exitCodes.interrupted;
  const now = await rotation.all("list");
  if (!areReady(now, ([primary]) => primary === mark, io)) return Math.max(exitCodes.failed, failureCode(now));
  if (!partial && !isCovered(now, io)) return exitCodes.usage;
  const found = await rotation.all("keep", key);
  report(found, io);
  if (!isComplete(found, io)) return failureCode(found);
  reportEnd(newKeyFile, io);
  return exitCodes.ok;
}

/** The agents have the new key in memory only. */
function reportEnd(newKeyFile: string, io: Io): void {
  io.line(`the rotation is complete: give new members the key in ${newKeyFile}`);
  io.line(
    "before an agent restarts: put the new key into its key file or MEMBERLIST_KEY, and take the old key out. Else it starts with the old key, and is cut off",
  );
}

/** @throws UsageError without a token */
function open({ agents, token }: KeysCommandRequest): KeyRotation {
  if (token === undefined) throw new UsageError("keys need the agents' token: pass --token-file, or set MEMBERLIST_HTTP_TOKEN");
  return new KeyRotation(agents, token);
}

/** What each agent answered, a line each. */
function report(found: readonly AgentKeys[], io: Io): void {
  for (const { url, answer, error } of found) {
    if (answer === undefined) io.line(`${io.paint("red", "✗")} ${escapeControls(error?.message ?? url)}`);
    else
      io.line(
        `${io.paint("green", "✓")} ${url} ${escapeControls(answer.node)}: ${answer.keys.map((key, i) => (i === 0 ? `${key} (encrypts)` : key)).join(", ")}`,
      );
  }
}

function isComplete(found: readonly AgentKeys[], io: Io): boolean {
  const failed = found.filter(({ answer }) => answer === undefined);
  if (failed.length === 0) return true;
  io.error(
    `${failed.length} of ${found.length} agents did not do it. Nothing is lost: correct this, and run the same command again`,
  );
  return false;
}

/** Of the agent that failed in the worst way. */
function failureCode(found: readonly AgentKeys[]): number {
  return Math.max(exitCodes.ok, ...found.flatMap(({ error }) => (error === undefined ? [] : [exitCodeOf(error)])));
}

/** Whether all agents still are where the step before has left them: one that has restarted since has only the keys of its start. */
function areReady(now: readonly AgentKeys[], isReady: (keys: readonly string[]) => boolean, io: Io): boolean {
  const notReady = now.filter(({ answer }) => answer === undefined || !isReady(answer.keys));
  if (notReady.length === 0) return true;
  report(notReady, io);
  io.error(
    `${notReady.length} of ${now.length} agents do not answer, or have not kept the step before, as after a restart. Nothing is lost: correct this, and run the same command again`,
  );
  return false;
}

/** Whether each member has an agent here; members may join at any time. */
function isCovered(found: readonly AgentKeys[], io: Io): boolean {
  const covered = new Set(found.flatMap(({ answer }) => (answer === undefined ? [] : [answer.node])));
  const members = new Set(found.flatMap(({ answer }) => answer?.members ?? []));
  const missing = [...members].filter((name) => !covered.has(name)).sort();
  if (missing.length === 0) return true;
  io.error(
    `no --agent is given for these members: ${missing.map(escapeControls).join(", ")}. With the old key removed, they would be cut off`,
  );
  return false;
}

function oldKeys(found: readonly AgentKeys[], mark: string): readonly string[] {
  return [...new Set(found.flatMap(({ answer }) => answer?.keys ?? []))].filter((key) => key !== mark);
}

/** Whether to go on. */
async function step(title: string, { yes }: RotateRequest, io: Io): Promise<boolean> {
  io.line(io.paint("bold", title));
  if (yes) return true;
  return /^y(es)?$/i.test(await ask("go on? [y/N] ", process.stdin, process.stdout));
}

async function readOrMakeKey(path: string, io: Io): Promise<string> {
  try {
    // Never over a key that is there: an earlier run may have given it to some agents.
    await writeFile(path, `${generateKey()}\n`, { mode: 0o600, flag: "wx" });
    io.line(`made a new key in ${path}`);
  } catch (error) {
    if ((error as { code?: string }).code !== "EEXIST") throw new UsageError(`--new-key-file: ${errorMessage(error)}`);
    io.line(`using the key in ${path}`);
  }
  const text = (await readFile(path, "utf8")).trim();
  try {
    decodeKey(text);
  } catch (error) {
    throw new UsageError(`--new-key-file ${path}: ${errorMessage(error)}`);
  }
  return text;
}

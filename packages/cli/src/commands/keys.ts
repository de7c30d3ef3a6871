import { readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import { decodeKey, generateKey } from "@memberlist/core";
import { errorMessage, escapeControls } from "@memberlist/core/internal";
import { exitCodeOf, exitCodes, UsageError } from "../exit-codes.ts";
import { fingerprint } from "../keys/fingerprint.ts";
import type { KeyAction } from "../keys/keys-handler.ts";
import { KeysClient, type AgentKeys } from "../keys/keys-client.ts";
import { ask } from "../terminal/ask.ts";
import type { Io } from "../terminal/io.ts";

export interface KeysCommandRequest {
  readonly agents: readonly string[];
  readonly token: string | undefined;
}

export interface RotateRequest extends KeysCommandRequest {
  /** The file of the new key. The command makes a key if the file does not exist. */
  readonly newKeyFile: string;
  /** Continue although some members have no agent in the list. They keep the old key. */
  readonly partial: boolean;
  /** Do not ask between the steps. */
  readonly yes: boolean;
}

/** `memberlist keys list`: prints the fingerprints of each agent's keys. */
export async function listKeys(request: KeysCommandRequest, io: Io): Promise<number> {
  const found = await open(request).all("list");
  report(found, io);
  return failureCode(found);
}

/**
 * `memberlist keys rotate`: adds the new key to every agent, then encrypts with it on every agent, then removes the other keys. Each step begins after all
 * agents have done the one before, so that members can always decrypt each other's messages. A rotation that was stopped continues when it is run again with
 * the same file.
 */
export async function rotateKeys(request: RotateRequest, io: Io): Promise<number> {
  const { newKeyFile, partial, yes } = request;
  if (!yes && !io.canAsk)
    throw new UsageError("keys rotate asks before each step, and standard input or output is not a terminal: pass --yes");
  const client = open(request);
  const before = await client.all("list");
  report(before, io);
  if (!isComplete(before, io)) return failureCode(before);
  if (!isCovered(before, io) && !partial) return exitCodes.usage;
  const key = await readOrMakeKey(newKeyFile, io);
  const mark = fingerprint(decodeKey(key));
  const old = oldKeys(before, mark);
  const steps: Step[] = [
    { title: `1 of 3: add the new key ${mark} to every agent`, action: "add", isReady: () => true },
    { title: "2 of 3: encrypt with the new key on every agent", action: "use", isReady: (keys) => keys.includes(mark) },
  ];
  if (old.length > 0) {
    const title = `3 of 3: remove the old keys ${old.join(", ")} from every agent`;
    steps.push({ title, action: "keep", isReady: ([primary]) => primary === mark });
  }
  for (const step of steps) {
    const code = await runStep(step, client, key, request, io);
    if (code !== exitCodes.ok) return code;
  }
  if (old.length === 0) io.line("all agents have only the new key");
  reportEnd(newKeyFile, io);
  return exitCodes.ok;
}

interface Step {
  readonly title: string;
  readonly action: KeyAction;
  /** Returns whether an agent with these keys has done the step before. */
  readonly isReady: (keys: readonly string[]) => boolean;
}

/** @returns the exit code: `ok` if all agents have done the step */
async function runStep(
  { title, action, isReady }: Step,
  client: KeysClient,
  key: string,
  { partial, yes }: RotateRequest,
  io: Io,
): Promise<number> {
  io.line(io.paint("bold", title));
  if (!yes && !(await confirmed())) return exitCodes.interrupted;
  const now = await client.all("list");
  if (!areReady(now, isReady, io)) return Math.max(exitCodes.failed, failureCode(now));
  if (action === "keep" && !partial && !isCovered(now, io)) return exitCodes.usage;
  const found = await client.all(action, key);
  report(found, io);
  return isComplete(found, io) ? exitCodes.ok : failureCode(found);
}

/** Reports success. The agents have the new key only in memory, so each key file has to follow. */
function reportEnd(newKeyFile: string, io: Io): void {
  io.line(`the rotation is complete: give new members the key in ${newKeyFile}`);
  io.line(
    "before an agent restarts, put the new key into its key file or MEMBERLIST_KEY, and take the old key out: with the old key it cannot talk to the other members",
  );
}

/** @throws UsageError without a token */
function open({ agents, token }: KeysCommandRequest): KeysClient {
  if (token === undefined) throw new UsageError("keys need the agents' token: pass --token-file, or set MEMBERLIST_HTTP_TOKEN");
  return new KeysClient(agents, token);
}

/** Prints one line for the answer of each agent. */
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
    `${failed.length} of ${found.length} agents failed. The cluster keeps working: mend the cause, and run the same command again`,
  );
  return false;
}

/** Returns the exit code of the worst failure. */
function failureCode(found: readonly AgentKeys[]): number {
  return Math.max(exitCodes.ok, ...found.flatMap(({ error }) => (error === undefined ? [] : [exitCodeOf(error)])));
}

/** Returns whether all agents still have the keys of the step before. An agent that has restarted has only the keys of its start. */
function areReady(now: readonly AgentKeys[], isReady: (keys: readonly string[]) => boolean, io: Io): boolean {
  const notReady = now.filter(({ answer }) => answer === undefined || !isReady(answer.keys));
  if (notReady.length === 0) return true;
  report(notReady, io);
  io.error(
    `${notReady.length} of ${now.length} agents do not answer, or have lost the keys of the step before by a restart. The cluster keeps working: mend the cause, and run the same command again`,
  );
  return false;
}

/** Returns whether each member has an agent in the list. Members may join at any time. */
function isCovered(found: readonly AgentKeys[], io: Io): boolean {
  const covered = new Set(found.flatMap(({ answer }) => (answer === undefined ? [] : [answer.node])));
  const members = new Set(found.flatMap(({ answer }) => answer?.members ?? []));
  const missing = [...members].filter((name) => !covered.has(name)).sort();
  if (missing.length === 0) return true;
  io.error(
    `no --agent is given for these members: ${missing.map(escapeControls).join(", ")}. They could not talk to the others after the removal of the old key`,
  );
  return false;
}

function oldKeys(found: readonly AgentKeys[], mark: string): readonly string[] {
  return [...new Set(found.flatMap(({ answer }) => answer?.keys ?? []))].filter((key) => key !== mark);
}

async function confirmed(): Promise<boolean> {
  return /^y(es)?$/i.test(await ask("continue? [y/N] ", process.stdin, process.stdout));
}

async function readOrMakeKey(path: string, io: Io): Promise<string> {
  try {
    // Keep a key that exists: an earlier run may have given it to some agents.
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

import { errorMessage, MemberlistError, errnoOf } from "../api/errors.ts";
import { describe } from "../util/describe.ts";
import { systemClock } from "../ports/clock.ts";
import { randomBytes } from "../ports/crypto.ts";
import type { Store } from "../ports/store.ts";
import { bytesToHex } from "../wire/bytes.ts";

/** An open file or folder, in the shape that `node:fs/promises` gives it. */
interface OpenFile {
  writeFile(content: string): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The part of `node:fs/promises` that {@link createFileStore} uses. */
interface FileSystem {
  open(path: string, flags: string, mode?: number): Promise<OpenFile>;
  readFile(path: string, encoding: "utf8"): Promise<string>;
  rename(from: string, to: string): Promise<void>;
  rm(path: string, options: { readonly force: true }): Promise<void>;
  readdir(folder: string): Promise<string[]>;
  lstat(path: string): Promise<{ isFile(): boolean; readonly mtimeMs: number }>;
}

interface FileStoreOptions {
  readonly fs: FileSystem;
  /** The file's absolute path, its name, and the path of another file in its folder. */
  readonly path: string;
  readonly name: string;
  readonly folder: string;
  readonly beside: (name: string) => string;
  /** Creates a folder, and those above it. */
  readonly makeFolder: (folder: string, mode: number) => Promise<unknown>;
  /** Rejects where the runtime does not permit that; asked before each access. */
  readonly permit?: (path: string, ...access: readonly ("read" | "write")[]) => Promise<void>;
}

/** In bytes: an attacker cannot guess such a name and put a link there. */
const nameBytes = 16;
/** Temporary files of killed saves are removed at this age, in ms. A save takes much less. */
const leftoverAge = 10 * 60_000;

/** @throws MemberlistError `invalid_argument` */
export function checkPath(path: unknown): void {
  if (typeof path === "string" && path !== "") return;
  throw new MemberlistError("invalid_argument", `fileStore: the path must be a string, not empty; it is ${describe(path)}`);
}

/**
 * A store in a file that only its owner can read. A save writes a new file beside it, under a random name, flushes it to the disk, and renames
 * it; so a crash leaves the old content or the new one, never a part. The save fails if that name is taken, even by a link; a link at `path`
 * itself is replaced, not followed. A missing folder is created, with mode 0700. The first load or save removes temporary files of killed saves.
 */
export function createFileStore(options: FileStoreOptions): Store {
  const { fs, path, name, folder, beside, permit = () => Promise.resolve() } = options;
  let isSwept = false;
  const sweep = async (): Promise<void> => {
    if (isSwept) return;
    isSwept = true;
    await permit(folder, "read", "write").then(
      () => removeLeftovers(options),
      // The load or save reports that.
      () => undefined,
    );
  };
  return {
    load: async () => {
      await sweep();
      await permit(path, "read");
      try {
        return await fs.readFile(path, "utf8");
      } catch (error) {
        if (errnoOf(error) === "ENOENT") return undefined;
        throw error;
      }
    },
    save: async (content) => {
      await sweep();
      const next = beside(`${name}.${bytesToHex(randomBytes(nameBytes))}.tmp`);
      try {
        await permit(folder, "read", "write");
        await write(await openNew(next, options), content, fs, next, path);
        await flushFolder(fs, folder);
      } catch (error) {
        throw new Error(`cannot write ${path}: ${errorMessage(error)}`, { cause: error });
      }
    },
  };
}

/** Creates the file, and its folder if that is missing: one that only its owner can use. */
async function openNew(path: string, { fs, folder, makeFolder }: FileStoreOptions): Promise<OpenFile> {
  try {
    return await fs.open(path, "wx", 0o600);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
  await makeFolder(folder, 0o700);
  return fs.open(path, "wx", 0o600);
}

/** Writes the new file and renames it to `path`; leaves nothing behind when that fails. */
async function write(opened: OpenFile, content: string, fs: FileSystem, next: string, path: string): Promise<void> {
  try {
    try {
      await opened.writeFile(content);
      await opened.sync();
    } finally {
      await opened.close();
    }
    await fs.rename(next, path);
  } catch (error) {
    await fs.rm(next, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Flushes the folder, so that the new name is on the disk, too. On systems that cannot do that, the name gets there a little later. */
async function flushFolder(fs: FileSystem, folder: string): Promise<void> {
  try {
    const opened = await fs.open(folder, "r");
    try {
      await opened.sync();
    } finally {
      await opened.close();
    }
  } catch {
    // The state is saved all the same.
  }
}

/** Errors are ignored: the store works without the clean-up, and another process may have been faster. */
async function removeLeftovers({ fs, name, folder, beside }: FileStoreOptions): Promise<void> {
  const before = systemClock().wallTime() - leftoverAge;
  const names = await fs.readdir(folder).catch(() => []);
  for (const each of names) {
    if (!each.startsWith(`${name}.`) || !/^[0-9a-f]{32}\.tmp$/.test(each.slice(name.length + 1))) continue;
    const info = await fs.lstat(beside(each)).catch(() => undefined);
    if (info?.isFile() === true && info.mtimeMs < before) await fs.rm(beside(each), { force: true }).catch(() => undefined);
  }
}

import { errorMessage } from "../api/errors.ts";
import { systemClock } from "../ports/clock.ts";
import { randomBytes } from "../ports/web-crypto.ts";
import type { Store } from "../ports/store.ts";
import { bytesToHex } from "../wire/bytes.ts";

/** What a runtime does for {@link createFileStore}: one file, and the files beside it, by their names in its folder. */
export interface StoreFiles {
  /** The file's absolute path, for messages. */
  readonly path: string;
  /** Its name in its folder. */
  readonly name: string;
  /** Undefined where there is no file. */
  read(): Promise<string | undefined>;
  /**
   * Writes a new file, readable and writable by its owner only, and flushes it to the disk. Fails where there is anything of that name, a link
   * included, and leaves nothing behind when it fails.
   */
  create(name: string, text: string): Promise<void>;
  /** Renames another file to this one, which it replaces (a link itself, not what it points to). */
  replaceBy(name: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** The names in the folder. */
  list(): Promise<readonly string[]>;
  /** When a file was last written, in ms since the Unix epoch; undefined for what is not a regular file. */
  modifiedAt(name: string): Promise<number | undefined>;
}

/** In bytes: nobody can guess such a name, to put a link there. */
const nameBytes = 16;
/** What a save that was killed has left is removed after so long, in ms. A save takes much less. */
const leftoverAge = 10 * 60_000;

/**
 * A store in a file. A save writes a new file beside it, under a name by chance, and renames it; so a crash leaves the old content or the new
 * one, never a part. What saves that were killed have left is removed by the first load or save.
 */
export function createFileStore(files: StoreFiles): Store {
  let isSwept = false;
  const sweep = async (): Promise<void> => {
    if (isSwept) return;
    isSwept = true;
    await removeLeftovers(files);
  };
  return {
    load: async () => {
      await sweep();
      return files.read();
    },
    save: async (text) => {
      await sweep();
      const next = `${files.name}.${bytesToHex(randomBytes(nameBytes))}.tmp`;
      try {
        await files.create(next, text);
        await replace(files, next);
      } catch (error) {
        throw new Error(`cannot write ${files.path}: ${errorMessage(error)}`, { cause: error });
      }
    },
  };
}

async function replace(files: StoreFiles, next: string): Promise<void> {
  try {
    await files.replaceBy(next);
  } catch (error) {
    await files.remove(next).catch(() => undefined);
    throw error;
  }
}

/** Whatever goes wrong here, the store works without; another process may have been faster. */
async function removeLeftovers(files: StoreFiles): Promise<void> {
  const before = systemClock().wallTime() - leftoverAge;
  const names = await files.list().catch(() => []);
  for (const name of names) {
    if (!isOurs(files.name, name)) continue;
    const modifiedAt = await files.modifiedAt(name).catch(() => undefined);
    if (modifiedAt !== undefined && modifiedAt < before) await files.remove(name).catch(() => undefined);
  }
}

function isOurs(store: string, name: string): boolean {
  return name.startsWith(`${store}.`) && /^[0-9a-f]{32}\.tmp$/.test(name.slice(store.length + 1));
}

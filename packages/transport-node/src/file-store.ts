import { lstat, open, readdir, readFile, rename, rm, type FileHandle } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Store } from "@memberlist/core";
import { createFileStore, errnoOf } from "@memberlist/core/internal";

/**
 * Keeps a node's saved state in a file that only its owner can read. Each save writes a new file beside it, under a random name, flushes it to the
 * disk and renames it: a crash leaves the old state or the new one, never a part. A link at `path` is replaced, not followed. Files that a
 * killed save left behind are removed at the next start, once they are ten minutes old. The folder must exist; give each node a file of its own.
 *
 * @param path a relative one is resolved once, now: a later `process.chdir` does not move the file
 */
export function fileStore(path: string): Store {
  const file = resolve(path);
  const folder = dirname(file);
  const at = (name: string): string => join(folder, name);
  return createFileStore({
    path: file,
    name: basename(file),
    read: async () => {
      try {
        return await readFile(file, "utf8");
      } catch (error) {
        if (errnoOf(error) === "ENOENT") return undefined;
        throw error;
      }
    },
    create: async (name, text) => {
      const next = await open(at(name), "wx", 0o600);
      try {
        await writeFlushed(next, text);
      } catch (error) {
        await rm(at(name), { force: true });
        throw error;
      }
    },
    replaceBy: async (name) => {
      await rename(at(name), file);
      await flushFolder(folder);
    },
    remove: (name) => rm(at(name), { force: true }),
    list: () => readdir(folder),
    modifiedAt: async (name) => {
      const info = await lstat(at(name));
      return info.isFile() ? info.mtimeMs : undefined;
    },
  });
}

async function writeFlushed(file: FileHandle, text: string): Promise<void> {
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** So that the new name is on the disk, too. Not every system can: then it gets there a little later. */
async function flushFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch {
    // The state is saved all the same.
  }
}

import * as fs from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Store } from "@memberlist/core";
import { checkPath, createFileStore, errnoOf } from "@memberlist/core/internal";

/**
 * Keeps a node's saved state in a file that only its owner can read. Each save writes a new file beside it, under a random name, flushes it to the
 * disk and renames it: a crash leaves the old state or the new one, never a part. A link at `path` is replaced, not followed. The next start
 * removes files that a killed save left behind, once they are ten minutes old. A missing folder is created, with mode 0700. Give each node a file of
 * its own.
 *
 * @throws MemberlistError `invalid_argument` for a path that is not a string, or is empty
 *
 * @param path a relative one is resolved once, now: a later `process.chdir` does not move the file
 */
export function fileStore(path: string): Store {
  checkPath(path);
  const file = resolve(path);
  const folder = dirname(file);
  return createFileStore({ fs, path: file, name: basename(file), folder, beside: (name) => join(folder, name), makeFolder });
}

/**
 * Creates a folder, and those above it. In place of Node's `recursive`, which on Node 20 tries for ever, and keeps the process alive, where no folder can be
 * created and the system reports that as ENOENT: below /proc.
 */
async function makeFolder(folder: string, mode: number): Promise<void> {
  try {
    await fs.mkdir(folder, { mode });
  } catch (error) {
    const parent = dirname(folder);
    if (errnoOf(error) === "EEXIST") return;
    if (errnoOf(error) !== "ENOENT" || parent === folder) throw error;
    await makeFolder(parent, mode);
    // Another process may have been faster.
    await fs.mkdir(folder, { mode }).catch((second: unknown) => {
      if (errnoOf(second) !== "EEXIST") throw second;
    });
  }
}

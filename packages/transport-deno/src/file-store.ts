import * as fs from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Store } from "@memberlist/core";
import { checkPath, createFileStore } from "@memberlist/core/internal";
import { requireFile } from "./permission.ts";

/**
 * Keeps a node's saved state in a file that only its owner can read. Each save writes a new file beside it, under a random name, flushes it to the
 * disk and renames it: a crash leaves the old state or the new one, never a part. A link at `path` is replaced, not followed. The next start
 * removes files that a killed save left behind, once they are ten minutes old. A missing folder is created, with mode 0700. Give each node a file of
 * its own.
 *
 * Permissions: `--allow-read` and `--allow-write` for the folder. Where they are missing, the node starts without its saved state, and logs that
 * (`store_load_failed`, `store_save_failed`). Deno never prompts for them.
 *
 * @throws MemberlistError `invalid_argument` for a path that is not a string, or is empty
 *
 * @param path a relative one is resolved once, now: a later `Deno.chdir` does not move the file
 */
export function fileStore(path: string): Store {
  checkPath(path);
  const file = resolve(path);
  const folder = dirname(file);
  return createFileStore({
    fs,
    path: file,
    name: basename(file),
    folder,
    beside: (name) => join(folder, name),
    makeFolder: (missing, mode) => fs.mkdir(missing, { recursive: true, mode }),
    permit: requireFile,
  });
}

import { basename, dirname, join, resolve } from "node:path";
import type { Store } from "@memberlist/core";
import { createFileStore } from "@memberlist/core/internal";
import { requireFile } from "./permission.ts";

/**
 * Keeps a node's saved state in a file that only its owner can read. Each save writes a new file beside it, under a random name, flushes it to the
 * disk and renames it: a crash leaves the old state or the new one, never a part. A link at `path` is replaced, not followed. Files that a
 * killed save left behind are removed at the next start, once they are ten minutes old. The folder must exist; give each node a file of its own.
 *
 * Permissions: `--allow-read` and `--allow-write` for the folder. Where they are missing, the node starts without its saved state, and logs that
 * (`store_load_failed`, `store_save_failed`); none is prompted for.
 *
 * @param path a relative one is resolved once, now: a later `Deno.chdir` does not move the file
 */
export function fileStore(path: string): Store {
  const file = resolve(path);
  const folder = dirname(file);
  const at = (name: string): string => join(folder, name);
  return createFileStore({
    path: file,
    name: basename(file),
    read: async () => {
      await requireFile(file, "read");
      try {
        return await Deno.readTextFile(file);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return undefined;
        throw error;
      }
    },
    create: async (name, text) => {
      await requireFile(folder, "read", "write");
      const next = await Deno.open(at(name), { write: true, createNew: true, mode: 0o600 });
      try {
        await writeFlushed(next, text);
      } catch (error) {
        await Deno.remove(at(name)).catch(() => undefined);
        throw error;
      }
    },
    replaceBy: async (name) => {
      await Deno.rename(at(name), file);
      await flushFolder(folder);
    },
    remove: (name) => Deno.remove(at(name)),
    list: async () => {
      await requireFile(folder, "read", "write");
      const names: string[] = [];
      for await (const { name } of Deno.readDir(folder)) names.push(name);
      return names;
    },
    modifiedAt: async (name) => {
      const info = await Deno.lstat(at(name));
      return info.isFile ? info.mtime?.getTime() : undefined;
    },
  });
}

async function writeFlushed(opened: Deno.FsFile, text: string): Promise<void> {
  using file = opened;
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  await file.sync();
}

/** So that the new name is on the disk, too. Not every system can: then it gets there a little later. */
async function flushFolder(path: string): Promise<void> {
  try {
    using folder = await Deno.open(path, { read: true });
    await folder.sync();
  } catch {
    // The state is saved all the same.
  }
}

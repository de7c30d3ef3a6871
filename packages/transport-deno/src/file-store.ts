import { errorMessage, type Store } from "@memberlist/core";
import { requireFile } from "./permission.ts";

/**
 * Keeps a node's snapshot in a file, readable by its owner only. It is written next to the file, flushed to the disk and renamed, so that a
 * crash leaves the old or the new one, never a part. The directory must exist; give each node a file of its own.
 *
 * Permissions: `--allow-read` and `--allow-write` for the directory, or for `path` and `path.tmp`. Where they are missing, the node
 * starts without, and says so (`store_load_failed`, `store_save_failed`); none is prompted for.
 */
export function fileStore(path: string): Store {
  const next = `${path}.tmp`;
  return {
    load: async () => {
      await requireFile(path, "read");
      try {
        return await Deno.readTextFile(path);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return undefined;
        throw error;
      }
    },
    save: async (text) => {
      try {
        for (const file of [path, next]) await requireFile(file, "read", "write");
        await replace(path, next, text);
      } catch (error) {
        throw new Error(`cannot write ${path}: ${errorMessage(error)}`, { cause: error });
      }
    },
  };
}

async function replace(path: string, next: string, text: string): Promise<void> {
  try {
    await writeFlushed(next, text);
    await Deno.rename(next, path);
  } catch (error) {
    await Deno.remove(next).catch(() => undefined);
    throw error;
  }
}

async function writeFlushed(path: string, text: string): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true, mode: 0o600 });
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  await file.syncData();
}

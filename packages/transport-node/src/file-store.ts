import { open, readFile, rename, rm } from "node:fs/promises";
import { errorMessage, type Store } from "@memberlist/core";

/**
 * Keeps a node's snapshot in a file, readable by its owner only. It is written next to the file, flushed to the disk and renamed, so that a
 * crash leaves the old or the new one, never a part. The directory must exist; give each node a file of its own.
 */
export function fileStore(path: string): Store {
  const next = `${path}.${process.pid}.tmp`;
  return {
    load: async () => {
      try {
        return await readFile(path, "utf8");
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
        throw error;
      }
    },
    save: async (text) => {
      try {
        await writeFlushed(next, text);
        await rename(next, path);
      } catch (error) {
        await rm(next, { force: true });
        throw new Error(`cannot write ${path}: ${errorMessage(error)}`, { cause: error });
      }
    },
  };
}

async function writeFlushed(path: string, text: string): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

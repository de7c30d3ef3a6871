import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMemberlist, fileStore, localConfig } from "../src/index.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "memberlist-store-"));
});

afterEach(() => rm(folder, { recursive: true }));

describe("fileStore()", () => {
  it("has nothing before the first save, then what was saved last, for its owner only, and leaves no other file", async () => {
    const path = join(folder, "node.json");
    const store = fileStore(path);
    expect(await store.load()).toBeUndefined();
    await store.save("a long first text");
    await store.save("second");
    expect(await store.load()).toBe("second");
    expect(await readdir(folder)).toEqual(["node.json"]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("says where it could not write or read", async () => {
    const store = fileStore(join(folder, "missing", "node.json"));
    await expect(store.save("x")).rejects.toThrow(/cannot write .*node\.json: ENOENT/);
    await expect(fileStore(folder).load()).rejects.toThrow(/EISDIR/);
  });

  it("brings a restarted node back by itself, and a broken file does no harm", async () => {
    const path = join(folder, "b.json");
    const bind = { ...localConfig(), bindAddr: "127.0.0.1", bindPort: 0, logOutput: { write: () => {} } };
    await using a = await createMemberlist({ ...bind, name: "a" });
    const b = await createMemberlist({ ...bind, name: "b", store: fileStore(path) });
    await b.join([`127.0.0.1:${a.localNode().port}`]);
    const { port } = b.localNode();
    await b.shutdown();
    {
      await using again = await createMemberlist({ ...bind, name: "b", bindPort: port, store: fileStore(path) });
      await again.ready({ members: 2, timeout: 5_000 });
      expect(again.recentEvents().some(({ type }) => type === "refute")).toBe(false);
    }
    await writeFile(path, (await readFile(path, "utf8")).slice(0, 40));
    await using broken = await createMemberlist({ ...bind, name: "b", bindPort: port, store: fileStore(path) });
    expect(broken.counters()).toMatchObject({ store_corrupted: 1 });
  });
});

import { lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createMemberlist, fileStore, localConfig } from "../src/index.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "memberlist-store-"));
});

afterEach(() => rm(folder, { recursive: true }));

describe("fileStore()", () => {
  it.each(["", undefined, 5])("refuses the path %j", (path) => {
    expect(() => fileStore(path as string)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  });

  it("loads the last save, from a file that only its owner can read, and leaves no other file", async () => {
    const path = join(folder, "node.json");
    const store = fileStore(path);
    expect(await store.load()).toBeUndefined();
    await store.save("a long first text");
    await store.save("second");
    expect(await store.load()).toBe("second");
    expect(await readdir(folder)).toEqual(["node.json"]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("names the file that it could not write or read", async () => {
    await writeFile(join(folder, "file"), "x");
    const store = fileStore(join(folder, "file", "node.json"));
    await expect(store.save("x")).rejects.toThrow(/cannot write .*node\.json: ENOTDIR/);
    await expect(fileStore(folder).load()).rejects.toThrow(/EISDIR/);
  });

  it("creates a missing folder, which only its owner can use", async () => {
    const path = join(folder, "new", "deep", "node.json");
    const store = fileStore(path);
    expect(await store.load()).toBeUndefined();
    await expect(stat(join(folder, "new"))).rejects.toThrow(/ENOENT/);
    await store.save("text");
    expect(await fileStore(path).load()).toBe("text");
    for (const created of ["new", "new/deep"]) expect((await stat(join(folder, created))).mode & 0o777).toBe(0o700);
  });

  it("creates a missing folder that two savers need at once", async () => {
    const paths = ["first", "second"].map((name) => join(folder, "new", "deep", name));
    await Promise.all(paths.map((path) => fileStore(path).save("text")));
    expect((await readdir(join(folder, "new", "deep"))).sort()).toEqual(["first", "second"]);
  });

  it.runIf(process.platform === "linux")("rejects a save below a folder where the system creates none", async () => {
    const missing = "/proc/memberlist/deep/node.json";
    await expect(fileStore(missing).save("x")).rejects.toThrow(`cannot write ${missing}: ENOENT`);
  });

  it("never opens an existing file, not even through a link under the next name", async () => {
    const victim = join(folder, "victim");
    await writeFile(victim, "precious");
    const path = join(folder, "node.json");
    const predictable = vi.spyOn(globalThis.crypto, "getRandomValues").mockImplementation((array) => array);
    const next = `node.json.${"00".repeat(16)}.tmp`;
    await symlink(victim, join(folder, next));
    await expect(fileStore(path).save("x")).rejects.toThrow(/cannot write .*node\.json: EEXIST/);
    predictable.mockRestore();
    expect(await readFile(victim, "utf8")).toBe("precious");
    // It did not make the link: it does not remove it.
    expect((await readdir(folder)).sort()).toEqual([next, "victim"]);
    const names = new Set<string>();
    for (let i = 0; i < 20; i++) {
      // The rename fails, and its error has the name.
      await rm(path, { force: true, recursive: true });
      await mkdir(path);
      const failure: unknown = await fileStore(path)
        .save("x")
        .catch((error: unknown) => error);
      names.add(/node\.json\.([0-9a-f]{32})\.tmp/.exec(String(failure))?.[1] ?? "");
    }
    expect(names.size).toBe(20);
    expect(names).not.toContain("");
    // Nor did the failed saves leave anything.
    expect((await readdir(folder)).sort()).toEqual(["node.json", next, "victim"]);
  });

  it("replaces a file that others can read, and replaces a link instead of its target", async () => {
    const [path, target] = [join(folder, "node.json"), join(folder, "target")];
    await writeFile(path, "old", { mode: 0o644 });
    await fileStore(path).save("new");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await rm(path);
    await writeFile(target, "old");
    await symlink(target, path);
    await fileStore(path).save("new");
    expect(await readFile(target, "utf8")).toBe("old");
    expect((await lstat(path)).isSymbolicLink()).toBe(false);
    expect(await readFile(path, "utf8")).toBe("new");
  });

  it("removes old files of its own killed saves, and no other file", async () => {
    const hex = "0123456789abcdef".repeat(2);
    const [old, young] = [`node.json.${hex}.tmp`, `node.json.${hex.replace("0", "1")}.tmp`];
    const others = [`other.json.${hex}.tmp`, "node.json.tmp", "node.json.1234.tmp", `node.json.${hex}.tmp.bak`, young];
    for (const name of [old, ...others]) await writeFile(join(folder, name), "x");
    await mkdir(join(folder, `node.json.${"f".repeat(32)}.tmp`));
    const hourAgo = new Date(Date.now() - 3_600_000);
    for (const name of await readdir(folder)) if (name !== young) await utimes(join(folder, name), hourAgo, hourAgo);
    const store = fileStore(join(folder, "node.json"));
    expect(await store.load()).toBeUndefined();
    expect((await readdir(folder)).sort()).toEqual([...others, `node.json.${"f".repeat(32)}.tmp`].sort());
    // At the start alone: a save looks at no folder.
    await writeFile(join(folder, old), "x");
    await utimes(join(folder, old), hourAgo, hourAgo);
    await store.save("text");
    expect(await readdir(folder)).toContain(old);
  });

  it("keeps its path when the working directory changes", async () => {
    const [first, second] = [join(folder, "first"), join(folder, "second")];
    await mkdir(first);
    await mkdir(second);
    const cwd = vi.spyOn(process, "cwd").mockReturnValue(first);
    const store = fileStore("node.json");
    cwd.mockReturnValue(second);
    await store.save("text");
    cwd.mockRestore();
    expect(await readdir(first)).toEqual(["node.json"]);
    expect(await readdir(second)).toEqual([]);
    expect(await store.load()).toBe("text");
  });

  it("recognizes a missing file by its code in another realm", async () => {
    // As in Jest, whose `Error` is not the one of the file system.
    const { Error: own } = globalThis;
    globalThis.Error = class extends own {} as ErrorConstructor;
    try {
      expect(await fileStore(join(folder, "node.json")).load()).toBeUndefined();
    } finally {
      globalThis.Error = own;
    }
  });

  it("restores the cluster of a restarted node, and ignores a broken file", async () => {
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

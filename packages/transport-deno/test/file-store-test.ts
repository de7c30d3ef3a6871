/**
 * Run by Deno with its sanitizers, in the folder that the first argument names. With permission for all files: without it Deno makes no links.
 */
import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { fileStore } from "../src/index.ts";

const [folder = ""] = Deno.args;

Deno.test("fileStore never opens an existing file, replaces a link, and removes only its own old temporary files", async () => {
  const inner = `${folder}/links`;
  await Deno.mkdir(inner);
  const [path, victim] = [`${inner}/node.json`, `${inner}/victim`];
  await Deno.writeTextFile(victim, "precious");
  const next = `node.json.${"00".repeat(16)}.tmp`;
  await Deno.symlink(victim, `${inner}/${next}`);
  const { getRandomValues } = crypto;
  crypto.getRandomValues = (array) => array;
  try {
    await rejects(async () => fileStore(path).save("x"), /cannot write .*node\.json: .*exists/);
  } finally {
    crypto.getRandomValues = getRandomValues;
  }
  const names = (): string[] => [...Deno.readDirSync(inner)].map(({ name }) => name).toSorted();
  deepStrictEqual(names(), [next, "victim"]);
  await Deno.remove(`${inner}/${next}`);
  // The target is another one's, and stays as it is.
  await Deno.symlink(victim, path);
  await fileStore(path).save("new");
  strictEqual(Deno.readTextFileSync(victim), "precious");
  strictEqual(Deno.lstatSync(path).isSymlink, false);
  Deno.chmodSync(path, 0o644);
  const [old, young] = [`node.json.${"1".repeat(32)}.tmp`, `node.json.${"2".repeat(32)}.tmp`];
  for (const name of [old, young, "node.json.tmp"]) {
    await Deno.writeTextFile(`${inner}/${name}`, "x");
    if (name !== young) await Deno.utime(`${inner}/${name}`, 1, 1);
  }
  const store = fileStore(path);
  strictEqual(await store.load(), "new");
  deepStrictEqual(names(), ["node.json", young, "node.json.tmp", "victim"].toSorted());
  await store.save("newer");
  strictEqual((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
});

Deno.test("fileStore creates a missing folder, which only its owner can use", async () => {
  const path = `${folder}/new/deep/node.json`;
  await fileStore(path).save("text");
  strictEqual(await fileStore(path).load(), "text");
  for (const created of ["new", "new/deep"]) strictEqual((Deno.statSync(`${folder}/${created}`).mode ?? 0) & 0o777, 0o700);
});

Deno.test("fileStore keeps its path when the working directory changes", async () => {
  const before = Deno.cwd();
  const [first, second] = [`${folder}/first`, `${folder}/second`];
  for (const each of [first, second]) await Deno.mkdir(each);
  try {
    Deno.chdir(first);
    const store = fileStore("node.json");
    Deno.chdir(second);
    await store.save("text");
    strictEqual(await store.load(), "text");
  } finally {
    Deno.chdir(before);
  }
  strictEqual(Deno.readTextFileSync(`${first}/node.json`), "text");
  deepStrictEqual([...Deno.readDirSync(second)], []);
});

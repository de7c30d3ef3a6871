import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { goAvailable } from "../src/go-toolchain.ts";

interface Section {
  readonly rows: readonly { readonly go: string }[];
}

const table = JSON.parse(readFileSync(new URL("../../../docs/migration/go-api.json", import.meta.url), "utf8")) as Section[];
const rows = table.flatMap((section) => section.rows.map(({ go }) => go));

/** The sources of the Go library that the peers of this suite are built with. */
async function goSources(): Promise<string> {
  const cwd = fileURLToPath(new URL("../go-peer", import.meta.url));
  const list = ["mod", "download", "-json", "github.com/hashicorp/memberlist"];
  const { stdout } = await promisify(execFile)("go", list, { cwd });
  const { Dir: folder } = JSON.parse(stdout) as { readonly Dir: string };
  const files = readdirSync(folder).filter((file) => file.endsWith(".go") && !file.endsWith("_test.go"));
  return files.map((file) => readFileSync(join(folder, file), "utf8")).join("\n");
}

const exported = /^[A-Z]/;

/** The exported names of Go sources as gofmt formats them: functions, methods and fields of exported types, and metrics. */
function namesIn(source: string): string[] {
  const found: string[] = [];
  for (const [, receiver, name = ""] of source.matchAll(/^func (?:\(\w+ \*?(\w+)\) )?([A-Z]\w*)\(/gm)) {
    if (receiver === undefined) found.push(name);
    else if (exported.test(receiver)) found.push(`${receiver}.${name}`);
  }
  for (const [, type = "", kind, body = ""] of source.matchAll(/^type ([A-Z]\w*) (struct|interface) \{\n(.*?)^\}/gms)) {
    found.push(type);
    const member = kind === "struct" ? /^\t([A-Z]\w*)\s/gm : /^\t([A-Z]\w*)\(/gm;
    for (const [, name = ""] of body.matchAll(member)) found.push(`${type}.${name}`);
  }
  for (const [, type = ""] of source.matchAll(/^type ([A-Z]\w*) (?!struct|interface)/gm)) found.push(type);
  for (const [, parts = ""] of source.matchAll(/\[\]string\{("memberlist"[^}]*)\}/g)) {
    found.push([...parts.matchAll(/"(\w+)"/g)].map(([, part]) => part).join("."));
  }
  return [...new Set(found)];
}

describe.runIf(await goAvailable())("docs/migration/go-api.json", async () => {
  const names = namesIn(await goSources());
  const typeOf = (name: string): string => name.split(".")[0] ?? "";

  it("reads the sources of the Go library", () => {
    expect(names).toEqual(expect.arrayContaining(["Create", "Config.ProbeInterval", "Memberlist.Join", "memberlist.udp.sent"]));
    expect(names.length).toBeGreaterThan(150);
  });

  it("covers every exported function, method, field and metric", () => {
    const isMetric = (name: string): boolean => name.startsWith("memberlist.");
    // A row of a type covers the members of the type, and a row of a member covers its type.
    const covered = (name: string): boolean =>
      rows.includes(name) || (!isMetric(name) && (rows.includes(typeOf(name)) || rows.some((row) => row.startsWith(`${name}.`))));
    expect(names.filter((name) => !covered(name))).toEqual([]);
  });

  it("lists only names that the Go library has, each once", () => {
    expect(rows.filter((row) => !names.includes(row))).toEqual([]);
    expect(new Set(rows).size).toBe(rows.length);
  });
});

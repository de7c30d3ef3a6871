import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { lanConfig, localConfig, wanConfig } from "../../src/config/defaults.ts";
import { limitMaxima } from "../../src/config/limits.ts";

const page = readFileSync(new URL("../../../../docs/reference/config.md", import.meta.url), "utf8");
const source = readFileSync(new URL("../../src/config/config.ts", import.meta.url), "utf8");

/** The rows of the page's tables of fields: each name with its values in the three presets. */
const rows = new Map(
  [...page.matchAll(/^\| `(\w+)` \| (?:yes)? ?\| (.*?) ?\| (.*?) ?\| (.*?) ?\| .+ \|$/gm)].map(
    ([, name = "", lan, wan, local]) => [name, { lan: valueOf(lan), wan: valueOf(wan), local: valueOf(local) }],
  ),
);

/** A value between backticks; undefined for an empty cell. */
function valueOf(cell = ""): unknown {
  const [, text] = /^`(.*)`$/.exec(cell) ?? [];
  return text === undefined ? undefined : JSON.parse(text.replaceAll(/(\d)_(\d)/g, "$1$2"));
}

describe("the reference of the configuration", () => {
  it("lists every field of Config and no other", () => {
    const [, body = ""] = /export interface Config \{(.*?)^\}/ms.exec(source) ?? [];
    const fields = [...body.matchAll(/^ {2}(\w+)\??:/gm)].map(([, name]) => name);
    expect(fields.length).toBeGreaterThan(50);
    expect(new Set(rows.keys())).toEqual(new Set(fields));
  });

  it("gives the defaults of each preset", () => {
    const [lan, wan, local] = [lanConfig(), wanConfig(), localConfig()] as unknown as Record<string, unknown>[];
    expect(rows.size).toBeGreaterThan(0);
    for (const [name, row] of rows) {
      expect({ name, lan: row.lan, wan: row.wan ?? row.lan, local: row.local ?? row.lan }).toEqual({
        name,
        lan: lan?.[name],
        wan: wan?.[name],
        local: local?.[name],
      });
    }
  });

  it("names every limit", () => {
    for (const name of Object.keys(limitMaxima)) expect(page).toContain(`\`${name}\``);
  });

  it("lists every option of the transports and no other", () => {
    const table = /## Options of the transports\n([\s\S]*?)(?:\n## |$)/.exec(page)?.[1] ?? "";
    const documented = (name: string): (string | undefined)[] =>
      [...table.matchAll(/^\| `(\w+)` \| ([\w, ]+) \|/gm)]
        .filter(([, , where]) => where?.split(", ").includes(name))
        .map(([, option]) => option);
    for (const [name, type] of [
      ["node", "NodeConfig"],
      ["deno", "DenoConfig"],
    ] as const) {
      const fields = fieldsOf(`transport-${name}/src/create-memberlist.ts`, type);
      expect(new Set(documented(name))).toEqual(new Set(fields));
    }
  });
});

/** The options and counters of packages that add to a member, each with the page that has to name all of them. */
const addOns = [
  ["ring/src/membership.ts", "RingMembers", "guide/ring.md"],
  ["ring/src/leader.ts", "LeaderOptions", "guide/ring.md"],
  ["topics/src/options.ts", "TopicsOptions", "guide/topics.md"],
  ["topics/src/topics.ts", "PublishOptions", "guide/topics.md"],
  ["topics/src/subscriptions.ts", "MessagesOptions", "guide/topics.md"],
  ["topics/src/counters.ts", "TopicsCounters", "reference/codes.md"],
  ["requests/src/options.ts", "RequestsOptions", "guide/requests.md"],
  ["requests/src/requests.ts", "RequestOptions", "guide/requests.md"],
  ["requests/src/requests.ts", "RequestAllOptions", "guide/requests.md"],
  ["requests/src/counters.ts", "RequestCounters", "reference/codes.md"],
  ["status/src/options.ts", "StatusHandlerOptions", "guide/status-page.md"],
  ["transport-deno/src/quic/quic-options.ts", "QuicConfig", "guide/quic.md"],
] as const;

describe("the page of an add-on", () => {
  it.each(addOns)("names every field: %s %s in %s", (path, type, file) => {
    expect(fieldsOf(path, type).filter((field) => !namesIn(file).has(field))).toEqual([]);
  });

  it("names every code of a RequestError", () => {
    const [, union = ""] = /type RequestErrorCode =([^;]+);/.exec(readSource("requests/src/errors.ts")) ?? [];
    const codes = [...union.matchAll(/"(\w+)"/g)].map(([, code = ""]) => code);
    expect(codes.length).toBeGreaterThan(5);
    expect(codes.filter((code) => !namesIn("guide/requests.md").has(code))).toEqual([]);
  });
});

function readSource(path: string): string {
  return readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
}

/** The own fields of an interface. */
function fieldsOf(path: string, type: string): string[] {
  const [, body = ""] = new RegExp(`interface ${type}\\b[^{]*\\{(.*?)^\\}`, "ms").exec(readSource(path)) ?? [];
  const fields = [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(]/gm)].map(([, name = ""]) => name);
  expect(fields).not.toEqual([]);
  return fields;
}

/** The words in the code of a page: between backticks, and in its programs. */
function namesIn(file: string): Set<string> {
  const text = readFileSync(new URL(`../../../../docs/${file}`, import.meta.url), "utf8");
  const code = [...text.matchAll(/```[\s\S]*?```|`[^`\n]*`/g)].map(([part]) => part).join(" ");
  return new Set(code.match(/\w+/g));
}

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
});

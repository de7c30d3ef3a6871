// The pages of the site, in the order of its sidebar. A page that is not named here follows the others of its folder.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { titleOf } from "../../scripts/markdown.mjs";

const docs = new URL("../", import.meta.url);

const groups = [
  ["Tutorials", "tutorials", ["sharded-cache", "partitions", "transport"]],
  [
    "Guides",
    "guide",
    ["first-service", "joining", "metadata", "messages", "events", "encryption", "restarts", "partitions", "testing"],
  ],
  ["Migration", "migration", ["go", "swim-js", "serf"]],
  ["Reference", "reference", ["config", "codes", "metrics", "diagnostics", "PROTOCOL"]],
  ["API", "reference/api", ["index", "core", "transport-node", "transport-deno"]],
  ["Measurements", "measurements", ["performance", "scale", "simulation"]],
  ["Internals", "internals", ["architecture"]],
];

/** The groups of the sidebar, each with its pages. */
export function sidebar() {
  return groups.map(([text, folder, first]) => ({ text, items: pagesOf(folder, first) })).filter(({ items }) => items.length > 0);
}

function pagesOf(folder, first) {
  const path = new URL(`${folder}/`, docs);
  if (!existsSync(path)) return [];
  const names = readdirSync(path)
    .filter((name) => name.endsWith(".md"))
    .map((name) => name.slice(0, -".md".length));
  const place = (name) => (first.includes(name) ? first.indexOf(name) : first.length);
  return names
    .sort((a, b) => place(a) - place(b) || a.localeCompare(b))
    .map((name) => ({
      text: titleOf(readFileSync(new URL(`${name}.md`, path), "utf8")),
      link: name === "index" ? `/${folder}/` : `/${folder}/${name}`,
    }));
}

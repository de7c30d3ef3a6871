// The pages of the site, in the order of its sidebar. A page that is not named here follows the others of its folder.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { titleOf } from "../../scripts/markdown.mjs";

const docs = new URL("../", import.meta.url);

/** Each group's title, its folder, and its first pages, as paths below docs/. */
const groups = [
  {
    text: "Tutorials",
    folder: "tutorials",
    first: ["guide/first-service", "tutorials/sharded-cache", "tutorials/partitions", "tutorials/transport"],
  },
  {
    text: "Guides",
    folder: "guide",
    first: [
      "guide/joining",
      "guide/metadata",
      "guide/messages",
      "guide/events",
      "guide/encryption",
      "guide/restarts",
      "guide/partitions",
      "guide/testing",
      "guide/deploying",
    ],
  },
  { text: "Migration", folder: "migration", first: ["migration/go"] },
  {
    text: "Reference",
    folder: "reference",
    first: [
      "reference/config",
      "reference/codes",
      "reference/metrics",
      "reference/diagnostics",
      "reference/channels",
      "reference/PROTOCOL",
    ],
  },
  {
    text: "API",
    folder: "reference/api",
    first: ["reference/api/index", "reference/api/core", "reference/api/transport-node", "reference/api/transport-deno"],
  },
  {
    text: "Measurements",
    folder: "measurements",
    first: ["measurements/performance", "measurements/scale", "measurements/simulation"],
  },
  { text: "Internals", folder: "internals", first: ["internals/architecture"] },
];

/** The groups of the sidebar, each with its pages. */
export function sidebar() {
  const placed = new Set(groups.flatMap(({ first }) => first));
  return groups
    .map(({ text, folder, first }) => {
      const others = pagesIn(folder).filter((page) => !placed.has(page));
      const pages = [...first.filter((page) => existsSync(fileOf(page))), ...others];
      return { text, items: pages.map((page) => ({ text: titleOf(readFileSync(fileOf(page), "utf8")), link: linkOf(page) })) };
    })
    .filter(({ items }) => items.length > 0);
}

function pagesIn(folder) {
  const path = new URL(`${folder}/`, docs);
  const names = existsSync(path) ? readdirSync(path) : [];
  return names
    .filter((name) => name.endsWith(".md"))
    .map((name) => `${folder}/${name.slice(0, -".md".length)}`)
    .sort();
}

function fileOf(page) {
  return new URL(`${page}.md`, docs);
}

function linkOf(page) {
  return `/${page.replace(/(^|\/)index$/, "$1")}`;
}

// The documentation site: the Markdown files of docs/ as they are, and the API reference that scripts/site.mjs writes to docs/reference/api.
import { readFileSync } from "node:fs";
import { defineConfig } from "vitepress";
import { anchorOf } from "../../scripts/markdown.mjs";
import { emptyHeaders } from "./empty-headers.mjs";
import { sidebar } from "./pages.mjs";
import { repositoryLinks } from "./repository-links.mjs";

const { homepage } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
const repository = homepage.replace("#readme", "");

const circles = [
  [8, 3],
  [3, 12],
  [13, 12],
]
  .map(([x, y]) => `<circle cx="${x}" cy="${y}" r="2.6"/>`)
  .join("");
const icon = `data:image/svg+xml,${encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="#3e5fc4" stroke="#3e5fc4"><path d="M8 3 3 12h10z" fill="none"/>${circles}</svg>`,
)}`;

export default defineConfig({
  title: "memberlist",
  description: "Cluster membership and failure detection for Node, Deno and Bun",
  lang: "en",
  /** Where the site is served from: "/" or, for example, "/memberlist/". */
  base: process.env["SITE_BASE"] ?? "/",
  cleanUrls: true,
  head: [["link", { rel: "icon", href: icon }]],
  markdown: {
    theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
    anchor: { slugify: anchorOf },
    toc: { slugify: anchorOf },
    headers: { slugify: anchorOf },
    config: (markdown) => {
      repositoryLinks(markdown, repository);
      emptyHeaders(markdown);
    },
  },
  themeConfig: {
    nav: [
      { text: "Guides", link: "/guide/first-service", activeMatch: "^/(guide|tutorials)/" },
      { text: "Migration", link: "/migration/go", activeMatch: "^/migration/" },
      { text: "Reference", link: "/reference/config", activeMatch: "^/reference/(?!api/)" },
      { text: "API", link: "/reference/api/", activeMatch: "^/reference/api/" },
      { text: "Measurements", link: "/measurements/performance", activeMatch: "^/measurements/" },
      { text: "Internals", link: "/internals/architecture", activeMatch: "^/internals/" },
    ],
    sidebar: sidebar(),
    outline: [2, 3],
    search: { provider: "local" },
    socialLinks: [{ icon: "github", link: repository }],
    footer: { message: "MPL-2.0" },
  },
  vite: {
    // The index of the search is one file.
    build: { chunkSizeWarningLimit: 8_192 },
  },
});

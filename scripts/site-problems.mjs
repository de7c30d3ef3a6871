// Looks for problems in the HTML of the built site.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

/** Each page of a built site by its path, with its HTML. */
export function readPages(dist) {
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".html") && file !== "404.html",
  );
  return new Map(files.map((file) => [pathOf(file), readFileSync(join(dist, file), "utf8")]));
}

/** The path of a page as links have it: without .html and index. */
function pathOf(file) {
  return `/${file.replaceAll("\\", "/")}`.replace(/\.html$/, "").replace(/\/index$/, "/");
}

/** The problems of the pages, one line each. */
export function problemsOf(pages, dist) {
  const found = [];
  const clicks = new Map([["/", 0]]);
  for (const [page, depth] of clicks) {
    for (const target of linksOf(page, pages.get(page)).map(({ path }) => path)) {
      if (pages.has(target) && !clicks.has(target)) clicks.set(target, depth + 1);
    }
  }
  for (const [page, html] of pages) {
    if ((clicks.get(page) ?? Infinity) > 2) found.push(`${page} is more than two clicks from the first page`);
    for (const { href, path, anchor } of linksOf(page, html)) {
      const target = pages.get(path);
      if (target === undefined && !existsSync(join(dist, path))) found.push(`${page}: the link ${href} leads nowhere`);
      if (anchor !== "" && target !== undefined && !target.includes(` id="${anchor}"`))
        found.push(`${page}: the link ${href} leads to no heading`);
    }
    for (const [, source] of html.matchAll(/<(?:script|img|iframe)[^>]* src="([^"]+)"/g)) {
      if (/^(https?:)?\/\//.test(source)) found.push(`${page} loads ${source}`);
    }
    for (const [, source] of html.matchAll(/<link[^>]* href="((?:https?:)?\/\/[^"]+)"/g)) found.push(`${page} loads ${source}`);
  }
  return found;
}

/** The links of a page that stay within the site. */
function linksOf(page, html) {
  return [...html.matchAll(/<a [^>]*href="([^"]+)"/g)]
    .map(([, href]) => href.replaceAll("&amp;", "&"))
    .filter((href) => !/^[a-z]+:/.test(href))
    .map((href) => {
      const [path = "", anchor = ""] = href.split("#");
      return {
        href,
        path:
          path === "" ? page : posix.resolve(posix.dirname(`${page}x`), path) + (path.endsWith("/") && path !== "/" ? "/" : ""),
        anchor: decodeURIComponent(anchor),
      };
    });
}

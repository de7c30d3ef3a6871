// Links of a page to files of the repository outside docs/ lead to the repository, because the site has no page for them.
import { existsSync, statSync } from "node:fs";
import { posix } from "node:path";

const root = new URL("../../", import.meta.url);

/**
 * The target of a page's link on the site.
 *
 * @param page - the page, below docs/
 * @param link - the link as the page has it
 * @param repository - the address of the repository
 */
function siteLink(page, link, repository) {
  if (/^([a-z]+:|#|\/)/.test(link)) return link;
  const target = posix.join("docs", posix.dirname(page), link.split("#")[0]);
  const file = new URL(target, root);
  if (!existsSync(file)) return link;
  const isFolder = statSync(file).isDirectory();
  if (target.startsWith("docs/") && !isFolder) return link;
  return `${repository}/${isFolder ? "tree" : "blob"}/main/${posix.join("docs", posix.dirname(page), link)}`;
}

/** A plugin for markdown-it. */
export function repositoryLinks(markdown, repository) {
  markdown.core.ruler.push("repository_links", ({ tokens, env }) => {
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      if (token.type !== "link_open") continue;
      token.attrSet("href", siteLink(env.relativePath, token.attrGet("href"), repository));
    }
  });
}

// Reads Markdown pages, for the scripts and for the documentation site.

/** The anchor of a heading, as GitHub makes it. */
export function anchorOf(title) {
  return title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

/** A page without its code blocks. */
export function withoutCode(text) {
  return text.replaceAll(/```[\s\S]*?```/g, "");
}

/** The TypeScript of a page, in its order: each block with its code, and the name of its file if the fence has one, as in "```ts [member.ts]". */
export function codeBlocks(text) {
  return [...text.matchAll(/```ts(?: \[([\w.-]+)\])?\n([\s\S]*?)```/g)].map(([, name, code = ""]) => ({ name, code }));
}

/** The anchors of a page's headings. */
export function anchorsOf(text) {
  return [...withoutCode(text).matchAll(/^#+ (.+)$/gm)].map(([, title]) => anchorOf(title));
}

/** The title of a page: its first heading, without the marks of code. */
export function titleOf(text) {
  return (/^# (.+)$/m.exec(text)?.[1] ?? "").replaceAll("`", "");
}

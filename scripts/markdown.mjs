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

/** The anchors of a page's headings. */
export function anchorsOf(text) {
  return [...withoutCode(text).matchAll(/^#+ (.+)$/gm)].map(([, title]) => anchorOf(title));
}

/** The title of a page: its first heading, without the marks of code. */
export function titleOf(text) {
  return (/^# (.+)$/m.exec(text)?.[1] ?? "").replaceAll("`", "");
}

// A header cell without text is a plain cell: a screen reader would announce a header without a name.

/** A plugin for markdown-it. */
export function emptyHeaders(markdown) {
  markdown.core.ruler.push("empty_headers", ({ tokens }) => {
    for (const [i, token] of tokens.entries()) {
      if (token.type !== "th_open" || tokens[i + 1].content !== "") continue;
      token.tag = "td";
      tokens[i + 2].tag = "td";
    }
  });
}

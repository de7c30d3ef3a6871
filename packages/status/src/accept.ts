/** Whether a client prefers HTML to JSON. Browsers ask for HTML by name; `*\/*` alone is JSON, for curl and programs. */
export function prefersHtml(accept: string): boolean {
  const ranges = accept.split(",").map(parseRange);
  const quality = (...types: readonly string[]): number => {
    // The more exact range counts, whatever its quality.
    for (const type of types) {
      const range = ranges.find((one) => one.type === type);
      if (range !== undefined) return range.quality;
    }
    return 0;
  };
  const html = quality("text/html", "application/xhtml+xml", "text/*");
  return html > 0 && html > quality("application/json", "application/*");
}

function parseRange(range: string): { readonly type: string; readonly quality: number } {
  const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
  const given = parameters.find((parameter) => parameter.startsWith("q="));
  const quality = given === undefined ? 1 : Number(given.slice(2));
  return { type, quality: Number.isNaN(quality) ? 0 : quality };
}

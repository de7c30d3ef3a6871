/** Returns whether a client prefers HTML to JSON. Browsers name HTML; curl and programs send `*\/*` alone, and get JSON. */
export function prefersHtml(accept: string): boolean {
  const ranges = accept.split(",").map(parseRange);
  const quality = (...types: readonly string[]): number => {
    // The more exact range counts, even with a lower quality.
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

/**
 * The name of `names` that `given` is probably a misspelling of, upper and lower case aside; undefined where none is close: at most a third of
 * its letters may differ.
 */
export function closestName(given: string, names: readonly string[]): string | undefined {
  const wanted = given.toLowerCase();
  let closest: string | undefined;
  let least = Infinity;
  for (const name of names) {
    // More letters than in any name: not worth comparing.
    if (wanted.length > 2 * name.length) continue;
    const edits = editDistance(wanted, name.toLowerCase());
    if (edits < least && edits <= Math.max(1, Math.floor(name.length / 3))) [closest, least] = [name, edits];
  }
  return closest;
}

/** How many letters to insert, delete, replace, or swap with their neighbour (optimal string alignment). */
function editDistance(from: string, to: string): number {
  let before: readonly number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = at(row, j - 1) + (from[i - 1] === to[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      next.push(Math.min(replaced, at(row, j) + 1, at(next, j - 1) + 1, isSwap ? at(before, j - 2) + 1 : Infinity));
    }
    [before, row] = [row, next];
  }
  return at(row, to.length);
}

function at(row: readonly number[], i: number): number {
  return row[i] as number;
}

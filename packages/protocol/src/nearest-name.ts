/** Maximum length of names that are compared: longer ones are no typing errors. */
const maxLength = 64;

/** The known name most similar to this one, ignoring case; `undefined` where there is none. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const text = name.slice(0, maxLength).toLowerCase();
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = distanceOf(text, candidate.toLowerCase());
    if (distance >= least) continue;
    least = distance;
    nearest = candidate;
  }
  return nearest;
}

/** The number of insertions, deletions and substitutions between two texts (Levenshtein). */
function distanceOf(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let index = 1; index <= from.length; index++) {
    const next = [index];
    for (let at = 1; at <= to.length; at++) {
      const exchanged = (row[at - 1] ?? 0) + Number(from[index - 1] !== to[at - 1]);
      next.push(Math.min(exchanged, (row[at] ?? 0) + 1, (next[at - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

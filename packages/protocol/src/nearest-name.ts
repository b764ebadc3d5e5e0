/** So much of a name is compared: longer ones are no slips of the pen. */
const maxLength = 64;

/** The known name that is most like this one, written in any case; `undefined` where there is none. */
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

/** Letters to add, take away or exchange on the way from one text to the other (Levenshtein). */
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

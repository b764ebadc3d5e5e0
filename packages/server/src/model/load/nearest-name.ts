import leven from 'leven';

/** The known name that is most like this one, written in any case. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  // Long names are no typing errors: comparing them in full would be slow and tell nothing.
  const text = name.slice(0, 100).toLowerCase();
  for (const candidate of known) {
    const distance = leven(text, candidate.toLowerCase());
    if (distance < least) {
      least = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

/**
 * What to say after "unknown key `x`": which known one is nearest, and all that there are. `synonyms` are known ones by
 * what others call them, in lower case.
 */
export function expectedNames(
  name: string,
  known: readonly string[],
  synonyms: Readonly<Record<string, string>> = {},
): string {
  const synonym = known.find((one) => one === synonyms[name.toLowerCase()]);
  const nearest = synonym ?? nearestName(name, known);
  if (nearest === undefined) return 'there are none';
  return `the nearest known one is \`${nearest}\`; expected ${listed(known)}`;
}

const mostListed = 12;

/** `a, b or c`. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, mostListed).map((name) => `\`${name}\``);
  const last = shown.at(-1) ?? '';
  if (names.length > mostListed) return `one of ${shown.join(', ')} …`;
  return shown.length === 1 ? last : `${shown.slice(0, -1).join(', ')} or ${last}`;
}

/** A name as it stands in a message: of a bounded length, on one line. */
export function quoted(name: string): string {
  const short = name.length > 60 ? `${name.slice(0, 60)}…` : name;
  return `\`${short.replaceAll(/\s+/g, ' ')}\``;
}

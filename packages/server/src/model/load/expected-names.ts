import { nearestName } from '@really/protocol';
import leven from 'leven';

/** The known name of which this one is most likely a typo. `undefined` if none is similar enough: suggesting one would mislead. */
export function likelyName(name: string, known: Iterable<string>): string | undefined {
  const text = name.slice(0, 100).toLowerCase();
  return nearestName(
    name,
    [...known].filter((candidate) => isAlike(text, candidate.toLowerCase())),
  );
}

function isAlike(given: string, known: string): boolean {
  if (given === known) return true;
  const longer = Math.max(given.length, known.length);
  const shorter = Math.min(given.length, known.length);
  // Cut short, or with an extra ending.
  if (shorter >= 3 && (known.startsWith(given) || given.startsWith(known))) return true;
  const distance = leven(given, known);
  // Two swapped letters are one mistake, but count as two edits.
  const most = Math.max(haveSameLetters(given, known) ? 2 : 1, Math.floor(longer * 0.4));
  return distance <= most && distance < shorter;
}

/** The cost of a missing or extra parent collection, compared with a completely different name. */
const wholeStep = 0.4;
const mostCollectionDistance = 0.65;

/** The known collection that was most likely meant. A missing parent counts less than other letters do. */
export function likelyCollection(
  names: readonly string[],
  known: readonly (readonly string[])[],
): readonly string[] | undefined {
  const [nearest] = known
    .map((candidate) => ({ candidate, distance: collectionDistance(names, candidate) }))
    .sort((a, b) => a.distance - b.distance);
  return nearest && nearest.distance <= mostCollectionDistance ? nearest.candidate : undefined;
}

/** The edit distance of the two, name by name. */
function collectionDistance(given: readonly string[], known: readonly string[]): number {
  let row = known.map((_, index) => (index + 1) * wholeStep);
  row.unshift(0);
  for (const [index, name] of given.entries()) {
    const next = [(index + 1) * wholeStep];
    for (const [at, candidate] of known.entries()) {
      const steps = [
        (row[at] ?? 0) + nameDistance(name, candidate),
        (row[at + 1] ?? 0) + wholeStep,
        (next[at] ?? 0) + wholeStep,
      ];
      next.push(Math.min(...steps));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** 0 for the same name, 1 for a different word. */
function nameDistance(given: string, known: string): number {
  const [a, b] = [given.slice(0, 100).toLowerCase(), known.toLowerCase()];
  if (!isAlike(a, b)) return 1;
  return leven(a, b) / Math.max(a.length, b.length);
}

function haveSameLetters(a: string, b: string): boolean {
  const sorted = (text: string) => [...text].sort().join('');
  return sorted(a) === sorted(b);
}

/**
 * The text after "unknown key `x`": the known one that was most likely meant, and all known ones. `synonyms` are known
 * ones by their names in other systems, in lower case.
 */
export function expectedNames(
  name: string,
  known: readonly string[],
  synonyms: Readonly<Record<string, string>> = {},
): string {
  const synonym = known.find((candidate) => candidate === synonyms[name.toLowerCase()]);
  if (known.length === 0) return 'there are none';
  const nearest = synonym ?? likelyName(name, known);
  if (nearest === undefined) return `expected ${listed(known)}`;
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

/** A name for a message: of limited length, on one line. */
export function quoted(name: string): string {
  const short = name.length > 60 ? `${name.slice(0, 60)}…` : name;
  return `\`${short.replaceAll(/\s+/g, ' ')}\``;
}

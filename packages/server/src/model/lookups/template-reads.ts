import type { AuthParts } from '../model.js';
import type { Insertion, LookupReach, LookupTemplate, LookupUse } from './lookup.js';

/** The parts of `auth` that the templates of these lookups read. */
export function templateReads(uses: readonly LookupUse[]): AuthParts {
  const paths = uses.flatMap(({ lookup }) =>
    [...lookup.needs, lookup].flatMap(({ template }) => authPaths(template)),
  );
  return {
    uid: paths.some(([name]) => name === 'uid'),
    r: paths.some(([name]) => name === '_r'),
    all: paths.some(([name]) => name === 'data'),
  };
}

function authPaths(template: LookupTemplate): (readonly string[])[] {
  return insertionsOf(template).flatMap((part) => (part.kind === 'auth' ? [part.path] : []));
}

export function insertionsOf({ start, steps }: LookupTemplate): Insertion[] {
  return [start, ...steps].filter((part): part is Insertion => typeof part === 'object');
}

const reaches: readonly LookupReach[] = ['collection', 'id', 'content'];

/** The narrowest of them. */
export function reachOf(uses: readonly LookupUse[]): LookupReach {
  const found = uses.map(({ lookup }) => reaches.indexOf(lookup.reach));
  return reaches[Math.max(0, ...found)] ?? 'content';
}

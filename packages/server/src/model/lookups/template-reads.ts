import type { AuthParts } from '../model.js';
import type { Insertion, LookupReach, LookupTemplate, LookupUse } from './lookup.js';

/** The parts of `auth` that the templates of these lookups read. */
export function templateReads(uses: readonly LookupUse[]): AuthParts {
  const names = uses
    .flatMap(({ lookup }) => [...lookup.needs, lookup])
    .flatMap(({ template }) => insertionsOf(template))
    .map((part) => (part.kind === 'auth' ? part.path[0] : undefined));
  return { uid: names.includes('uid'), r: names.includes('_r'), all: names.includes('data') };
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

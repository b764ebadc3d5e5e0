import type { Auth } from '@really/protocol';
import type { Query, Scope } from '../../store/store-reads.js';
import { type Lookup, lookupPattern } from './lookup.js';

/** Whether the store finds by an index what this lookup finds for the objects of a collection (rule LKP5). */
export function isFoundByIndex(lookup: Lookup, names: readonly string[]): boolean {
  const parents = names.slice(1).map(() => '*');
  return searchFor(lookup, { names, parents }, sampleAuth)?.kind === 'objects';
}

const sampleAuth: Auth = { uid: 'u', _r: '/u/u' };

/** What a lookup finds for any object of a scope. */
export interface LookupSearch {
  readonly name: string;
  /** Whether it is an object of the collection itself that something is found for, or the one right above it. */
  readonly kind: 'objects' | 'parents';
  /** `undefined`: it finds nothing for this reader. */
  readonly query: Pick<Query, 'scope' | 'id'> | undefined;
  /** The candidate for which it finds this object. */
  readonly candidateOf: (r: string) => string | undefined;
}

/** `undefined` if the store cannot find that by an index. */
export function searchFor(
  { name, template, needs, reach }: Lookup,
  { names, parents }: Scope,
  auth: Auth,
): LookupSearch | undefined {
  const { start, steps } = template;
  const isOfReader = steps.some((step) => typeof step === 'object' && step.kind === 'auth');
  if (start !== undefined || needs.length > 0 || reach === 'content' || !isOfReader)
    return undefined;
  // By the place in the object's own path, that in the template.
  const places = new Map<number, number>();
  for (const [at, step] of steps.entries()) {
    if (typeof step === 'object' && step.kind === 'ids') places.set(step.index, at);
  }
  const kind = places.has(names.length - 1) ? 'objects' : 'parents';
  const own = kind === 'objects' ? [...parents, '*'] : [...parents];
  const isOpen = own.includes('*');
  if (!isOpen || own.some((id, index) => id === '*' && !places.has(index))) return undefined;
  const pattern = lookupPattern(template, auth);
  if (pattern === undefined) return { name, kind, query: undefined, candidateOf: () => undefined };
  const wanted = pattern.split('/').slice(1);
  for (const [index, at] of places) wanted[at] = own[index] ?? '*';
  const ids = wanted.filter((_, at) => at % 2 === 1);
  const id = ids.pop();
  // By its own id, or by those of all its parents, it is found by an index.
  if (id === '*' && ids.includes('*')) return undefined;
  const scope = { names: wanted.filter((_, at) => at % 2 === 0), parents: ids };
  const candidateOf = (r: string) => {
    const found = r.split('/').slice(1);
    if (!wanted.every((part, at) => part === '*' || part === found[at])) return undefined;
    const idAt = (index: number) =>
      own[index] === '*' ? found[places.get(index) ?? 0] : own[index];
    return own.map((_, index) => `/${names[index]}/${idAt(index)}`).join('');
  };
  return { name, kind, query: { scope, ...(id !== '*' && { id }) }, candidateOf };
}

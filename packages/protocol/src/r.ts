/**
 * Addresses. Text such as `/users/1/posts` is parsed once, at the edge; later code works with the
 * printed form and the parts.
 */
export type ParsedR = ObjectR | CollectionR;

export interface ObjectR {
  readonly kind: 'object';
  /** Printed, `/users/1/posts/2`. */
  readonly r: string;
  /** `['users', 'posts']`. */
  readonly names: string[];
  /** `['1', '2']`: one for each name. */
  readonly ids: string[];
  /** The last of `ids`. */
  readonly id: string;
  /** Its collection, printed: `/users/1/posts/*`. */
  readonly collection: string;
  /** Its parent object, printed: `/users/1`. */
  readonly parent?: string | undefined;
}

export interface CollectionR {
  readonly kind: 'collection';
  /** Printed, `/users/1/posts/*`. */
  readonly r: string;
  readonly names: string[];
  /** One for each name but the last; `*` for any. */
  readonly parents: string[];
}

const namePattern = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const idPattern = /^[A-Za-z0-9_-]{1,64}$/;

export function isId(text: unknown): text is string {
  return typeof text === 'string' && idPattern.test(text);
}

/** Names reserved for the system, which no model may have. */
export function isSystemName(name: string): boolean {
  return name.startsWith('_') || name === 'socket';
}

/** The names of the collections in a printed R: `['users', 'posts']` of `/users/1/posts/2`. */
export function namesOf(r: string): string[] {
  const names: string[] = [];
  for (let start = 1; start > 0; ) {
    const end = r.indexOf('/', start);
    if (end < 0) return [...names, r.slice(start)];
    names.push(r.slice(start, end));
    start = r.indexOf('/', end + 1) + 1;
  }
  return names;
}

/** The id of an object: the last step of its R. */
export function idOf(r: string): string {
  return r.slice(r.lastIndexOf('/') + 1);
}

/** A collection as `collectionR` of a model names it: with `/*` between its names. */
export function collectionPath(names: readonly string[]): string {
  return `/${names.join('/*/')}`;
}

/** A collection below any parents, printed: with `/*` after each name. */
export function printedCollection(names: readonly string[]): string {
  return `${collectionPath(names)}/*`;
}

/** The collection with this name under an object, printed. */
export function childCollection(objectR: string, name: string): string {
  return `${objectR}/${name}/*`;
}

/** Parses an R as a client wrote it; `undefined` where it is invalid (400 `r.invalid`). */
export function parseR(text: unknown): ParsedR | undefined {
  if (typeof text !== 'string' || !text.startsWith('/')) return undefined;
  const steps = text.slice(1, text.endsWith('/') ? -1 : undefined).split('/');
  // `/users` is short for `/users/*`.
  if (steps.length % 2 === 1) steps.push('*');
  const names: string[] = [];
  const ids: string[] = [];
  for (let index = 0; index < steps.length; index += 2) {
    const name = steps[index] ?? '';
    const id = steps[index + 1] ?? '';
    if (!namePattern.test(name) || !isStepAfter(id, ids.at(-1))) return undefined;
    names.push(name);
    ids.push(id);
  }
  const r = `/${steps.join('/')}`;
  const id = ids.at(-1) ?? '*';
  if (id === '*') return { kind: 'collection', r, names, parents: ids.slice(0, -1) };
  const collection = `${r.slice(0, -id.length)}*`;
  const parent = names.length > 1 ? `/${steps.slice(0, -2).join('/')}` : undefined;
  return { kind: 'object', r, names, ids, id, collection, parent };
}

/** Only wildcards after a wildcard: an id would be a loophole into objects of unknown parents. */
function isStepAfter(id: string, previous: string | undefined): boolean {
  return id === '*' || (previous !== '*' && idPattern.test(id));
}

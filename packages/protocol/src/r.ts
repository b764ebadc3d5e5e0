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

/** The collection with this name under an object, printed. */
export function childCollection(objectR: string, name: string): string {
  return `${objectR}/${name}/*`;
}

/** Parses an R as a client wrote it; `undefined` where it is invalid (400 `r.invalid`). */
export function parseR(text: unknown): ParsedR | undefined {
  if (typeof text !== 'string' || !text.startsWith('/')) return undefined;
  const end = text.endsWith('/') ? text.length - 1 : text.length;
  const steps = text.slice(1, end).split('/');
  const names: string[] = [];
  const ids: string[] = [];
  for (let index = 0; index < steps.length; index += 2) {
    const name = steps[index];
    if (name === undefined || !namePattern.test(name)) return undefined;
    names.push(name);
    const id = steps[index + 1];
    if (id === undefined) break;
    if (!isStepAfter(id, ids.at(-1))) return undefined;
    ids.push(id);
  }
  return ids.length === names.length && ids.at(-1) !== '*'
    ? objectR(names, ids)
    : collectionR(names, ids.slice(0, names.length - 1));
}

/** Only wildcards after a wildcard: an id would be a loophole into objects of unknown parents. */
function isStepAfter(id: string, previous: string | undefined): boolean {
  return id === '*' || (previous !== '*' && idPattern.test(id));
}

function objectR(names: string[], ids: string[]): ObjectR {
  const last = names.length - 1;
  const parent = last > 0 ? printObject(names, ids, last) : undefined;
  const collection = `${parent ?? ''}/${names[last]}`;
  const id = ids[last] ?? '';
  return {
    kind: 'object',
    r: `${collection}/${id}`,
    names,
    ids,
    id,
    collection: `${collection}/*`,
    parent,
  };
}

function collectionR(names: string[], parents: string[]): CollectionR {
  const last = names.length - 1;
  const r = `${printObject(names, parents, last)}/${names[last]}/*`;
  return { kind: 'collection', r, names, parents };
}

function printObject(names: readonly string[], ids: readonly string[], count: number): string {
  let text = '';
  for (let index = 0; index < count; index++) text += `/${names[index]}/${ids[index]}`;
  return text;
}

import type { Auth, JsonObject, JsonValue } from '@really/protocol';
import { isId, isSystemName, ownMember, parseR } from '@really/protocol';
import type { StoredObject } from '../../store/stored-object.js';

/** A value that a template inserts. */
export type Insertion =
  /** The id at this place of the path of the object itself. */
  | { readonly kind: 'ids'; readonly index: number }
  /** `uid`, `_r`, or a path that begins with `data`. */
  | { readonly kind: 'auth'; readonly path: readonly string[] }
  | { readonly kind: 'obj'; readonly path: readonly string[] }
  /** A member of the object that another lookup found. */
  | { readonly kind: 'lookup'; readonly name: string; readonly path: readonly string[] };

/** An R with parts to be filled in: `/projects/{ids.projects}/members/{auth.uid}`, `{obj.assignee}`. */
export interface LookupTemplate {
  /** As in the model. */
  readonly text: string;
  /** An R to begin with. */
  readonly start: Insertion | undefined;
  /** The steps after it: names and ids, as they are or inserted. */
  readonly steps: readonly (string | Insertion)[];
}

/** How many objects share a lookup: all of a collection, or none, as it depends on the id or on the content. */
export type LookupReach = 'collection' | 'id' | 'content';

/** Another object that the scripts of a model can see (rule LKP1). */
export interface Lookup {
  /** `membership`, `parent`, `parents.projects`. */
  readonly name: string;
  readonly template: LookupTemplate;
  /** The lookups that its template uses, each after those that it uses itself. */
  readonly needs: readonly Lookup[];
  readonly reach: LookupReach;
}

/** A lookup that a script reads. */
export interface LookupUse {
  readonly lookup: Lookup;
  /** The top-level members that it reads; `all` if it may read any. Whether the object is there counts as none. */
  readonly members: ReadonlySet<string> | 'all';
}

/** Reads objects with the app's authority, in the order requested; at once where that is possible. */
export type ReadLookups = (
  rs: readonly string[],
) => readonly (StoredObject | undefined)[] | Promise<readonly (StoredObject | undefined)[]>;

/** For models that are loaded without a store. */
export const cannotRead: ReadLookups = () => {
  return Promise.reject(new Error('there is no store to look objects up in'));
};

/** Finds the objects that scripts look at. */
export interface LookupFinder {
  readonly read: ReadLookups;
  /** What is found, whatever is stored: the variables of all lookups that are asked for. */
  readonly known?: Readonly<Record<string, JsonValue>> | undefined;
  /** Called for each object that a script looks at, with the members that it reads: see `LookupUse`. */
  readonly onFound?:
    | ((r: string, object: StoredObject | undefined, members: LookupUse['members']) => void)
    | undefined;
}

/** What the templates of a model are filled in with. */
export interface LookupInputs {
  readonly auth: Auth;
  /** The printed R of the object itself, or of its collection. */
  readonly r: string;
  readonly obj: JsonObject | undefined;
}

/** The objects found so far, by the name of the lookup. */
export type FoundObjects = ReadonlyMap<string, StoredObject | undefined>;

/** The R to look up; `undefined` if a part is missing, or if they do not make the R of an object of the app. */
export function lookupR(
  { start, steps }: LookupTemplate,
  inputs: LookupInputs,
  found: FoundObjects,
): string | undefined {
  let r = start === undefined ? '' : insertedValue(start, inputs, found);
  if (typeof r !== 'string') return undefined;
  for (const step of steps) {
    const id = typeof step === 'string' ? step : insertedValue(step, inputs, found);
    // A value is one step: with a `/` in it, it would lead elsewhere.
    if (!isId(id)) return undefined;
    r += `/${id}`;
  }
  const parsed = parseR(r);
  if (parsed?.kind !== 'object' || parsed.r !== r) return undefined;
  return parsed.names.some(isSystemName) ? undefined : r;
}

/**
 * Where a lookup may find its object for this user, whichever object of a collection it is evaluated for: an R with `*`
 * for each id of that object's path. `undefined`: nowhere. For templates that read nothing but such ids and `auth`.
 */
export function lookupPattern({ start, steps }: LookupTemplate, auth: Auth): string | undefined {
  const inputs: LookupInputs = { auth, r: '', obj: undefined };
  const before = start === undefined ? '' : insertedValue(start, inputs, new Map());
  if (typeof before !== 'string') return undefined;
  const filled = steps.map((step) => {
    if (typeof step === 'string') return step;
    return step.kind === 'ids' ? '*' : insertedValue(step, inputs, new Map());
  });
  return filled.every((id) => id === '*' || isId(id)) ? [before, ...filled].join('/') : undefined;
}

/** The only pattern of a lookup, as `lookupPattern` makes them, that this R fits if it fits any. */
export function patternOf({ steps }: LookupTemplate, r: string): string {
  const parts = r.split('/');
  const first = parts.length - steps.length;
  const isOfPath = (index: number) => {
    const step = steps[index - first];
    return typeof step === 'object' && step.kind === 'ids';
  };
  return parts.map((part, index) => (isOfPath(index) ? '*' : part)).join('/');
}

function insertedValue(
  insertion: Insertion,
  { auth, r, obj }: LookupInputs,
  found: FoundObjects,
): JsonValue | undefined {
  switch (insertion.kind) {
    case 'ids':
      return r.split('/')[2 + 2 * insertion.index];
    case 'auth':
      return memberAt({ uid: auth.uid, _r: auth._r, data: auth.data }, insertion.path);
    case 'obj':
      return memberAt(obj, insertion.path);
    case 'lookup': {
      const object = found.get(insertion.name);
      return object && memberAt({ ...object.data, _r: object.r }, insertion.path);
    }
    default:
      return insertion satisfies never;
  }
}

function memberAt(
  value: Readonly<Record<string, JsonValue | undefined>> | undefined,
  path: readonly string[],
): JsonValue | undefined {
  let inner: JsonValue | undefined = value as JsonObject | undefined;
  for (const name of path) {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return undefined;
    inner = ownMember(inner, name);
  }
  return inner;
}

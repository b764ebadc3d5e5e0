import type { JsonObject } from '@really/protocol';
import type { CollectionLayout } from '../collection-layout.js';
import type { Query } from '../store-reads.js';
import type { Change, StoredObject } from '../stored-object.js';
import type { ObjectRead, OnceKey, Write, WriteGroup } from '../write-group.js';

/** Writes for tests of stores. */
interface Extras {
  readonly at?: number | undefined;
  readonly requires?: readonly string[] | undefined;
  readonly reads?: readonly ObjectRead[] | undefined;
}

const by = { uid: 'u1', authType: 'password', _r: '/users/1', data: { name: 'Ann' } };

export function creation(r: string, data: JsonObject = {}, extras: Extras = {}): Write {
  const object: StoredObject = { r, rev: 1, data, touched: {}, deleted: false, modelVersion: 1 };
  const change: Change = { ...unchanged(object, extras), type: 'create', created: data };
  return write(change, object, extras);
}

/** A group of one. */
export function alone(write: Write, once?: OnceKey): WriteGroup {
  return { writes: [write], once };
}

export function each(...writes: readonly Write[]): WriteGroup[] {
  return writes.map((write) => alone(write));
}

/** Sets these fields; null unsets. */
export function update(before: StoredObject, fields: JsonObject, extras: Extras = {}): Write {
  const rev = before.rev + 1;
  const members = Object.entries({ ...before.data, ...fields }).filter(([, v]) => v !== null);
  const touched = { ...before.touched };
  const previously: Record<string, number> = {};
  for (const field of Object.keys(fields)) {
    previously[field] = before.touched[field] ?? 1;
    touched[field] = rev;
  }
  const object = { ...before, rev, data: Object.fromEntries(members), touched };
  const delta = Object.fromEntries(
    Object.entries(fields).map(([key, opValue]) => [key, { op: 'set' as const, opValue }]),
  );
  return write({ ...unchanged(object, extras), delta, touched: previously }, object, extras);
}

export function deletion(before: StoredObject, extras: Extras = {}): Write {
  const object = { ...before, rev: before.rev + 1, data: {}, touched: {}, deleted: true };
  return write({ ...unchanged(object, extras), type: 'delete' }, object, extras);
}

export function layout(
  collection: string,
  indexes: CollectionLayout['indexes'] = [],
  retention: CollectionLayout['retention'] = {},
): CollectionLayout {
  return { names: collection.split('/'), indexes, retention };
}

/** A query of a top-level collection, newest id first. */
export function queryOf(collection: string, parts: Partial<Query> = {}): Query {
  const names = collection.split('/');
  const parents = names.slice(1).map(() => '*');
  const order = { keys: [{ field: '_r', descending: true }] };
  return { scope: { names, parents }, order, limit: 1000, timeout: 20_000, ...parts };
}

function write(change: Change, object: StoredObject, extras: Extras): Write {
  return { change, object, requires: extras.requires ?? [], reads: extras.reads };
}

function unchanged(object: StoredObject, { at }: Extras): Change {
  const { r, rev, modelVersion } = object;
  const rest = { delta: {}, touched: {}, created: null, by, modelVersion };
  return { r, rev, type: 'update', ...rest, at: at ?? 1_700_000_000_000 };
}

import { compareObjects, type JsonObject, sortKeysOf, topField } from '@really/protocol/client';
import type { ListQuery } from '../requests/list-query.js';

/** The query as a live list asks for it: with the fields of its order, by which its objects are kept in it. */
export function withOrderedFields(query: ListQuery): ListQuery {
  const { fields, sort } = query;
  if (!fields || sort === undefined) return query;
  const ordered = sortKeysOf(sort).map(({ field }) => topField(field));
  const added = ordered.filter((name) => !name.startsWith('_') && !fields.includes(name));
  return { ...query, fields: [...fields, ...added] };
}

/** Orders objects as the server orders the items of the read. */
export function compareItems({
  sort,
  ascending,
}: ListQuery): (a: JsonObject, b: JsonObject) => number {
  const byId = { field: '_r', descending: ascending !== true };
  const keys = sort === undefined ? [byId] : sortKeysOf(sort);
  return (a, b) => compareObjects(keys, a, b);
}

import { compareObjects, type JsonObject, sortKeysOf, topField } from '@really/protocol/client';

/** What a read finds, in which order, and how much of it. */
export interface ListQuery<Field extends string = string> {
  /** In RQL: `age >= $min and active = true`. All objects without it. */
  readonly filter?: string | undefined;
  /** The values of the filter's names: `{ min: 18 }`. */
  readonly values?: Readonly<Record<string, unknown>> | undefined;
  /** Fields, `-name` for descending: `-priority,name`, or a list. Without it the newest id comes first. */
  readonly sort?: string | readonly string[] | undefined;
  /** The oldest id first. Not together with `sort`. */
  readonly ascending?: boolean | undefined;
  /** 1 to 1,000; 200 by default. */
  readonly limit?: number | undefined;
  /** Names of fields, and of field sets as `@card`; all of them without it. */
  readonly fields?: readonly Field[] | undefined;
}

/** `cmdOpts` of a read. What is undefined is not sent. */
export function readOptions(query: ListQuery): Readonly<Record<string, unknown>> {
  const { filter, values, sort, ascending, limit, fields } = query;
  const rql = filter === undefined ? undefined : { filter, values };
  return { sort, ascending, limit, fields, query: rql };
}

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

import { type JsonObject, sortKeysOf } from '@really/protocol/client';
import {
  bindRql,
  compilePredicate,
  fieldsOfRql,
  type Predicate,
  parseRql,
} from '@really/protocol/rql';
import type { ListQuery } from '../requests/list-query.js';

/**
 * Whether an object is in what a query finds, as the server evaluates it. `undefined` where that cannot be told here:
 * the filter is invalid, or is about a field that the list does not have.
 */
export function localFilter({
  filter,
  values,
  fields,
}: Pick<ListQuery, 'filter' | 'values' | 'fields'>): Predicate | undefined {
  if (filter === undefined) return () => true;
  try {
    const tree = parseRql(filter);
    const isKnown = ([name = '']: string[]) => name.startsWith('_') || fields?.includes(name);
    if (fields && !fieldsOfRql(tree).every(isKnown)) return undefined;
    return compilePredicate(bindRql(tree, values as JsonObject | undefined));
  } catch {
    // The server says what is wrong with it.
    return undefined;
  }
}

/** The paths of the fields that say whether and where a valid query finds an object: those of its filter and its order. */
export function decidingFields({ filter, sort }: ListQuery): string[] {
  const filtered = filter === undefined ? [] : fieldsOfRql(parseRql(filter));
  const ordered = sort === undefined ? [] : sortKeysOf(sort);
  const paths = [...filtered.map((path) => path.join('.')), ...ordered.map(({ field }) => field)];
  return paths.filter((path) => !path.startsWith('_'));
}

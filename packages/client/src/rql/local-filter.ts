import type { JsonObject } from '@really/protocol/client';
import {
  bindRql,
  compilePredicate,
  fieldsOfRql,
  type Predicate,
  parseRql,
} from '@really/protocol/rql';
import type { ListQuery } from '../live/list-query.js';

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

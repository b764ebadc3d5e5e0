import type { JsonObject } from '@really/protocol/client';
import { useEffect, useMemo, useSyncExternalStore } from 'react';
import { compareItems } from '../live/list-order.js';
import type { ListQuery } from '../requests/list-query.js';
import type { LiveResult } from './live-result.js';
import { OwnCreates } from './own-creates.js';
import { useProvided } from './provider.js';

type ListResult = LiveResult<readonly JsonObject[]>;

const none: readonly JsonObject[] = [];
const getNone = () => none;
const subscribeToNone = () => () => {};

/** The list, with what this client created in the collection and the list does not have yet. Null: the list as it is. */
export function useOwnCreates(
  r: string | null | undefined,
  query: ListQuery,
  list: ListResult,
): ListResult {
  const { client } = useProvided();
  // Of its own: another list may have an object sooner.
  const own = useMemo(
    () => (typeof r === 'string' ? new OwnCreates(client, r) : undefined),
    [client, r],
  );
  const created = useSyncExternalStore(
    own?.subscribe ?? subscribeToNone,
    own?.getSnapshot ?? getNone,
    getNone,
  );
  const { value = none } = list;
  useEffect(() => own?.listed(value.map(({ _r }) => String(_r))), [own, value]);
  // The same order is the same query here.
  const order = JSON.stringify([query.sort, query.ascending]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the query is another object at each render
  return useMemo(() => {
    const known = new Set(value.map(({ _r }) => _r));
    const missing = created.filter(({ _r }) => !known.has(_r));
    if (missing.length === 0) return list;
    const items = [...missing, ...value].sort(compareItems(query));
    return { ...list, value: items, pending: true };
  }, [list, value, created, order]);
}

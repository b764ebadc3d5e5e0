import type { FieldNameAt, LiveAt, Narrowed } from '../models.js';
import { ReallyError } from '../really-error.js';
import { type CollectionRef, ObjectRef } from '../refs/refs.js';
import { type ListQuery, readOptions } from '../requests/list-query.js';
import type { QueryContextLike, QueryLike } from './query-client.js';
import { type FeedSource, TanStackFeed } from './tanstack-feed.js';

/** Options of TanStack Query 5, for `useQuery`, `prefetchQuery` and so on. Add others to them. */
export interface ReallyQueryOptions<Data> {
  readonly queryKey: readonly unknown[];
  readonly queryFn: (context: QueryContextLike) => Promise<Data>;
  /** Pushes keep it fresh. */
  readonly staleTime: number;
  /** Objects that did not change are the same already. */
  readonly structuralSharing: false;
  /** The client waits for a connection by itself. */
  readonly networkMode: 'always';
  readonly retry: (failures: number, error: Error) => boolean;
}

/**
 * An object or a live list as a query: fetched once, and kept up to date by pushes until 5 s after the last component that
 * shows it. The data of a deleted object is null.
 */
export function reallyQueryOptions<Models, Pattern extends string>(
  target: ObjectRef<Models, Pattern>,
): ReallyQueryOptions<LiveAt<Models, Pattern> | null>;
export function reallyQueryOptions<
  Models,
  Pattern extends string,
  const Field extends FieldNameAt<Models, Pattern> = never,
>(
  target: CollectionRef<Models, Pattern>,
  query?: ListQuery<Field>,
): ReallyQueryOptions<readonly Narrowed<LiveAt<Models, Pattern>, Models, Pattern, Field>[]>;
export function reallyQueryOptions(
  target: { readonly r: string; live(query?: ListQuery): FeedSource },
  query: ListQuery = {},
): ReallyQueryOptions<unknown> {
  const isObject = target instanceof ObjectRef;
  return {
    queryKey: isObject ? ['really', target.r] : ['really', target.r, readOptions(query)],
    queryFn: (context) => fetchLive(context, () => target.live(query)),
    staleTime: Number.POSITIVE_INFINITY,
    structuralSharing: false,
    networkMode: 'always',
    retry: (failures, error) =>
      failures < 3 && !(error instanceof ReallyError && error.retry === 'never'),
  };
}

const feeds = new WeakMap<QueryLike, TanStackFeed>();

async function fetchLive(context: QueryContextLike, open: () => FeedSource): Promise<unknown> {
  const query = context.client.getQueryCache().find({ queryKey: context.queryKey, exact: true });
  if (!query) throw new TypeError('reallyQueryOptions are for the queries of a QueryClient');
  let feed = feeds.get(query);
  if (!feed) {
    feed = new TanStackFeed(context, query, { source: open(), onClose: () => feeds.delete(query) });
    feeds.set(query, feed);
  }
  return await feed.fetch(context.signal);
}

/** The part of TanStack Query's `QueryClient` that is used here. */
export interface QueryClientLike {
  setQueryData(queryKey: readonly unknown[], data: unknown): unknown;
  invalidateQueries(filters: QueryFilter & { refetchType: 'active' | 'none' }): Promise<unknown>;
  resetQueries(filters: QueryFilter): Promise<unknown>;
  getQueryCache(): QueryCacheLike;
}

interface QueryFilter {
  queryKey: readonly unknown[];
  exact: true;
}

interface QueryCacheLike {
  find(filters: QueryFilter): QueryLike | undefined;
  subscribe(listener: (event: QueryCacheEvent) => void): () => void;
}

export interface QueryLike {
  getObserversCount(): number;
}

export interface QueryCacheEvent {
  readonly type: string;
  readonly query: QueryLike;
  /** Of `updated`. `manual`: by `setQueryData`. */
  readonly action?: { readonly type: string; readonly manual?: boolean | undefined };
}

/** What a `queryFn` is given. */
export interface QueryContextLike {
  readonly client: QueryClientLike;
  readonly queryKey: readonly unknown[];
  readonly signal: AbortSignal;
}

import '../live/mod.js';
import type { LiveSnapshot } from '../live/live-snapshot.js';
import { clientError } from '../really-error.js';
import type {
  QueryCacheEvent,
  QueryClientLike,
  QueryContextLike,
  QueryLike,
} from './query-client.js';

/** The part of a live copy that is used here. */
export interface FeedSource {
  getSnapshot(): LiveSnapshot<unknown>;
  subscribe(listener: () => void): () => void;
  close(): void;
}

/** Milliseconds that a subscription outlives the last observer of its query. */
const linger = 5_000;

/**
 * Keeps one query of TanStack Query up to date from a live copy, from its first fetch until `linger` after its last
 * observer. Then the query is invalidated: the next observer fetches, which begins again.
 */
export class TanStackFeed {
  readonly #client: QueryClientLike;
  readonly #query: QueryLike;
  readonly #filter: { readonly queryKey: readonly unknown[]; readonly exact: true };
  readonly #source: FeedSource;
  readonly #onClose: () => void;
  readonly #ends: (() => void)[];
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What the query has, or gets from the fetch that is under way. */
  #given: unknown;
  /** Fetches that are not answered. */
  readonly #waiting = new Set<() => void>();
  /** A fetch was answered, and the query has not taken the answer yet: it would replace what is set meanwhile. */
  #isAnswering = false;
  #isClosed = false;

  constructor(
    { client, queryKey }: QueryContextLike,
    query: QueryLike,
    { source, onClose }: { source: FeedSource; onClose: () => void },
  ) {
    this.#client = client;
    this.#query = query;
    this.#filter = { queryKey, exact: true };
    this.#source = source;
    this.#onClose = onClose;
    this.#ends = [
      source.subscribe(() => this.#changed()),
      client.getQueryCache().subscribe((event) => this.#notified(event)),
    ];
  }

  /** The first value, or the present one: null for a deleted object. Rejects with the error of the live copy. */
  async fetch(signal: AbortSignal): Promise<unknown> {
    clearTimeout(this.#timer);
    await this.#loaded(signal);
    const { status, error } = this.#source.getSnapshot();
    if (signal.aborted) {
      this.#waitIfUnused();
      throw clientError('aborted', { cause: signal.reason });
    }
    if (status === 'failed') {
      this.#close();
      throw error;
    }
    this.#isAnswering = true;
    // A fetch that is cancelled now is not taken.
    signal.addEventListener('abort', () => this.#answered());
    this.#given = this.#value;
    this.#waitIfUnused();
    return this.#given;
  }

  /** The data of a query cannot be undefined. */
  get #value(): unknown {
    return this.#source.getSnapshot().value ?? null;
  }

  get #isLoading(): boolean {
    return this.#source.getSnapshot().status === 'loading';
  }

  #loaded(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.#isLoading && !signal.aborted) return;
        this.#waiting.delete(look);
        signal.removeEventListener('abort', look);
        resolve();
      };
      this.#waiting.add(look);
      signal.addEventListener('abort', look);
      look();
    });
  }

  #changed(): void {
    const isFetching = this.#waiting.size > 0;
    for (const look of [...this.#waiting]) look();
    if (isFetching || this.#isAnswering) return;
    const { status } = this.#source.getSnapshot();
    if (status === 'failed') {
      this.#close();
      void this.#client.invalidateQueries({ ...this.#filter, refetchType: 'active' });
    } else if (status === 'loading') {
      // It was seen by another user.
      void this.#client.resetQueries(this.#filter);
    } else this.#give();
  }

  #give(): void {
    const value = this.#value;
    if (value === this.#given) return;
    this.#given = value;
    this.#client.setQueryData(this.#filter.queryKey, value);
  }

  #notified({ type, query, action }: QueryCacheEvent): void {
    if (query !== this.#query) return;
    if (type === 'observerAdded') clearTimeout(this.#timer);
    else if (type === 'observerRemoved') this.#waitIfUnused();
    else if (type === 'removed') this.#close();
    else if (action?.type === 'error' || (action?.type === 'success' && !action.manual)) {
      this.#answered();
    }
  }

  /** What came while the answer was on its way is given now. */
  #answered(): void {
    if (!this.#isAnswering) return;
    this.#isAnswering = false;
    this.#changed();
  }

  #waitIfUnused(): void {
    if (this.#isClosed || this.#query.getObserversCount() > 0) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#close();
      void this.#client.invalidateQueries({ ...this.#filter, refetchType: 'none' });
    }, linger);
  }

  #close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const end of this.#ends) end();
    this.#onClose();
    this.#source.close();
  }
}

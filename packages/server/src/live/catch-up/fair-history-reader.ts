import { Slice } from '../../platform/scheduling/slices.js';
import { QueryTimeBudget } from '../../queries/query-time-budget.js';
import { StoreUnavailable } from '../../store/store-errors.js';
import type { Changes, Created, History, Scope } from '../../store/store-reads.js';
import type { Pos } from '../../store/stored-object.js';
import type { LiveContext } from '../live-context.js';
import { readWithRetry } from './read-with-retry.js';

/**
 * Reads history on behalf of one owner (see `ownerOf`). All its reads together may take as long as
 * one query, or fail with `QueryTimeout`. They queue for the query limiter like queries do, and
 * yield the main thread in between (rule LIM14).
 */
export class FairHistoryReader {
  readonly #context: Pick<LiveContext, 'store' | 'platform' | 'limits'>;
  readonly #time: QueryTimeBudget;
  readonly #slice: Slice;

  constructor(context: Pick<LiveContext, 'store' | 'platform' | 'limits'>, owner: string) {
    this.#context = context;
    this.#time = new QueryTimeBudget(context, owner);
    this.#slice = new Slice(context.platform.clock);
  }

  history(r: string, after: number, limit: number): Promise<History> {
    return this.#read((store) => store.history(r, after, limit, this.#time.patience));
  }

  changes(scope: Scope, after: Pos, limit: number): Promise<Changes> {
    return this.#read((store) => store.changes(scope, after, limit, this.#time.patience));
  }

  created(scope: Scope, after: Pos, limit: number): Promise<Created> {
    return this.#read((store) => store.created(scope, after, limit, this.#time.patience));
  }

  async #read<T>(read: (store: LiveContext['store']) => Promise<T>): Promise<T> {
    // No yield before the first reads: what is cached answers at once.
    if (this.#slice.isOver) await this.#slice.rest();
    const { store, platform } = this.#context;
    return await readWithRetry(platform, async () => {
      try {
        return await read(store);
      } catch (error) {
        if (error instanceof StoreUnavailable) this.#time.restart();
        throw error;
      }
    });
  }
}

import { Slice } from '../../platform/scheduling/slices.js';
import { QueryTimeBudget } from '../../queries/query-time-budget.js';
import {
  type Changes,
  type Created,
  type History,
  type Pos,
  type Scope,
  StoreUnavailable,
} from '../../store/store.js';
import type { LiveContext } from '../live-context.js';
import { readWithRetry } from './read-with-retry.js';

/**
 * Reads what happened, for one owner (see `ownerOf`): all reads together take no longer than a query may, which `QueryTimeout` says,
 * wait for their turn as queries do, and let the others have the main thread in between (rule LIM14).
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
    // What is near is read on the spot.
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

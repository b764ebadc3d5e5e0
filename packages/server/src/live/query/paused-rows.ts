import { fail } from '@really/protocol';
import { ownerOf } from '../../queries/owner.js';
import type { SubscriptionRegistry } from '../registry/subscription-registry.js';
import { HeldRows } from './held-rows.js';
import type { QuerySubscription, RowsHolder } from './query-subscription.js';
import type { KnownRows } from './query-window.js';

/**
 * What paused subscriptions know of their windows: each may have stopped at another state of its
 * window, and they may be paused for long (rule LIM11).
 */
export class PausedRows implements RowsHolder {
  readonly #held: HeldRows;
  readonly #registry: Pick<SubscriptionRegistry, 'fail'>;

  /** `most`: rows of all together. */
  constructor(most: number, registry: Pick<SubscriptionRegistry, 'fail'>) {
    this.#held = new HeldRows(most);
    this.#registry = registry;
  }

  get rows(): number {
    return this.#held.rows;
  }

  hold(subscription: QuerySubscription, rows: KnownRows): boolean {
    if (this.#held.retain(rows, ownerOf(subscription.session.pushTarget))) return true;
    this.#registry.fail([subscription], fail.rateLimited());
    return false;
  }

  letGo(rows: KnownRows): void {
    this.#held.release(rows);
  }
}

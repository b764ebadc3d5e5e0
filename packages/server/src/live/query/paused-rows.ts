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
export class PausedRows extends HeldRows implements RowsHolder {
  readonly #registry: Pick<SubscriptionRegistry, 'fail'>;

  /** `most`: rows of all together. */
  constructor(most: number, registry: Pick<SubscriptionRegistry, 'fail'>) {
    super(most);
    this.#registry = registry;
  }

  hold(subscription: QuerySubscription, rows: KnownRows): boolean {
    if (this.retain(rows, ownerOf(subscription.session.pushTarget))) return true;
    this.#registry.fail([subscription], fail.rateLimited());
    return false;
  }

  letGo(rows: KnownRows): void {
    this.release(rows);
  }
}

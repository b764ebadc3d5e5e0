import { fail, type ProtocolError } from '@really/protocol';
import type { Budget, Budgets } from '../platform/budget.js';
import type { Limits } from '../platform/limits.js';
import type { Share, Shares } from './shares.js';
import type { WindowPrice } from './window-price.js';

export type LiveLimits = Pick<
  Limits,
  | 'subscriptionsPerUid'
  | 'subscriptionsPerNode'
  | 'windowWork'
  | 'windowWorkPerUid'
  | 'windowWorkPerNode'
  | 'windowBytesPerUid'
  | 'windowBytesPerNode'
>;

interface Parts {
  readonly limits: LiveLimits;
  readonly budgets: Budgets;
  readonly shares: Shares;
  /** The live queries of this uid end. */
  readonly evict: (share: Share, error: ProtocolError) => void;
}

/**
 * What subscriptions may hold (rules LIM17 and LIM20). Each pays for its uid, and for the node each window once, however many
 * watch it. Where the node has no more to give, whoever holds most gives way to somebody who holds less than half of that.
 */
export class LiveBudget {
  readonly #parts: Parts;
  readonly #subscriptions: Budget;
  readonly #work: Budget;
  readonly #bytes: Budget;

  constructor(parts: Parts) {
    const { budgets, limits } = parts;
    this.#parts = parts;
    this.#subscriptions = budgets.total('limits.subscriptionsPerNode', limits.subscriptionsPerNode);
    this.#work = budgets.total('limits.windowWorkPerNode', limits.windowWorkPerNode);
    this.#bytes = budgets.total('limits.windowBytesPerNode', limits.windowBytesPerNode);
  }

  /** Throws 429 where this uid may hold no more. */
  demand(share: Share, price: WindowPrice | undefined): void {
    const { limits } = this.#parts;
    if (share.subscriptions >= limits.subscriptionsPerUid) {
      throw this.#refusal('subscriptions', 'subscriptionsPerUid');
    }
    if (!price) return;
    if (share.work + price.work > limits.windowWorkPerUid) {
      throw this.#refusal('query', 'windowWorkPerUid');
    }
    if (share.bytes + price.bytes > limits.windowBytesPerUid) {
      throw this.#refusal('query', 'windowBytesPerUid');
    }
  }

  /** Throws 409 `query.invalid` where one window costs more than any may. */
  demandCheap({ work }: WindowPrice): void {
    if (work <= this.#parts.limits.windowWork) return;
    this.#parts.budgets.refuse('limits.windowWork');
    throw fail('query.invalid', { query: ['beyond limits.windowWork'] });
  }

  /** Throws 429 where the node may hold no more. `demand` said that the uid may. */
  take(share: Share, price: WindowPrice | undefined): void {
    if (!this.#subscriptions.take(1)) throw told('subscriptions', 'subscriptionsPerNode');
    share.subscriptions += 1;
    if (!price) return;
    share.work += price.work;
    share.bytes += price.bytes;
  }

  giveBack(share: Share, price: WindowPrice | undefined): void {
    this.#subscriptions.giveBack(1);
    share.subscriptions -= 1;
    if (!price) return;
    share.work -= price.work;
    share.bytes -= price.bytes;
  }

  /** Throws 429 where the node has no room for one more window. */
  takeWindow(price: WindowPrice, share: Share | undefined): void {
    this.#takeFrom(this.#work, 'work', price, share);
    try {
      this.#takeFrom(this.#bytes, 'bytes', price, share);
    } catch (error) {
      this.#work.giveBack(price.work);
      throw error;
    }
  }

  giveBackWindow({ work, bytes }: WindowPrice): void {
    this.#work.giveBack(work);
    this.#bytes.giveBack(bytes);
  }

  #takeFrom(
    budget: Budget,
    kind: keyof WindowPrice,
    price: WindowPrice,
    share: Share | undefined,
  ): void {
    if (budget.take(price[kind])) return;
    const refusal = told('query', budget.key.replace('limits.', ''));
    const greediest = this.#parts.shares.greediest(kind);
    const own = (share?.[kind] ?? 0) + price[kind];
    if (!greediest || greediest === share || own * 2 > greediest[kind]) throw refusal;
    this.#parts.evict(greediest, refusal);
    if (!budget.take(price[kind])) throw refusal;
  }

  #refusal(what: string, key: keyof LiveLimits): ProtocolError {
    this.#parts.budgets.refuse(`limits.${key}`);
    return told(what, key);
  }
}

function told(what: string, key: string): ProtocolError {
  const path = what === 'query' ? 'query' : 'body.subscriptions';
  return fail('rate.limited', { [path]: [`beyond limits.${key}`] }, { meta: { retryAfter: 1 } });
}

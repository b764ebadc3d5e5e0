import { fail, type ProtocolError } from '@really/protocol';
import type { Budget, Budgets } from '../platform/budget.js';
import type { Limits } from '../platform/limits.js';
import type { WindowCost } from './query/window-cost.js';
import type { UserUsage, UserUsages } from './registry/user-usages.js';

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

interface LiveBudgetDeps {
  readonly limits: LiveLimits;
  readonly budgets: Budgets;
  readonly usages: UserUsages;
  /** Ends the live queries of this uid. */
  readonly evict: (usage: UserUsage, error: ProtocolError) => void;
}

/**
 * Limits what subscriptions use (rules LIM17 and LIM20). Each subscription counts for its uid; each
 * window counts once for the node, however many subscribers share it. When the node is full, the
 * user with the largest usage is evicted if the requesting user would hold at most half as much.
 */
export class LiveBudget {
  readonly #deps: LiveBudgetDeps;
  readonly #subscriptions: Budget;
  readonly #work: Budget;
  readonly #bytes: Budget;

  constructor(deps: LiveBudgetDeps) {
    const { budgets, limits } = deps;
    this.#deps = deps;
    this.#subscriptions = budgets.total('limits.subscriptionsPerNode', limits.subscriptionsPerNode);
    this.#work = budgets.total('limits.windowWorkPerNode', limits.windowWorkPerNode);
    this.#bytes = budgets.total('limits.windowBytesPerNode', limits.windowBytesPerNode);
  }

  /** Throws 429 if this uid has reached a limit. */
  assertUserLimits(usage: UserUsage, cost: WindowCost | undefined): void {
    const { limits } = this.#deps;
    if (usage.subscriptions >= limits.subscriptionsPerUid) {
      throw this.#refusal('subscriptions', 'subscriptionsPerUid');
    }
    if (!cost) return;
    if (usage.work + cost.work > limits.windowWorkPerUid) {
      throw this.#refusal('query', 'windowWorkPerUid');
    }
    if (usage.bytes + cost.bytes > limits.windowBytesPerUid) {
      throw this.#refusal('query', 'windowBytesPerUid');
    }
  }

  /** Throws 409 `query.invalid` if the window costs more than any window may. */
  assertWindowCost({ work }: WindowCost): void {
    if (work <= this.#deps.limits.windowWork) return;
    this.#deps.budgets.refuse('limits.windowWork');
    throw fail('query.invalid', { query: ['beyond limits.windowWork'] });
  }

  /** Throws 429 if the node is full. Call `assertUserLimits` first. */
  acquire(usage: UserUsage, cost: WindowCost | undefined): void {
    if (!this.#subscriptions.take(1)) throw limitError('subscriptions', 'subscriptionsPerNode');
    usage.subscriptions += 1;
    if (!cost) return;
    usage.work += cost.work;
    usage.bytes += cost.bytes;
  }

  release(usage: UserUsage, cost: WindowCost | undefined): void {
    this.#subscriptions.giveBack(1);
    usage.subscriptions -= 1;
    if (!cost) return;
    usage.work -= cost.work;
    usage.bytes -= cost.bytes;
  }

  /** Ends the live queries of this user, to make room for those of others. */
  evict(usage: UserUsage, error: ProtocolError): void {
    this.#deps.evict(usage, error);
  }

  /** Throws 429 if the node has no room for another window. */
  acquireWindow(cost: WindowCost, usage: UserUsage | undefined): void {
    this.#acquireFrom(this.#work, 'work', cost, usage);
    try {
      this.#acquireFrom(this.#bytes, 'bytes', cost, usage);
    } catch (error) {
      this.#work.giveBack(cost.work);
      throw error;
    }
  }

  releaseWindow({ work, bytes }: WindowCost): void {
    this.#work.giveBack(work);
    this.#bytes.giveBack(bytes);
  }

  #acquireFrom(
    budget: Budget,
    kind: keyof WindowCost,
    cost: WindowCost,
    usage: UserUsage | undefined,
  ): void {
    if (budget.take(cost[kind])) return;
    const refusal = limitError('query', budget.key.replace('limits.', ''));
    const largest = this.#deps.usages.largest(kind);
    const own = (usage?.[kind] ?? 0) + cost[kind];
    if (!largest || largest === usage || own * 2 > largest[kind]) throw refusal;
    this.evict(largest, refusal);
    if (!budget.take(cost[kind])) throw refusal;
  }

  #refusal(what: string, key: keyof LiveLimits): ProtocolError {
    this.#deps.budgets.refuse(`limits.${key}`);
    return limitError(what, key);
  }
}

function limitError(what: string, key: string): ProtocolError {
  const path = what === 'query' ? 'query' : 'body.subscriptions';
  return fail.rateLimited(1, { [path]: [`beyond limits.${key}`] });
}

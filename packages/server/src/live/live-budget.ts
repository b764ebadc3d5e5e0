import { fail, type ProtocolError } from '@really/protocol';
import type { Budget, Budgets } from '../platform/budget.js';
import type { Limits } from '../platform/limits.js';
import type { Clock } from '../platform/platform.js';
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

/** A user's part of all windows: those who share a window count a part of it each. */
export interface WindowShare extends WindowCost {
  readonly rows: number;
}

export interface LiveBudgetDeps {
  readonly limits: LiveLimits;
  readonly budgets: Budgets;
  readonly clock: Clock;
  /** Looks at every subscription. */
  readonly shares: () => ReadonlyMap<UserUsage, WindowShare>;
  /** Ends the live queries of this user. */
  readonly evict: (usage: UserUsage, error: ProtocolError) => void;
  readonly usages: UserUsages;
  /** Ends so many subscriptions of this user to objects and collections, if there are. */
  readonly endSome: (usage: UserUsage, count: number, error: ProtocolError) => void;
}

/** Milliseconds for which the shares of users are not counted again. */
const countedFor = 1000;

/** Subscriptions of the user with most of them that end at once. */
const endedAtOnce = 512;

/**
 * Limits what subscriptions use (rules LIM17 and LIM20). Each subscription counts for its owner; each
 * window counts once for the node, however many subscribers share it. When the node is full, the
 * user with the largest share is evicted if the requesting user would have at most half as much: a
 * share, since a window stays while one of those who share it is left.
 */
export class LiveBudget {
  readonly #deps: LiveBudgetDeps;
  readonly #subscriptions: Budget;
  readonly #work: Budget;
  readonly #bytes: Budget;
  /** As they were counted last, and when that was. */
  #counted:
    | { readonly shares: ReadonlyMap<UserUsage, WindowShare>; readonly at: number }
    | undefined;
  /** The user with most subscriptions when that was looked at last. */
  #largest: { readonly usage: UserUsage | undefined; readonly at: number } | undefined;

  constructor(deps: LiveBudgetDeps) {
    const { budgets, limits } = deps;
    this.#deps = deps;
    this.#subscriptions = budgets.total('limits.subscriptionsPerNode', limits.subscriptionsPerNode);
    this.#work = budgets.total('limits.windowWorkPerNode', limits.windowWorkPerNode);
    this.#bytes = budgets.total('limits.windowBytesPerNode', limits.windowBytesPerNode);
  }

  /** Throws 429 if this user has reached a limit. */
  assertUserLimits(usage: UserUsage, cost: WindowCost | undefined): void {
    this.#assertWithin('subscriptionsPerUid', usage.subscriptions + 1);
    if (!cost) return;
    this.#assertWithin('windowWorkPerUid', usage.work + cost.work);
    this.#assertWithin('windowBytesPerUid', usage.bytes + cost.bytes);
  }

  #assertWithin(key: keyof LiveLimits, used: number): void {
    if (used > this.#deps.limits[key]) throw this.#refusal(key);
  }

  /** Throws 409 `query.invalid` if the window costs more than any window may. */
  assertWindowCost({ work }: WindowCost): void {
    if (work <= this.#deps.limits.windowWork) return;
    this.#deps.budgets.refuse('limits.windowWork');
    throw fail('query.invalid', { query: ['beyond limits.windowWork'] });
  }

  /** If the node is full: ends subscriptions of who has most, if this one would have half. */
  makeRoom(usage: UserUsage): void {
    if (this.#subscriptions.used < this.#subscriptions.limit) return;
    const largest = this.#withMostSubscriptions();
    if (!largest || (usage.subscriptions + 1) * 2 > largest.subscriptions) return;
    const count = Math.min(endedAtOnce, Math.ceil(largest.subscriptions / 2));
    this.#deps.endSome(largest, count, this.#refusal('subscriptionsPerNode'));
  }

  #withMostSubscriptions(): UserUsage | undefined {
    const now = this.#deps.clock.monotonic();
    if (!this.#largest || now >= this.#largest.at + countedFor) {
      let usage: UserUsage | undefined;
      for (const user of this.#deps.usages.all())
        if (user.subscriptions > (usage?.subscriptions ?? 0)) usage = user;
      this.#largest = { usage, at: now };
    }
    return this.#largest.usage;
  }

  /** Throws 429 if the node is full. Call `assertUserLimits` and `makeRoom` first. */
  acquire(usage: UserUsage, cost: WindowCost | undefined): void {
    if (!this.#subscriptions.take(1)) throw limitError('subscriptionsPerNode');
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

  /**
   * Ends the live queries of the user with the largest share, if the one that needs room would have
   * at most half of it with this much more. Users are compared only then: who has a window changes
   * all the time. Returns whether there was such a user.
   */
  evictLargest(
    kind: keyof WindowShare,
    asked: { users: Iterable<UserUsage | undefined>; more: number; error: ProtocolError },
  ): boolean {
    const { users, more, error } = asked;
    const shares = this.#shares();
    let own = Number.POSITIVE_INFINITY;
    for (const user of users) own = Math.min(own, (user && shares.get(user)?.[kind]) ?? 0);
    let largest: UserUsage | undefined;
    let most = 0;
    for (const [user, share] of shares) {
      if (share[kind] <= most) continue;
      largest = user;
      most = share[kind];
    }
    if (!largest || (own + more) * 2 > most) return false;
    this.#deps.evict(largest, error);
    this.#counted = undefined;
    return true;
  }

  #shares(): ReadonlyMap<UserUsage, WindowShare> {
    const now = this.#deps.clock.monotonic();
    if (!this.#counted || now >= this.#counted.at + countedFor) {
      this.#counted = { shares: this.#deps.shares(), at: now };
    }
    return this.#counted.shares;
  }

  /** Throws 429 if the node has no room for another window of this user. */
  acquireWindow(cost: WindowCost, usage: UserUsage): void {
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

  #acquireFrom(budget: Budget, kind: keyof WindowCost, cost: WindowCost, usage: UserUsage): void {
    if (budget.take(cost[kind])) return;
    const error = limitError(budget.key.replace('limits.', ''));
    this.evictLargest(kind, { users: [usage], more: cost[kind], error });
    if (!budget.take(cost[kind])) throw error;
  }

  #refusal(key: keyof LiveLimits): ProtocolError {
    this.#deps.budgets.refuse(`limits.${key}`);
    return limitError(key);
  }
}

function limitError(key: string): ProtocolError {
  const path = key.startsWith('window') ? 'query' : 'body.subscriptions';
  return fail.rateLimited(1, { [path]: [`beyond limits.${key}`] });
}

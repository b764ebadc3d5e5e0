import type { LimitKey } from './limits.js';
import type { Counter, Metrics } from './metrics.js';

const usedHelp = 'Amount currently held of a limit, by its key; the unit is that of really_limit.';
const refusedHelp =
  'Requests, commands, connections and the like that were refused or ended because of a limit, by its key.';

/**
 * Budgets of the configured limits, reported as metrics under their configuration keys. There is
 * one for the server and one for each app; a key belongs to one of them.
 */
export class Budgets {
  readonly #metrics: Metrics;
  readonly #refused: Counter;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#refused = metrics.counter('really_limit_refused_total', refusedHelp, ['key']);
  }

  /** A total without owners. */
  total(key: LimitKey, limit: number): Budget {
    const budget = new Budget(key, limit, this);
    this.counted(key, () => budget.used);
    return budget;
  }

  /** A total held by owners, the largest of which are ended when it is exceeded. */
  shared<Owner extends object>(key: LimitKey, limit: number): SharedBudget<Owner> {
    const budget = new SharedBudget<Owner>(key, limit, this);
    this.counted(key, () => budget.used);
    return budget;
  }

  /** A total that is counted elsewhere. */
  counted(key: LimitKey, used: () => number): void {
    this.#metrics.observe('really_limit_used', usedHelp, used, { key });
  }

  /** Counts a refusal because of this limit. */
  refuse(key: LimitKey): void {
    this.#refused.add(1, key);
  }
}

/** A limit of the amount held at a time. */
export class Budget {
  readonly key: LimitKey;
  readonly limit: number;
  readonly #budgets: Budgets;
  #used = 0;

  constructor(key: LimitKey, limit: number, budgets: Budgets) {
    this.key = key;
    this.limit = limit;
    this.#budgets = budgets;
  }

  get used(): number {
    return this.#used;
  }

  /**
   * Takes an amount, to be given back later. False: not enough is left; nothing was taken, and it
   * counts as refused.
   */
  take(amount: number): boolean {
    if (this.#used + amount > this.limit) {
      this.#budgets.refuse(this.key);
      return false;
    }
    this.#used += amount;
    return true;
  }

  giveBack(amount: number): void {
    this.#used -= amount;
  }
}

/**
 * A limit of the amount held by all owners together. Nothing is refused beforehand: it is for
 * amounts that cannot be foreseen, such as output waiting for its reader. When it is exceeded, the
 * caller ends the `largest` owners.
 */
export class SharedBudget<Owner extends object> {
  readonly #key: LimitKey;
  readonly #limit: number;
  readonly #budgets: Budgets;
  readonly #held = new Map<Owner, number>();
  #used = 0;

  constructor(key: LimitKey, limit: number, budgets: Budgets) {
    this.#key = key;
    this.#limit = limit;
    this.#budgets = budgets;
  }

  get used(): number {
    return this.#used;
  }

  get isExceeded(): boolean {
    return this.#used > this.#limit;
  }

  /** Sets what this owner holds now; 0 removes it. */
  set(owner: Owner, amount: number): void {
    this.#used += amount - (this.#held.get(owner) ?? 0);
    if (amount === 0) this.#held.delete(owner);
    else this.#held.set(owner, amount);
  }

  /**
   * The owners that hold most, largest first, without which the rest is within the limit. They
   * count as refused.
   */
  largest(): Owner[] {
    if (!this.isExceeded) return [];
    const byAmount = [...this.#held].sort(([, a], [, b]) => b - a);
    const largest: Owner[] = [];
    let left = this.#used;
    for (const [owner, amount] of byAmount) {
      if (left <= this.#limit) break;
      left -= amount;
      largest.push(owner);
      this.#budgets.refuse(this.#key);
    }
    return largest;
  }
}

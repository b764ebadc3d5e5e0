import type { Counter, Metrics } from './metrics.js';

const usedHelp =
  'What is held at present against a bound, by the key of the bound; its unit is that of really_limit.';
const refusedHelp =
  'Requests, commands, connections and the like that were refused or ended for a bound, by its key.';

/**
 * The bounds against which something is held or priced, told to the metrics under the keys that they are configured by. One
 * for the server and one for each app; a key belongs to one of them.
 */
export class Budgets {
  readonly #metrics: Metrics;
  readonly #refused: Counter;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#refused = metrics.counter('really_limit_refused_total', refusedHelp, ['key']);
  }

  /** A total that many things are held against, whoever they belong to. */
  total(key: string, limit: number): Budget {
    const budget = new Budget(key, limit, this);
    this.#observe(budget);
    return budget;
  }

  /** A total that is held by owners, of whom the greediest go first where it is exceeded. */
  shared<Owner extends object>(key: string, limit: number): SharedBudget<Owner> {
    const budget = new SharedBudget<Owner>(key, limit, this);
    this.#observe(budget);
    return budget;
  }

  /** A total that is counted elsewhere. */
  counted(key: string, used: () => number): void {
    this.#observe({
      key,
      get used() {
        return used();
      },
    });
  }

  /** Something was refused or ended because of this bound. */
  refuse(key: string): void {
    this.#refused.add(1, key);
  }

  #observe(budget: { readonly key: string; readonly used: number }): void {
    this.#metrics.observe('really_limit_used', usedHelp, () => budget.used, { key: budget.key });
  }
}

/** So much may be held at a time. */
export class Budget {
  readonly key: string;
  readonly limit: number;
  readonly #budgets: Budgets;
  #used = 0;

  constructor(key: string, limit: number, budgets: Budgets) {
    this.key = key;
    this.limit = limit;
    this.#budgets = budgets;
  }

  get used(): number {
    return this.#used;
  }

  /** Takes an amount, to be given back. False: there is not so much left; nothing was taken, and it counts as refused. */
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
 * So much may be held at a time by all owners together. Nothing is refused beforehand: it is for what nobody can foresee, such as
 * output that waits for its reader. Whoever exceeds it asks for the `greediest` and ends them.
 */
export class SharedBudget<Owner extends object> {
  readonly key: string;
  readonly limit: number;
  readonly #budgets: Budgets;
  readonly #held = new Map<Owner, number>();
  #used = 0;

  constructor(key: string, limit: number, budgets: Budgets) {
    this.key = key;
    this.limit = limit;
    this.#budgets = budgets;
  }

  get used(): number {
    return this.#used;
  }

  get isExceeded(): boolean {
    return this.#used > this.limit;
  }

  /** What this owner holds now, all in all; 0 forgets it. */
  set(owner: Owner, amount: number): void {
    this.#used += amount - (this.#held.get(owner) ?? 0);
    if (amount === 0) this.#held.delete(owner);
    else this.#held.set(owner, amount);
  }

  /** The owners that hold most, greediest first, without whom the others are within the limit. They count as refused. */
  greediest(): Owner[] {
    if (!this.isExceeded) return [];
    const byAmount = [...this.#held].sort(([, a], [, b]) => b - a);
    const greediest: Owner[] = [];
    let left = this.#used;
    for (const [owner, amount] of byAmount) {
      if (left <= this.limit) break;
      left -= amount;
      greediest.push(owner);
      this.#budgets.refuse(this.key);
    }
    return greediest;
  }
}

import { OwnerCounts } from './owner-counts.js';

/**
 * A total shared by owners: each may hold as much as is still free. A single owner gets half of it,
 * two get a third each, and there is always something left for the next; owners with much are
 * refused before those with little.
 */
export class FairShare {
  readonly limit: number;
  readonly #held = new OwnerCounts();
  #used = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /**
   * Takes an amount, to be given back later. False: it exceeds the owner's share; nothing was
   * taken.
   */
  take(owner: string, amount: number): boolean {
    const held = this.#held.of(owner);
    const free = this.limit - this.#used - amount;
    // A request of any size is granted while nothing else is held.
    const fits = held === 0 ? this.#used === 0 || free >= 0 : held + amount <= free;
    if (!fits) return false;
    this.#held.add(owner, amount);
    this.#used += amount;
    return true;
  }

  giveBack(owner: string, amount: number): void {
    this.#held.add(owner, -amount);
    this.#used -= amount;
  }
}

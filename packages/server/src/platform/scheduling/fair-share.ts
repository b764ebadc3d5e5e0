/**
 * A total shared by owners: each may hold as much as is still free. A single owner gets half of it,
 * two get a third each, and there is always something left for the next; owners with much are
 * refused before those with little.
 */
export class FairShare {
  readonly limit: number;
  readonly #held = new Map<string, number>();
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
    const held = this.#held.get(owner) ?? 0;
    const free = this.limit - this.#used - amount;
    // A request of any size is granted while nothing else is held.
    const fits = held === 0 ? this.#used === 0 || free >= 0 : held + amount <= free;
    if (!fits) return false;
    this.#held.set(owner, held + amount);
    this.#used += amount;
    return true;
  }

  giveBack(owner: string, amount: number): void {
    const left = (this.#held.get(owner) ?? 0) - amount;
    if (left > 0) this.#held.set(owner, left);
    else this.#held.delete(owner);
    this.#used -= amount;
  }
}

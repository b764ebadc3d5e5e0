/**
 * A total that owners share: each may hold as much as is still free besides. One alone has half of it, two have a third each, and
 * there is room left for whoever comes next; who holds much is refused before those who hold little.
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

  /** Takes an amount, to be given back. False: it is more than the owner's share; nothing was taken. */
  take(owner: string, amount: number): boolean {
    const held = this.#held.get(owner) ?? 0;
    const free = this.limit - this.#used - amount;
    // The only one that waits is no burden, however large it is.
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

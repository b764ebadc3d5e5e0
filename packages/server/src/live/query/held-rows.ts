import type { KnownRows } from './query-window.js';

/** Rows that are held for some purpose. Those that several hold count once, and the total is bounded. */
export class HeldRows {
  readonly #most: number;
  readonly #holders = new Map<KnownRows, Holder>();
  readonly #byOwner = new Map<string | undefined, number>();
  #rows = 0;

  /** `most`: rows of all together. */
  constructor(most: number) {
    this.#most = most;
  }

  get rows(): number {
    return this.#rows;
  }

  /**
   * Counts another holder of these rows. False, without holding them, if the limit is reached, or if
   * the owner would hold more than twice what is free then: one that is alone gets two thirds.
   */
  retain(known: KnownRows, owner?: string): boolean {
    const holder = this.#holders.get(known);
    if (holder) {
      holder.count += 1;
      return true;
    }
    const free = this.#most - this.#rows - known.size;
    if (free < 0 || (owner !== undefined && this.#rowsOf(owner) + known.size > 2 * free))
      return false;
    this.#add(known, owner, 1);
    this.#holders.set(known, { owner, count: 1 });
    return true;
  }

  /** Call once for each successful `retain`. Returns whether nobody holds them any more. */
  release(known: KnownRows): boolean {
    const holder = this.#holders.get(known);
    if (!holder) return false;
    holder.count -= 1;
    if (holder.count > 0) return false;
    this.#holders.delete(known);
    this.#add(known, holder.owner, -1);
    return true;
  }

  #rowsOf(owner: string | undefined): number {
    return this.#byOwner.get(owner) ?? 0;
  }

  #add({ size }: KnownRows, owner: string | undefined, by: 1 | -1): void {
    this.#rows += by * size;
    const rows = this.#rowsOf(owner) + by * size;
    if (rows > 0) this.#byOwner.set(owner, rows);
    else this.#byOwner.delete(owner);
  }
}

interface Holder {
  /** Who held them first. */
  readonly owner: string | undefined;
  count: number;
}

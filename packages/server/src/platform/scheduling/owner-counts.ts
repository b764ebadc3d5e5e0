/** A number for each owner that has any. */
export class OwnerCounts {
  readonly #counts = new Map<string, number>();

  /** Owners that have any. */
  get owners(): number {
    return this.#counts.size;
  }

  of(owner: string): number {
    return this.#counts.get(owner) ?? 0;
  }

  /** `more`: negative for less. */
  add(owner: string, more: number): void {
    const count = this.of(owner) + more;
    if (count > 0) this.#counts.set(owner, count);
    else this.#counts.delete(owner);
  }

  clear(): void {
    this.#counts.clear();
  }
}

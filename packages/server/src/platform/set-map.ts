/** Sets by key, of which none is empty. */
export class SetMap<K, V> {
  readonly #sets = new Map<K, Set<V>>();

  get size(): number {
    return this.#sets.size;
  }

  get(key: K): ReadonlySet<V> {
    return this.#sets.get(key) ?? noValues;
  }

  add(key: K, value: V): void {
    const set = this.#sets.get(key);
    if (set) set.add(value);
    else this.#sets.set(key, new Set([value]));
  }

  delete(key: K, value: V): void {
    const set = this.#sets.get(key);
    set?.delete(value);
    if (set?.size === 0) this.#sets.delete(key);
  }

  [Symbol.iterator](): IterableIterator<[K, ReadonlySet<V>]> {
    return this.#sets.entries();
  }
}

const noValues: ReadonlySet<never> = new Set();

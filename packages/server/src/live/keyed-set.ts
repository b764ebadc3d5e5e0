/** So many are looked for one by one; only beyond that is a map worth its memory. */
const small = 8;

/**
 * Things found by their own key. Nearly every connection has one subscription and nearly every topic
 * one audience, a few have thousands: a map comes only with the ninth.
 */
export class KeyedSet<V extends { readonly key: string }> {
  #list: V[] = [];
  #map: Map<string, V> | undefined;

  get size(): number {
    return this.#map?.size ?? this.#list.length;
  }

  get(key: string): V | undefined {
    if (this.#map) return this.#map.get(key);
    for (const value of this.#list) if (value.key === key) return value;
    return undefined;
  }

  /** The key must not be there yet. */
  add(value: V): void {
    if (this.#map) this.#map.set(value.key, value);
    else if (this.#list.push(value) > small) this.#makeMap();
  }

  delete(value: V): void {
    if (this.#map) {
      if (this.#map.get(value.key) === value) this.#map.delete(value.key);
      return;
    }
    const index = this.#list.indexOf(value);
    if (index >= 0) this.#list.splice(index, 1);
  }

  /** All of them, as they are now: the list may be kept while the set changes. */
  values(): V[] {
    return this.#map ? [...this.#map.values()] : this.#list.slice();
  }

  /** As `values`, without the copy where there are few: for a loop in which the set does not change. */
  peek(): Iterable<V> {
    return this.#map?.values() ?? this.#list;
  }

  #makeMap(): void {
    this.#map = new Map(this.#list.map((value) => [value.key, value]));
    this.#list = [];
  }
}

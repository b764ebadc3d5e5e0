/** Beyond this size a map is worth its memory. */
const mapThreshold = 8;

/**
 * A small map of values by their own key. Nearly every connection has one subscription and nearly
 * every topic one group, a few have thousands: one value is stored directly, a few in a list, many
 * in a map.
 */
export class CompactMap<V extends { readonly key: string }> {
  #single: V | undefined;
  #more: V[] | Map<string, V> | undefined;

  get size(): number {
    if (this.#more === undefined) return this.#single ? 1 : 0;
    return this.#more instanceof Map ? this.#more.size : this.#more.length;
  }

  get(key: string): V | undefined {
    const more = this.#more;
    if (more === undefined) return this.#single?.key === key ? this.#single : undefined;
    if (more instanceof Map) return more.get(key);
    for (const value of more) if (value.key === key) return value;
    return undefined;
  }

  /** The key must be new. */
  add(value: V): void {
    const more = this.#more;
    if (more instanceof Map) {
      more.set(value.key, value);
    } else if (more) {
      more.push(value);
      if (more.length > mapThreshold) this.#more = new Map(more.map((item) => [item.key, item]));
    } else if (this.#single) {
      this.#more = [this.#single, value];
      this.#single = undefined;
    } else {
      this.#single = value;
    }
  }

  delete(value: V): void {
    const more = this.#more;
    if (more instanceof Map) {
      if (more.get(value.key) === value) more.delete(value.key);
    } else if (more) {
      const index = more.indexOf(value);
      if (index >= 0) more.splice(index, 1);
    } else if (this.#single === value) {
      this.#single = undefined;
    }
  }

  /** A copy, safe to iterate while the map changes. */
  values(): V[] {
    return [...this.peek()];
  }

  /** As `values` without the copy: do not change the map while iterating. */
  peek(): Iterable<V> {
    const more = this.#more;
    if (more) return more instanceof Map ? more.values() : more;
    return this.#single ? [this.#single] : [];
  }
}

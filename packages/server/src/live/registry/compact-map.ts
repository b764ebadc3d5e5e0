/** So many are looked for one by one; only beyond that is a map worth its memory. */
const mapThreshold = 8;

/**
 * Things found by their own key. Nearly every connection has one subscription and nearly every topic
 * one audience, a few have thousands: so one thing is kept as it is, a few in a list, and many in a map.
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

  /** The key must not be there yet. */
  add(value: V): void {
    const more = this.#more;
    if (more instanceof Map) more.set(value.key, value);
    else if (more) this.#addToList(more, value);
    else if (this.#single) this.#makeList(this.#single, value);
    else this.#single = value;
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

  /** All of them, as they are now: the list may be kept while the set changes. */
  values(): V[] {
    return [...this.peek()];
  }

  /** As `values`, without the copy: for a loop in which the set does not change. */
  peek(): Iterable<V> {
    const more = this.#more;
    if (more) return more instanceof Map ? more.values() : more;
    return this.#single ? [this.#single] : [];
  }

  #makeList(first: V, second: V): void {
    this.#more = [first, second];
    this.#single = undefined;
  }

  #addToList(list: V[], value: V): void {
    list.push(value);
    if (list.length > mapThreshold) this.#more = new Map(list.map((item) => [item.key, item]));
  }
}

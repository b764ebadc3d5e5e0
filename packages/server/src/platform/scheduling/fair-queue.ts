/**
 * A fair queue: takes items from its owners in turn, so that an owner with many items does not
 * block the others.
 */
export class FairQueue<Item> {
  readonly #queues = new Map<string, OwnerItems<Item>>();
  /** Queues of paused owners. */
  readonly #paused = new Map<string, OwnerItems<Item>>();
  /**
   * Iterates over the owners. Those already served are behind it or removed; starting over each
   * time would pass all removed ones.
   */
  #turns = this.#queues.entries();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Number of items of this owner. */
  sizeOf(owner: string): number {
    return this.#queueOf(owner)?.size ?? 0;
  }

  push(owner: string, item: Item): void {
    const queue = this.#queueOf(owner);
    if (queue) queue.push(item);
    else this.#queues.set(owner, new OwnerItems(item));
    this.#size += 1;
  }

  /** Takes the first item of the next owner. */
  shift(): Item | undefined {
    const next = this.#next();
    if (!next) return undefined;
    const [owner, queue] = next;
    const item = queue.shift();
    if (queue.isEmpty) this.#queues.delete(owner);
    else if (this.#queues.size === 1) {
      // A single owner stays where it is. It must not stay behind the iterator, though: owners that
      // come later move to the end again and again, and the iterator would never come back to it.
      this.#turns = this.#queues.entries();
    } else {
      // Behind the others until its next turn.
      this.#queues.delete(owner);
      this.#queues.set(owner, queue);
    }
    this.#size -= 1;
    return item;
  }

  /** Removes an item if it is queued. */
  delete(owner: string, item: Item): void {
    const queue = this.#queueOf(owner);
    if (!queue?.delete(item)) return;
    if (queue.isEmpty) this.#queues.delete(owner);
    this.#size -= 1;
  }

  /** Skips this owner, including items added later, until `resume`. */
  pause(owner: string): void {
    if (this.#paused.has(owner)) return;
    this.#paused.set(owner, this.#queues.get(owner) ?? new OwnerItems<Item>());
    this.#queues.delete(owner);
  }

  /** Serves the owner again, behind the others. */
  resume(owner: string): void {
    const queue = this.#paused.get(owner);
    this.#paused.delete(owner);
    if (queue && !queue.isEmpty) this.#queues.set(owner, queue);
  }

  /** Removes and returns everything. */
  clear(): Item[] {
    const queues = [...this.#queues.values(), ...this.#paused.values()];
    this.#queues.clear();
    this.#size = 0;
    return queues.flatMap((queue) => queue.clear());
  }

  #next(): [string, OwnerItems<Item>] | undefined {
    const next = this.#turns.next();
    if (!next.done) return next.value;
    this.#turns = this.#queues.entries();
    return this.#turns.next().value;
  }

  #queueOf(owner: string): OwnerItems<Item> | undefined {
    return this.#queues.get(owner) ?? (this.#paused.size > 0 ? this.#paused.get(owner) : undefined);
  }
}

/** The queue of one owner, optimized for a single item. Items are never undefined. */
class OwnerItems<Item> {
  #first: Item | undefined;
  #rest: Set<Item> | undefined;
  #next: IterableIterator<Item> | undefined;

  constructor(first?: Item) {
    this.#first = first;
  }

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  get size(): number {
    return this.isEmpty ? 0 : 1 + (this.#rest?.size ?? 0);
  }

  push(item: Item): void {
    if (this.#first === undefined) this.#first = item;
    else {
      this.#rest ??= new Set();
      this.#rest.add(item);
    }
  }

  shift(): Item | undefined {
    const first = this.#first;
    this.#next ??= this.#rest?.values();
    const next = this.#next?.next();
    this.#first = next?.value;
    if (this.#first !== undefined) this.#rest?.delete(this.#first);
    else {
      this.#rest = undefined;
      this.#next = undefined;
    }
    return first;
  }

  delete(item: Item): boolean {
    if (item !== this.#first) return this.#rest?.delete(item) ?? false;
    this.shift();
    return true;
  }

  clear(): Item[] {
    const all = this.#first === undefined ? [] : [this.#first, ...(this.#rest ?? [])];
    this.#first = undefined;
    this.#rest = undefined;
    this.#next = undefined;
    return all;
  }
}

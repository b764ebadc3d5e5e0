/** Finds the largest of many things whose sizes change: a binary heap. */
export class LargestFirst<Item> {
  readonly #sizeOf: (item: Item) => number;
  readonly #heap: Item[] = [];
  readonly #indexes = new Map<Item, number>();

  constructor(sizeOf: (item: Item) => number) {
    this.#sizeOf = sizeOf;
  }

  /** `undefined` if there is none. */
  get first(): Item | undefined {
    return this.#heap[0];
  }

  /** It was added, or its size changed. */
  update(item: Item): void {
    const known = this.#indexes.get(item);
    if (known === undefined) this.#heap.push(item);
    this.#settle(item, known ?? this.#heap.length - 1);
  }

  delete(item: Item): void {
    const index = this.#indexes.get(item);
    if (index === undefined) return;
    this.#indexes.delete(item);
    const last = this.#heap.pop();
    if (last !== undefined && last !== item) this.#settle(last, index);
  }

  /** Moves it from this place to where it belongs. */
  #settle(item: Item, from: number): void {
    const size = this.#sizeOf(item);
    let index = from;
    for (let parent = this.#at(parentOf(index)); parent; parent = this.#at(parentOf(index))) {
      if (parent.size >= size) break;
      this.#place(parent.item, index);
      index = parent.index;
    }
    for (let child = this.#childOf(index); child; child = this.#childOf(index)) {
      if (child.size <= size) break;
      this.#place(child.item, index);
      index = child.index;
    }
    this.#place(item, index);
  }

  #place(item: Item, index: number): void {
    this.#heap[index] = item;
    this.#indexes.set(item, index);
  }

  /** The larger one of two. */
  #childOf(index: number) {
    const [left, right] = [this.#at(2 * index + 1), this.#at(2 * index + 2)];
    return right && left && right.size > left.size ? right : left;
  }

  #at(index: number) {
    const item = this.#heap[index];
    return item === undefined ? undefined : { item, index, size: this.#sizeOf(item) };
  }
}

/** -1 for the first. */
function parentOf(index: number): number {
  return ((index + 1) >> 1) - 1;
}

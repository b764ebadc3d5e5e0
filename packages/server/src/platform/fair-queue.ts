/** What waits, by its owner: one of each owner in turn, so that who has much waiting does not keep the others from having theirs. */
export class FairQueue<Item> {
  readonly #lines = new Map<string, Set<Item>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** How many of this owner wait. */
  sizeOf(owner: string): number {
    return this.#lines.get(owner)?.size ?? 0;
  }

  push(owner: string, item: Item): void {
    const line = this.#lines.get(owner);
    if (line) line.add(item);
    else this.#lines.set(owner, new Set([item]));
    this.#size += 1;
  }

  /** Takes the first of the owner whose turn it is. */
  shift(): Item | undefined {
    const [first] = this.#lines;
    if (!first) return undefined;
    const [owner, line] = first;
    const [item] = line;
    if (item === undefined) return undefined;
    // Behind the others until it is its turn again.
    this.#lines.delete(owner);
    line.delete(item);
    if (line.size > 0) this.#lines.set(owner, line);
    this.#size -= 1;
    return item;
  }

  /** Takes this one out, where it waits. */
  delete(owner: string, item: Item): void {
    const line = this.#lines.get(owner);
    if (!line?.delete(item)) return;
    if (line.size === 0) this.#lines.delete(owner);
    this.#size -= 1;
  }
}

/** What waits, by its owner: one of each owner in turn, so that who has much waiting does not keep the others from having theirs. */
export class FairQueue<Item> {
  readonly #lines = new Map<string, Line<Item>>();
  /** Of owners that have no turn for now. */
  readonly #paused = new Map<string, Line<Item>>();
  /** Goes through the owners. Those who had their turn are behind it, or gone; to begin anew each time would pass all who are gone. */
  #turns = this.#lines.entries();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** How many of this owner wait. */
  sizeOf(owner: string): number {
    return this.#lineOf(owner)?.size ?? 0;
  }

  push(owner: string, item: Item): void {
    const line = this.#lineOf(owner);
    if (line) line.push(item);
    else this.#lines.set(owner, new Line(item));
    this.#size += 1;
  }

  /** Takes the first of the owner whose turn it is. */
  shift(): Item | undefined {
    const next = this.#next();
    if (!next) return undefined;
    const [owner, line] = next;
    const item = line.shift();
    // Behind the others until it is its turn again; alone it stays where it is.
    if (line.isEmpty) this.#lines.delete(owner);
    else if (this.#lines.size > 1) {
      this.#lines.delete(owner);
      this.#lines.set(owner, line);
    }
    this.#size -= 1;
    return item;
  }

  /** Takes this one out, where it waits. */
  delete(owner: string, item: Item): void {
    const line = this.#lineOf(owner);
    if (!line?.delete(item)) return;
    if (line.isEmpty) this.#lines.delete(owner);
    this.#size -= 1;
  }

  /** Leaves out what this owner has waiting, and what comes of it, until `resume`. */
  pause(owner: string): void {
    if (this.#paused.has(owner)) return;
    this.#paused.set(owner, this.#lines.get(owner) ?? new Line<Item>());
    this.#lines.delete(owner);
  }

  /** It has its turn again, behind the others. */
  resume(owner: string): void {
    const line = this.#paused.get(owner);
    this.#paused.delete(owner);
    if (line && !line.isEmpty) this.#lines.set(owner, line);
  }

  /** Takes out everything. */
  clear(): Item[] {
    const lines = [...this.#lines.values(), ...this.#paused.values()];
    this.#lines.clear();
    this.#size = 0;
    return lines.flatMap((line) => line.clear());
  }

  #next(): [string, Line<Item>] | undefined {
    const next = this.#turns.next();
    if (!next.done) return next.value;
    this.#turns = this.#lines.entries();
    return this.#turns.next().value;
  }

  #lineOf(owner: string): Line<Item> | undefined {
    return this.#lines.get(owner) ?? (this.#paused.size > 0 ? this.#paused.get(owner) : undefined);
  }
}

/** What one owner has waiting, no value of which is undefined: most have no more than one thing. */
class Line<Item> {
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

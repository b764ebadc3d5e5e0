import type { Budgets } from '../../platform/budget.js';

/** Something that is kept for a client which may come back. */
export interface ResumableEntry {
  /** Whose it is, as far as fairness goes: a uid, or an address with all its anonymous tokens. */
  readonly owner: string;
  /** Bytes that nobody else holds. */
  readonly own: number;
  /** Buffers that others may hold, too: those are in memory once. */
  readonly buffers: readonly Buffer[];
  /** It had to go. */
  forget(): void;
}

export interface ResumableEntriesOptions {
  /** Places at most, and bytes of all of them. */
  readonly count: number;
  readonly bytes: number;
  readonly budgets: Budgets;
}

interface Owner {
  /** In the order in which they came, with what each was charged for. */
  readonly places: Map<ResumableEntry, number>;
  bytes: number;
}

/** What is kept for clients that dropped, in all: beyond a bound the oldest of whoever has most goes first (rule LIM38). */
export class ResumableEntries {
  readonly #options: ResumableEntriesOptions;
  readonly #owners = new Map<string, Owner>();
  /** How many places hold a buffer. */
  readonly #holders = new Map<Buffer, number>();
  #size = 0;
  #bytes = 0;

  constructor(options: ResumableEntriesOptions) {
    this.#options = options;
    options.budgets.counted('limits.resumableSessions', () => this.#size);
    options.budgets.counted('limits.resumableBytes', () => this.#bytes);
  }

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes note of one more. Those that have to go for it are told. */
  add(place: ResumableEntry): void {
    const owner = this.#owners.get(place.owner) ?? {
      places: new Map<ResumableEntry, number>(),
      bytes: 0,
    };
    this.#owners.set(place.owner, owner);
    let charged = place.own;
    for (const buffer of place.buffers) {
      const holders = this.#holders.get(buffer) ?? 0;
      if (holders === 0) charged += buffer.length;
      this.#holders.set(buffer, holders + 1);
    }
    owner.places.set(place, charged);
    owner.bytes += charged;
    this.#size += 1;
    this.#bytes += charged;
    for (let one = this.#excess(); one; one = this.#excess()) {
      this.delete(one);
      one.forget();
    }
  }

  delete(place: ResumableEntry): void {
    const owner = this.#owners.get(place.owner);
    const charged = owner?.places.get(place);
    if (!owner || charged === undefined) return;
    owner.places.delete(place);
    owner.bytes -= charged;
    if (owner.places.size === 0) this.#owners.delete(place.owner);
    this.#size -= 1;
    this.#bytes -= place.own;
    for (const buffer of place.buffers) this.#letGo(buffer);
  }

  /** The next that has to go for the others to be within the bounds; `undefined`: they are. */
  #excess(): ResumableEntry | undefined {
    const { count, bytes, budgets } = this.#options;
    if (this.#size > count) {
      budgets.refuse('limits.resumableSessions');
      return this.#oldestOf((owner) => owner.places.size);
    }
    if (this.#bytes > bytes) {
      budgets.refuse('limits.resumableBytes');
      return this.#oldestOf((owner) => owner.bytes);
    }
    return undefined;
  }

  #letGo(buffer: Buffer): void {
    const holders = (this.#holders.get(buffer) ?? 1) - 1;
    if (holders > 0) {
      this.#holders.set(buffer, holders);
    } else {
      this.#holders.delete(buffer);
      this.#bytes -= buffer.length;
    }
  }

  /** Of owners that have as much the one that came first. */
  #oldestOf(measure: (owner: Owner) => number): ResumableEntry | undefined {
    let greediest: Owner | undefined;
    for (const owner of this.#owners.values()) {
      if (!greediest || measure(owner) > measure(greediest)) greediest = owner;
    }
    const [oldest] = greediest?.places.keys() ?? [];
    return oldest;
  }
}

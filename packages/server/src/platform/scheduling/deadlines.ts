import type { Platform, Timer } from '../platform.js';

export interface DeadlinesOptions<Key> {
  readonly platform: Platform;
  /**
   * The clock of `at`: `monotonic` for durations (idle sockets), `wall` for instants (token
   * expiry), where a change of the clock is noticed within `recheck`.
   */
  readonly clock: 'monotonic' | 'wall';
  /** Called once when a deadline is reached; the deadline is removed before the call. */
  readonly due: (key: Key) => void;
}

/** Milliseconds after which a wall clock is checked again, in case it was set. */
const recheck = 10_000;

interface DeadlineEntry<Key> {
  readonly key: Key;
  /** When it is due. */
  at: number;
  /** The time it is sorted by: `at`, or an earlier time if the deadline was moved back. */
  sorted: number;
  index: number;
}

/**
 * Many deadlines on one timer. Moving a deadline to a later time, as every message of a connection
 * does, costs no sorting: the entry stays in place and is sorted again when its earlier time comes.
 * Everything else is an operation on a binary heap.
 */
export class Deadlines<Key extends object = object> {
  readonly #options: DeadlinesOptions<Key>;
  readonly #entries = new Map<Key, DeadlineEntry<Key>>();
  readonly #heap: DeadlineEntry<Key>[] = [];
  #timer: Timer | undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(options: DeadlinesOptions<Key>) {
    this.#options = options;
  }

  /** Pending deadlines. */
  get size(): number {
    return this.#entries.size;
  }

  /** Sets or moves the deadline of `key`. */
  set(key: Key, at: number): void {
    const known = this.#entries.get(key);
    if (known) {
      known.at = at;
      if (at >= known.sorted) return;
      known.sorted = at;
      this.#up(known);
    } else {
      const entry: DeadlineEntry<Key> = { key, at, sorted: at, index: this.#heap.length };
      this.#entries.set(key, entry);
      this.#heap.push(entry);
      this.#up(entry);
    }
    this.#arm();
  }

  /** Removes the deadline of `key`, if it has one. */
  clear(key: Key): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#remove(entry);
    if (this.#heap.length === 0) this.#disarm();
  }

  #now(): number {
    const { clock } = this.#options.platform;
    return this.#options.clock === 'wall' ? clock.now() : clock.monotonic();
  }

  #arm(): void {
    const first = this.#heap[0];
    if (!first || first.sorted >= this.#armedFor) return;
    this.#disarm();
    this.#armedFor = first.sorted;
    // Timers may fire a fraction of a millisecond early: rounding up keeps it to one wake-up.
    const wait = Math.max(1, Math.ceil(first.sorted - this.#now()));
    const ms = this.#options.clock === 'wall' ? Math.min(wait, recheck) : wait;
    this.#timer = this.#options.platform.timers.after(ms, () => this.#wake());
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  #wake(): void {
    this.#timer = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
    const now = this.#now();
    // Each entry at most once: if a callback sets a deadline in the past, it waits for the next
    // timer.
    for (let rest = this.#heap.length; rest > 0; rest--) {
      const first = this.#heap[0];
      if (!first || first.sorted > now) break;
      if (first.at > now) {
        first.sorted = first.at;
        this.#down(first);
      } else {
        this.#entries.delete(first.key);
        this.#remove(first);
        this.#options.due(first.key);
      }
    }
    this.#arm();
  }

  #remove(entry: DeadlineEntry<Key>): void {
    const last = this.#heap.pop();
    if (!last || last === entry) return;
    this.#place(last, entry.index);
    this.#up(last);
    this.#down(last);
  }

  #place(entry: DeadlineEntry<Key>, index: number): void {
    this.#heap[index] = entry;
    entry.index = index;
  }

  #up(entry: DeadlineEntry<Key>): void {
    while (entry.index > 0) {
      const parent = this.#heap[(entry.index - 1) >> 1];
      if (!parent || parent.sorted <= entry.sorted) return;
      const { index } = entry;
      this.#place(entry, parent.index);
      this.#place(parent, index);
    }
  }

  #down(entry: DeadlineEntry<Key>): void {
    for (;;) {
      const left = this.#heap[entry.index * 2 + 1];
      const right = this.#heap[entry.index * 2 + 2];
      const child = right && left && right.sorted < left.sorted ? right : left;
      if (!child || child.sorted >= entry.sorted) return;
      const { index } = entry;
      this.#place(entry, child.index);
      this.#place(child, index);
    }
  }
}

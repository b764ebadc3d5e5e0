import type { Budgets } from '../../platform/budget.js';
import type { Limits } from '../../platform/limits.js';
import type { Platform } from '../../platform/platform.js';
import { Deadlines } from '../../platform/scheduling/deadlines.js';
import { LargestFirst } from '../../platform/scheduling/largest-first.js';

/** State kept for a client that may reconnect. */
export interface ResumableEntry {
  /** The owner for fair eviction: a uid, or an address with all its anonymous tokens. */
  readonly owner: string;
  /** Bytes of memory that no other entry shares. */
  readonly own: number;
  /** Buffers that other entries may share; a shared one is in memory once. */
  readonly buffers: readonly Buffer[];
  /** Called when it is evicted, or its time is over. It has to be deleted then. */
  forget(): void;
}

export interface ResumableEntriesOptions {
  readonly limits: Pick<Limits, 'resumableSessions' | 'resumableBytes'>;
  /** Milliseconds that an entry is kept; 0: none is. */
  readonly window: number;
  readonly budgets: Budgets;
  readonly platform: Platform;
}

interface Owner {
  /** In order of arrival, with the bytes charged for each. */
  readonly entries: Map<ResumableEntry, number>;
  bytes: number;
}

/** Over a limit, the oldest entry of the owner with the most goes first (rule LIM38). */
export class ResumableEntries {
  /** Milliseconds that an entry is kept; 0: none is. */
  readonly window: number;
  readonly #options: ResumableEntriesOptions;
  readonly #timers: Deadlines<ResumableEntry>;
  readonly #owners = new Map<string, Owner>();
  readonly #byCount = new LargestFirst<Owner>(({ entries }) => entries.size);
  readonly #byBytes = new LargestFirst<Owner>(({ bytes }) => bytes);
  /** By buffer, the number of entries that hold it. */
  readonly #holders = new Map<Buffer, number>();
  #size = 0;
  #bytes = 0;

  constructor(options: ResumableEntriesOptions) {
    const { window, platform } = options;
    this.window = window;
    this.#options = options;
    this.#timers = new Deadlines({ platform, clock: 'monotonic', due: (entry) => entry.forget() });
    options.budgets.counted('limits.resumableSessions', () => this.#size);
    options.budgets.counted('limits.resumableBytes', () => this.#bytes);
  }

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds an entry, and evicts others as needed. */
  add(entry: ResumableEntry): void {
    const owner: Owner = this.#owners.get(entry.owner) ?? { entries: new Map(), bytes: 0 };
    this.#owners.set(entry.owner, owner);
    let charged = entry.own;
    for (const buffer of entry.buffers) {
      const holders = this.#holders.get(buffer) ?? 0;
      if (holders === 0) charged += buffer.length;
      this.#holders.set(buffer, holders + 1);
    }
    owner.entries.set(entry, charged);
    owner.bytes += charged;
    this.#sort(owner);
    this.#size += 1;
    this.#bytes += charged;
    this.#timers.set(entry, this.#options.platform.clock.monotonic() + this.window);
    for (let evicted = this.#excess(); evicted; evicted = this.#excess()) {
      this.delete(evicted);
      evicted.forget();
    }
  }

  delete(entry: ResumableEntry): void {
    const owner = this.#owners.get(entry.owner);
    const charged = owner?.entries.get(entry);
    if (!owner || charged === undefined) return;
    owner.entries.delete(entry);
    this.#timers.clear(entry);
    owner.bytes -= charged;
    if (owner.entries.size === 0) this.#owners.delete(entry.owner);
    this.#sort(owner);
    this.#size -= 1;
    this.#bytes -= entry.own;
    for (const buffer of entry.buffers) this.#release(buffer);
  }

  /** The next entry to evict; `undefined` if all limits are kept. */
  #excess(): ResumableEntry | undefined {
    const { limits, budgets } = this.#options;
    if (this.#size > limits.resumableSessions) {
      budgets.refuse('limits.resumableSessions');
      return oldestOf(this.#byCount.first);
    }
    if (this.#bytes > limits.resumableBytes) {
      budgets.refuse('limits.resumableBytes');
      return oldestOf(this.#byBytes.first);
    }
    return undefined;
  }

  #release(buffer: Buffer): void {
    const holders = (this.#holders.get(buffer) ?? 1) - 1;
    if (holders > 0) {
      this.#holders.set(buffer, holders);
    } else {
      this.#holders.delete(buffer);
      this.#bytes -= buffer.length;
    }
  }

  /** There may be very many owners, and each entry beyond a limit asks for the largest. */
  #sort(owner: Owner): void {
    for (const owners of [this.#byCount, this.#byBytes]) {
      if (owner.entries.size > 0) owners.update(owner);
      else owners.delete(owner);
    }
  }
}

function oldestOf(owner: Owner | undefined): ResumableEntry | undefined {
  const [oldest] = owner?.entries.keys() ?? [];
  return oldest;
}

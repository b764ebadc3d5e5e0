import type { Bus } from '../bus/bus.js';
import type { Log } from '../platform/log.js';
import type { Platform, Timer } from '../platform/platform.js';
import { Fifo } from '../platform/scheduling/fifo.js';
import type { Store } from '../store/store.js';
import type { CreatedEntry, Scope } from '../store/store-reads.js';
import type { Pos, StoredObject } from '../store/stored-object.js';

/** The outcome of an attempt: no more to do, or to be retried after some milliseconds. */
export type QueueAttempt =
  | { readonly kind: 'done' }
  | { readonly kind: 'retry'; readonly after: number };

export interface DurableQueueOptions {
  readonly store: QueueStore;
  readonly bus: Bus;
  readonly platform: Platform;
  readonly log: Log;
  /** The collection of the entries: a system collection. */
  readonly scope: Scope;
  /**
   * Entries with the same key wait for each other, in the order of their commits. Without it none
   * waits for another.
   */
  readonly orderingKey?: ((entry: StoredObject) => string) | undefined;
  /** Milliseconds until an entry may be tried, evaluated when it is read. */
  readonly notBefore?: ((entry: StoredObject) => number) | undefined;
  /** True for entries that wait for no others: beyond `concurrency`, and before all that wait. */
  readonly isUrgent?: ((entry: StoredObject) => boolean) | undefined;
  /** Does the work of the entry with this R. Errors are logged, and the entry is retried. */
  readonly work: (r: string) => Promise<QueueAttempt>;
  /** Entries processed at once. */
  readonly concurrency: number;
  /** Maximum entries in memory (10,000); the others wait in the store. */
  readonly window?: number | undefined;
}

/** The methods of the store that the queue uses. */
export type QueueStore = Pick<Store, 'created' | 'count'>;

interface EntryGroup {
  /** Rs of entries. */
  readonly waiting: string[];
  timer: Timer | undefined;
  readonly isUrgent: boolean;
}

const page = 100;
const defaultWindow = 10_000;
/**
 * Maximum entries of one ordering key in memory, so that a stuck key does not keep all others out.
 */
const maxPerKey = 16;
/** Milliseconds after which an unavailable store is read again. */
const storeRetry = 1000;

/**
 * A durable queue of entries in the store: each stays until its work is done, across restarts;
 * those with the same ordering key run one after the other, different keys in parallel. It follows
 * the positions of the entries, with a window of them in memory; the bus only wakes it. Entries of a
 * key that has enough in memory are passed by: reading goes on to those of other keys, and comes
 * back to this key, from a position of its own, when its entries in memory are done.
 */
export class DurableQueue {
  readonly #options: DurableQueueOptions;
  readonly #groups = new Map<string, EntryGroup>();
  readonly #ready = new Fifo<string>();
  readonly #known = new Set<string>();
  /** Entries that are counted already when the bus brings them. */
  readonly #expected = new Set<string>();
  /** Entries whose work ended while a page was being read, which may still contain them. */
  readonly #ended = new Set<string>();
  /** Keys with entries that were passed by, and the position from which on they were. */
  readonly #passedBy = new Map<string, Pos>();
  /** Those of them with nothing left in memory, in the order in which they are read for. */
  readonly #starved = new Set<string>();
  readonly #working = new Set<Promise<void>>();
  readonly #prefix: string;
  /** Every entry up to here was read, and is in memory, done, or passed by. Never goes back. */
  #through: Pos = 0;
  #mayHaveMore = true;
  /** The last read was for a starved key: the next one is for new entries, if there are any. */
  #refilled = false;
  #pending = 0;
  #reading = false;
  #retry: Timer | undefined;
  #stopListening: (() => void) | undefined;
  #closed = false;

  constructor(options: DurableQueueOptions) {
    this.#options = options;
    this.#prefix = collectionR(options.scope);
  }

  /** Entries that wait or run, also those in the store: approximate until they were counted. */
  get pending(): number {
    return Math.max(this.#pending, this.#known.size);
  }

  get working(): number {
    return this.#working.size;
  }

  /** True where nothing that was read is left. */
  get #isIdle(): boolean {
    return this.#known.size === 0 && this.#passedBy.size === 0;
  }

  /**
   * Begins with the stored entries. Resolves with their number when the first of them are begun;
   * never rejects.
   */
  async start(): Promise<number> {
    this.#stopListening = this.#options.bus.listen((changes) => {
      const created = changes.filter(({ r, type }) => {
        return type === 'create' && r.startsWith(this.#prefix);
      });
      if (created.length === 0) return;
      this.#pending += created.filter(({ r }) => !this.#expected.delete(r)).length;
      this.#mayHaveMore = true;
      this.#pump();
    });
    const [stored] = await Promise.all([this.#count(), this.#read(() => this.#readNew())]);
    return stored;
  }

  /**
   * Entries that the caller is about to create itself: they count as soon as they are created. Call
   * the result when that has succeeded or failed; it resolves when the urgent ones were tried.
   */
  expect(entries: readonly StoredObject[]): (created: boolean) => Promise<void> {
    const urgent = entries.filter((entry) => this.#options.isUrgent?.(entry));
    for (const { r } of entries) this.#expected.add(r);
    // They are begun by the result, not by a read that finds them before.
    for (const { r } of urgent) this.#known.add(r);
    return async (created) => {
      if (!created) {
        for (const { r } of entries) this.#expected.delete(r);
        for (const { r } of urgent) this.#known.delete(r);
        return;
      }
      this.#pending += entries.length;
      this.#mayHaveMore = true;
      await Promise.all(urgent.map((entry) => this.#begin(entry.r, this.#newGroup(entry))));
      this.#pump();
    };
  }

  /** Begins no more work, and resolves when the work in progress is done. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopListening?.();
    this.#retry?.cancel();
    for (const { timer } of this.#groups.values()) timer?.cancel();
    await Promise.all(this.#working);
  }

  /** Counts the entries left by an earlier run of the server; 0 where that fails. */
  async #count(): Promise<number> {
    const { store, scope } = this.#options;
    const order = { keys: [{ field: '_r', descending: false }] };
    try {
      const stored = await store.count({ scope, order, limit: 1, timeout: 10_000 });
      this.#pending += stored;
      return stored;
    } catch {
      // Counts only entries seen from now on.
      return 0;
    }
  }

  #pump(): void {
    if (this.#closed) return;
    const { concurrency, window = defaultWindow } = this.#options;
    while (this.#working.size < concurrency && this.#ready.size > 0) {
      const name = this.#ready.shift() ?? '';
      const group = this.#groups.get(name);
      if (group) void this.#begin(name, group);
    }
    if (this.#reading || this.#retry || this.#known.size >= window) return;
    const [starved] = this.#starved;
    this.#refilled = starved !== undefined && !(this.#mayHaveMore && this.#refilled);
    if (starved !== undefined && this.#refilled) void this.#read(() => this.#refill(starved));
    else if (this.#mayHaveMore) void this.#read(() => this.#readNew());
  }

  /** Resolves when the first entry of the group was tried. */
  async #begin(name: string, group: EntryGroup): Promise<void> {
    const [r] = group.waiting;
    if (r === undefined || this.#closed) return;
    const work = this.#attempt(r).then((attempt) => {
      this.#working.delete(work);
      if (attempt.kind === 'done') this.#complete(name, group, r);
      else this.#schedule(name, group, attempt.after);
      this.#pump();
    });
    this.#working.add(work);
    await work;
  }

  #makeReady(name: string, group: EntryGroup): void {
    if (group.isUrgent) void this.#begin(name, group);
    else this.#ready.push(name);
  }

  /** Never rejects. */
  async #attempt(r: string): Promise<QueueAttempt> {
    try {
      return await this.#options.work(r);
    } catch (error) {
      this.#options.log.error({ err: error, entry: r }, 'work of the durable queue failed');
      return { kind: 'retry', after: storeRetry };
    }
  }

  #complete(name: string, group: EntryGroup, r: string): void {
    group.waiting.shift();
    this.#pending -= 1;
    this.#known.delete(r);
    if (this.#reading) this.#ended.add(r);
    if (group.waiting.length > 0) {
      this.#makeReady(name, group);
      return;
    }
    if (this.#passedBy.has(name)) this.#starved.add(name);
    else this.#groups.delete(name);
  }

  #schedule(name: string, group: EntryGroup, after: number): void {
    if (this.#closed) return;
    if (after <= 0) {
      this.#makeReady(name, group);
      return;
    }
    group.timer = this.#options.platform.timers.after(after, () => {
      group.timer = undefined;
      this.#makeReady(name, group);
      this.#pump();
    });
  }

  /** Never rejects. */
  async #read(page: () => Promise<void>): Promise<void> {
    const { log, platform } = this.#options;
    this.#reading = true;
    try {
      await page();
    } catch (error) {
      if (!this.#closed) {
        log.warn({ err: error }, 'the durable queue cannot be read');
        this.#retry = platform.timers.after(storeRetry, () => {
          this.#retry = undefined;
          this.#mayHaveMore = true;
          this.#pump();
        });
      }
    }
    this.#reading = false;
    this.#ended.clear();
    this.#pump();
  }

  /** Reads the next entries that were never read. */
  async #readNew(): Promise<void> {
    this.#mayHaveMore = false;
    const { store, scope } = this.#options;
    const { entries, through, more } = await store.created(scope, this.#through, page);
    this.#through = through;
    if (more) this.#mayHaveMore = true;
    else if (entries.length === 0 && !this.#mayHaveMore && this.#isIdle) {
      this.#pending = 0;
    }
    for (const entry of entries) this.#enqueue(entry);
  }

  /** Reads on for a starved key, and for all that were passed by in the same stretch. */
  async #refill(starved: string): Promise<void> {
    const { store, scope } = this.#options;
    const from = this.#passedBy.get(starved) ?? this.#through;
    const { entries, through } = await store.created(scope, from - 1, page);
    const covered = new Map([...this.#passedBy].filter(([, first]) => first >= from));
    const end = Math.min(through, this.#through);
    for (const { object, pos } of entries) {
      const name = this.#keyOf(object);
      const first = covered.get(name) ?? Number.POSITIVE_INFINITY;
      if (pos < first || pos > end || this.#take(name, object)) continue;
      this.#passedBy.set(name, pos);
      covered.delete(name);
    }
    for (const [name, first] of covered) this.#passedBy.set(name, Math.max(first, end + 1));
    if (end === this.#through) for (const name of covered.keys()) this.#catchUp(name);
    // If nothing was found for it yet, others have their turn first.
    if (this.#starved.delete(starved)) this.#starved.add(starved);
  }

  /** Nothing of this key is only in the store any more. */
  #catchUp(name: string): void {
    this.#passedBy.delete(name);
    if (this.#starved.delete(name)) this.#groups.delete(name);
  }

  #enqueue({ object, pos }: CreatedEntry): void {
    if (this.#known.has(object.r) || this.#ended.has(object.r)) return;
    const name = this.#keyOf(object);
    if (!this.#passedBy.has(name) && !this.#take(name, object)) this.#passedBy.set(name, pos);
  }

  /** False where enough of the key are in memory. */
  #take(name: string, entry: StoredObject): boolean {
    const group = this.#groups.get(name);
    if (group && group.waiting.length >= maxPerKey) return false;
    if (group && group.waiting.length > 0) {
      this.#known.add(entry.r);
      group.waiting.push(entry.r);
      return true;
    }
    this.#starved.delete(name);
    this.#schedule(name, this.#newGroup(entry), this.#options.notBefore?.(entry) ?? 0);
    return true;
  }

  #newGroup(entry: StoredObject): EntryGroup {
    const isUrgent = this.#options.isUrgent?.(entry) ?? false;
    const group = { waiting: [entry.r], timer: undefined, isUrgent };
    this.#known.add(entry.r);
    this.#groups.set(this.#keyOf(entry), group);
    return group;
  }

  #keyOf(entry: StoredObject): string {
    const { isUrgent, orderingKey } = this.#options;
    return !orderingKey || isUrgent?.(entry) ? entry.r : orderingKey(entry);
  }
}

/** Where the entries of a scope are: `/_webhooks/warehouse/deliveries/`. */
export function collectionR({ names, parents }: Scope): string {
  return names.map((name, index) => `/${name}/${parents[index] ?? ''}`).join('');
}

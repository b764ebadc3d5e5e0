import type { Bus } from '../bus/bus.js';
import type { Log } from '../platform/log.js';
import type { Platform, Timer } from '../platform/platform.js';
import type { Pos, Scope, Store, StoredObject } from '../store/store.js';

/** The outcome of an attempt: the entry is erased, or to be retried after some milliseconds. */
export type QueueAttempt =
  | { readonly kind: 'done' }
  | { readonly kind: 'retry'; readonly after: number };

export interface DurableQueueOptions {
  readonly store: QueueStore;
  readonly bus: Bus;
  readonly platform: Platform;
  readonly log: Log;
  /** The collection of the entries. */
  readonly scope: Scope;
  /** Entries with the same key wait for each other, in the order of their commits. */
  readonly orderingKey: (entry: StoredObject) => string;
  /** Milliseconds until an entry may be tried, evaluated when it is read. */
  readonly notBefore?: ((entry: StoredObject) => number) | undefined;
  /** Does the work of the entry with this R. Errors are logged, and the entry is retried. */
  readonly work: (r: string) => Promise<QueueAttempt>;
  /** Entries processed at once. */
  readonly concurrency: number;
  /** Maximum entries in memory; the others wait in the store. */
  readonly window: number;
}

/** The methods of the store that the queue uses. */
export type QueueStore = Pick<Store, 'created' | 'count'>;

interface EntryGroup {
  /** Rs of entries. */
  readonly waiting: string[];
  timer: Timer | undefined;
  /** The position of its first entry that was skipped because enough were in memory. */
  skippedFrom: Pos | undefined;
}

const page = 100;
/**
 * Maximum entries of one ordering key in memory, so that a stuck key does not keep all others out.
 */
const maxPerKey = 16;
/** Milliseconds after which an unavailable store is read again. */
const storeRetry = 1000;

/**
 * A durable queue of entries in the store: each stays until its work is done, across restarts;
 * those with the same ordering key run one after the other, different keys in parallel. It follows
 * the positions of the entries, with a window of them in memory; the bus only wakes it.
 */
export class DurableQueue {
  readonly #options: DurableQueueOptions;
  readonly #groups = new Map<string, EntryGroup>();
  readonly #ready: string[] = [];
  readonly #known = new Set<string>();
  /** Entries whose work ended while a page was being read, which may still contain them. */
  readonly #ended = new Set<string>();
  readonly #working = new Set<Promise<void>>();
  readonly #prefix: string;
  #through: Pos = 0;
  #mayHaveMore = true;
  #pending = 0;
  #reading = false;
  #retry: Timer | undefined;
  #stopListening: (() => void) | undefined;
  #closed = false;

  constructor(options: DurableQueueOptions) {
    this.#options = options;
    const { names, parents } = options.scope;
    this.#prefix = names.map((name, index) => `/${name}/${parents[index] ?? ''}`).join('');
  }

  /** Entries that wait or run, also those in the store: approximate until they were counted. */
  get pending(): number {
    return Math.max(this.#pending, this.#known.size);
  }

  get working(): number {
    return this.#working.size;
  }

  /** Begins with the stored entries, without waiting. */
  start(): void {
    this.#stopListening = this.#options.bus.listen((changes) => {
      const created = changes.filter(({ r, type }) => {
        return type === 'create' && r.startsWith(this.#prefix);
      });
      if (created.length === 0) return;
      this.#pending += created.length;
      this.#mayHaveMore = true;
      this.#pump();
    });
    void this.#count();
    this.#pump();
  }

  /** Begins no more work, and resolves when the work in progress is done. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopListening?.();
    this.#retry?.cancel();
    for (const { timer } of this.#groups.values()) timer?.cancel();
    await Promise.all(this.#working);
  }

  /** Counts the entries left by an earlier run of the server. */
  async #count(): Promise<void> {
    const { store, scope } = this.#options;
    const order = { field: '_r', descending: false };
    try {
      const stored = await store.count({ scope, order, limit: 1, timeout: 10_000 });
      this.#pending += stored;
    } catch {
      // Counts only entries seen from now on.
    }
  }

  #pump(): void {
    if (this.#closed) return;
    const { concurrency, window } = this.#options;
    while (this.#working.size < concurrency && this.#ready.length > 0) {
      const name = this.#ready.shift() ?? '';
      const group = this.#groups.get(name);
      if (group) this.#begin(name, group);
    }
    const mayRead = this.#mayHaveMore && !this.#reading && !this.#retry;
    if (mayRead && this.#known.size < window) void this.#read();
  }

  #begin(name: string, group: EntryGroup): void {
    const [r] = group.waiting;
    if (r === undefined) return;
    const work = this.#attempt(r).then((attempt) => {
      this.#working.delete(work);
      if (attempt.kind === 'done') this.#complete(name, group, r);
      else this.#schedule(name, group, attempt.after);
      this.#pump();
    });
    this.#working.add(work);
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
      this.#ready.push(name);
      return;
    }
    this.#groups.delete(name);
    if (group.skippedFrom === undefined) return;
    this.#through = Math.min(this.#through, group.skippedFrom - 1);
    this.#mayHaveMore = true;
  }

  #schedule(name: string, group: EntryGroup, after: number): void {
    if (this.#closed) return;
    if (after <= 0) {
      this.#ready.push(name);
      return;
    }
    group.timer = this.#options.platform.timers.after(after, () => {
      group.timer = undefined;
      this.#ready.push(name);
      this.#pump();
    });
  }

  async #read(): Promise<void> {
    this.#reading = true;
    this.#mayHaveMore = false;
    const { store, scope, log, platform } = this.#options;
    const from = this.#through;
    try {
      const { entries, through } = await store.created(scope, from, page);
      // If it was reset meanwhile, earlier entries must be read before this page.
      if (this.#through === from) {
        this.#through = through;
        if (entries.length === page) this.#mayHaveMore = true;
        else if (entries.length === 0 && this.#known.size === 0) this.#pending = 0;
        for (const { object, pos } of entries) this.#enqueue(object, pos);
      }
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

  #enqueue(entry: StoredObject, pos: Pos): void {
    if (this.#known.has(entry.r) || this.#ended.has(entry.r)) return;
    const name = this.#options.orderingKey(entry);
    const known = this.#groups.get(name);
    const group: EntryGroup = known ?? { waiting: [], timer: undefined, skippedFrom: undefined };
    if (group.skippedFrom !== undefined || group.waiting.length >= maxPerKey) {
      group.skippedFrom = Math.min(group.skippedFrom ?? pos, pos);
      return;
    }
    this.#known.add(entry.r);
    group.waiting.push(entry.r);
    if (known) return;
    this.#groups.set(name, group);
    this.#schedule(name, group, this.#options.notBefore?.(entry) ?? 0);
  }
}

import type { Bus } from '../bus/bus.js';
import type { Log } from '../platform/log.js';
import type { Platform, Timer } from '../platform/platform.js';
import type { Pos, Scope, Store, StoredObject } from '../store/store.js';

/** What became of an attempt: the entry is gone from the store, or it is to be tried again after so many milliseconds. */
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
  /** Entries with one name wait for each other, in the order of their commits. */
  readonly orderingKey: (entry: StoredObject) => string;
  /** Milliseconds until an entry may be tried, when it is read. */
  readonly notBefore?: ((entry: StoredObject) => number) | undefined;
  /** Does the work of the entry with this R. What it throws is logged, and the entry tried again. */
  readonly work: (r: string) => Promise<QueueAttempt>;
  /** Entries that are worked on at once. */
  readonly concurrency: number;
  /** Entries in memory; the others wait in the store. */
  readonly window: number;
}

/** What it asks of the store. */
export type QueueStore = Pick<Store, 'created' | 'count'>;

interface EntryGroup {
  /** Rs of entries. */
  readonly waiting: string[];
  timer: Timer | undefined;
  /** The position of its first entry that was passed over, for there were enough in memory. */
  skippedFrom: Pos | undefined;
}

const page = 100;
/** Entries of one lane in memory: one that is stuck is not to keep all others out. */
const maxPerKey = 16;
/** Milliseconds after which a store that was away is asked again. */
const storeRetry = 1000;

/**
 * Entries of the store that wait to be worked on: each until its work is over, across restarts; those of
 * a lane one after the other, lanes at the same time. It goes along the positions of the entries, and
 * holds a window of them; the bus only wakes it.
 */
export class DurableQueue {
  readonly #options: DurableQueueOptions;
  readonly #groups = new Map<string, EntryGroup>();
  readonly #ready: string[] = [];
  readonly #known = new Set<string>();
  /** Whose work ended while a page was being read: the page may still have them. */
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

  /** Entries that wait or are worked on, in the store too: about, until they were counted. */
  get pending(): number {
    return Math.max(this.#pending, this.#known.size);
  }

  get working(): number {
    return this.#working.size;
  }

  /** Begins with what is there; resolves to nothing, and at once. */
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

  /** Begins no more work, and resolves when what was begun is over. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopListening?.();
    this.#retry?.cancel();
    for (const { timer } of this.#groups.values()) timer?.cancel();
    await Promise.all(this.#working);
  }

  /** What an earlier run of the server left. */
  async #count(): Promise<void> {
    const { store, scope } = this.#options;
    const order = { field: '_r', descending: false };
    try {
      const stored = await store.count({ scope, order, limit: 1, timeout: 10_000 });
      this.#pending += stored;
    } catch {
      // It stays at what is seen from now on.
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
      this.#options.log.error({ err: error, entry: r }, 'work of the backlog failed');
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
      // It went back meanwhile: what comes before this page is to be taken before it.
      if (this.#through === from) {
        this.#through = through;
        if (entries.length === page) this.#mayHaveMore = true;
        else if (entries.length === 0 && this.#known.size === 0) this.#pending = 0;
        for (const { object, pos } of entries) this.#enqueue(object, pos);
      }
    } catch (error) {
      if (!this.#closed) {
        log.warn({ err: error }, 'the backlog can not be read');
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

import type { Bus } from '../bus/bus.js';
import type { Log } from '../platform/log.js';
import type { Platform, Timer } from '../platform/platform.js';
import { FairQueue } from '../platform/scheduling/fair-queue.js';
import { OwnerCounts } from '../platform/scheduling/owner-counts.js';
import type { Store } from '../store/store.js';
import type { CreatedEntry, Scope } from '../store/store-reads.js';
import type { Pos, StoredObject } from '../store/stored-object.js';
import { HeldBack } from './held-back.js';

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
  /**
   * Who an entry counts for: owners take turns, and none of them has all of the memory or of
   * `concurrency`. Without it there is one owner, who may have all.
   */
  readonly ownerOf?: ((entry: StoredObject) => string) | undefined;
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

interface QueuedEntry {
  readonly r: string;
  readonly owner: string;
}

/** Entries in memory with the same ordering key. */
interface EntryGroup {
  readonly name: string;
  readonly waiting: QueuedEntry[];
  timer: Timer | undefined;
  readonly isUrgent: boolean;
}

const page = 100;
const defaultWindow = 10_000;
/**
 * Maximum entries of one ordering key in memory, so that a stuck key does not keep all others out.
 */
const maxPerKey = 16;
/** Free places in memory with which those that are held back of an owner are read on. */
const roomToRead = page;
/** Milliseconds after which an unavailable store is read again. */
export const storeRetry = 1000;

/**
 * A durable queue of entries in the store: each stays until its work is done, across restarts;
 * those with the same ordering key run one after the other, different keys in parallel. It follows
 * the positions of the entries, with a window of them in memory; the bus only wakes it. Entries of a
 * key that has enough in memory are passed by: reading goes on to those of other keys, and comes
 * back to this key, from a position of its own, when its entries in memory are done. Those of an
 * owner who has as many in memory as there is room left are passed by, too: see `HeldBack`.
 */
export class DurableQueue {
  readonly #options: DurableQueueOptions;
  readonly #groups = new Map<string, EntryGroup>();
  /** By the owner of their first entry. */
  readonly #ready = new FairQueue<EntryGroup>();
  readonly #known = new Set<string>();
  /** Entries in memory. */
  readonly #held = new OwnerCounts();
  readonly #running = new OwnerCounts();
  /** Entries in memory and in the store, as far as they were read. */
  readonly #waiting = new OwnerCounts();
  readonly #heldBack: HeldBack;
  readonly #window: number;
  /** Entries of one owner that are processed at once. */
  readonly #mostOfOwner: number;
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
  /**
   * Pages of the store: those never read, those for a starved key, and those for an owner with room.
   * Each begins to read, unless there is nothing to read.
   */
  readonly #kindsOfReads: readonly (() => (() => Promise<void>) | undefined)[] = [
    () => (this.#mayHaveMore ? () => this.#readNew() : undefined),
    () => {
      const [starved] = this.#starved;
      return starved === undefined ? undefined : () => this.#refill(starved);
    },
    () => {
      const holder = this.#heldBack.next((owner) => this.#mayReadOn(owner));
      return holder === undefined ? undefined : () => this.#readHeldBack(holder);
    },
  ];
  /** The other kinds have their turn before it. */
  #lastKind = 0;
  #pending = 0;
  #reading = false;
  #retry: Timer | undefined;
  #stopListening: (() => void) | undefined;
  #closed = false;

  constructor(options: DurableQueueOptions) {
    this.#options = options;
    this.#prefix = collectionR(options.scope);
    this.#heldBack = new HeldBack(options.platform.random);
    const { concurrency, ownerOf, window = defaultWindow } = options;
    this.#window = window;
    this.#mostOfOwner = ownerOf ? concurrency - Math.round(concurrency / 8) : concurrency;
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
    return this.#known.size === 0 && this.#passedBy.size === 0 && this.#heldBack.size === 0;
  }

  /**
   * True where so many wait that no more of this owner should be added: `limit` in all, except for
   * those who have less than an equal part of it.
   */
  isFullFor(owner: string, limit: number): boolean {
    if (this.pending < limit) return false;
    const own = this.#waiting.of(owner);
    const owners = this.#waiting.owners + (own === 0 ? 1 : 0);
    return own * owners >= limit || this.pending >= 2 * limit;
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
      await Promise.all(urgent.map((entry) => this.#begin(this.#newGroup(entry.r, entry))));
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
    while (this.#working.size < this.#options.concurrency) {
      const group = this.#ready.shift();
      if (!group) break;
      void this.#begin(group);
    }
    if (!this.#reading && !this.#retry && this.#known.size < this.#window) this.#readOn();
  }

  /** One page, of each kind in turn. */
  #readOn(): void {
    const kinds = this.#kindsOfReads;
    for (let tried = 0; tried < kinds.length; tried++) {
      this.#lastKind = (this.#lastKind + 1) % kinds.length;
      const page = kinds[this.#lastKind]?.();
      if (!page) continue;
      void this.#read(page);
      return;
    }
  }

  /** How many more entries of this owner memory has room for: with them it has as many as are left free. */
  #roomOf(owner: string): number {
    if (!this.#options.ownerOf) return Number.POSITIVE_INFINITY;
    const free = this.#window - this.#known.size;
    const held = this.#held.of(owner);
    const room = Math.floor((free - held) / 2);
    return held === 0 && free > 0 ? Math.max(1, room) : room;
  }

  #mayReadOn(owner: string): boolean {
    const room = this.#roomOf(owner);
    const enough = Math.min(roomToRead, this.#window / 8);
    return room >= enough || (room > 0 && this.#held.of(owner) === 0);
  }

  /** Resolves when the first entry of the group was tried. */
  async #begin(group: EntryGroup): Promise<void> {
    const [entry] = group.waiting;
    if (entry === undefined || this.#closed) return;
    this.#running.add(entry.owner, 1);
    if (this.#running.of(entry.owner) >= this.#mostOfOwner) this.#ready.pause(entry.owner);
    const work = this.#attempt(entry.r).then((attempt) => {
      this.#working.delete(work);
      this.#running.add(entry.owner, -1);
      this.#ready.resume(entry.owner);
      if (attempt.kind === 'done') this.#complete(group, entry);
      else this.#schedule(group, attempt.after);
      this.#pump();
    });
    this.#working.add(work);
    await work;
  }

  #makeReady(group: EntryGroup): void {
    if (group.isUrgent) void this.#begin(group);
    else this.#ready.push(group.waiting[0]?.owner ?? '', group);
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

  #complete(group: EntryGroup, { r, owner }: QueuedEntry): void {
    group.waiting.shift();
    this.#pending -= 1;
    this.#known.delete(r);
    this.#held.add(owner, -1);
    this.#waiting.add(owner, -1);
    if (this.#reading) this.#ended.add(r);
    if (group.waiting.length > 0) this.#makeReady(group);
    else if (this.#passedBy.has(group.name)) this.#starved.add(group.name);
    else this.#groups.delete(group.name);
  }

  #schedule(group: EntryGroup, after: number): void {
    if (this.#closed) return;
    if (after <= 0) {
      this.#makeReady(group);
      return;
    }
    group.timer = this.#options.platform.timers.after(after, () => {
      group.timer = undefined;
      this.#makeReady(group);
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
      this.#waiting.clear();
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

  /** Reads on for an owner, and for all others whose entries begin in the same stretch or after it. */
  async #readHeldBack(holder: string): Promise<void> {
    const { store, scope } = this.#options;
    const from = this.#heldBack.firstOf(holder);
    const { entries, through } = await store.created(scope, from - 1, page);
    const covered = this.#heldBack.from(from);
    const end = Math.min(through, this.#through);
    for (const { object, pos } of entries) {
      const { r } = object;
      const name = this.#keyOf(object);
      if (pos > end) break;
      if (this.#known.has(r) || this.#ended.has(r) || this.#passedBy.has(name)) continue;
      const owner = this.#heldBack.holderOf(this.#ownerOf(object), name);
      if (owner === undefined || !covered.has(owner)) continue;
      if (this.#roomOf(owner) < 1) {
        this.#heldBack.moveTo(owner, pos);
        covered.delete(owner);
      } else if (!this.#take(name, object)) this.#passedBy.set(name, pos);
    }
    for (const owner of covered) this.#heldBack.moveTo(owner, end + 1);
  }

  #enqueue({ object, pos }: CreatedEntry): void {
    if (this.#known.has(object.r) || this.#ended.has(object.r)) return;
    const name = this.#keyOf(object);
    const owner = this.#ownerOf(object);
    this.#waiting.add(owner, 1);
    if (this.#passedBy.has(name)) return;
    const holder = this.#heldBack.holderOf(owner, name);
    if (holder !== undefined) this.#heldBack.hold(holder, name, pos);
    else if (this.#roomOf(owner) < 1) this.#heldBack.hold(owner, name, pos);
    else if (!this.#take(name, object)) this.#passedBy.set(name, pos);
  }

  /** False where enough of the key are in memory. */
  #take(name: string, entry: StoredObject): boolean {
    const group = this.#groups.get(name);
    if (group && group.waiting.length >= maxPerKey) return false;
    if (group && group.waiting.length > 0) {
      group.waiting.push(this.#remember(entry));
      return true;
    }
    this.#starved.delete(name);
    this.#schedule(this.#newGroup(name, entry), this.#options.notBefore?.(entry) ?? 0);
    return true;
  }

  #newGroup(name: string, entry: StoredObject): EntryGroup {
    const isUrgent = this.#options.isUrgent?.(entry) ?? false;
    const group = { name, waiting: [this.#remember(entry)], timer: undefined, isUrgent };
    this.#groups.set(name, group);
    return group;
  }

  #remember(entry: StoredObject): QueuedEntry {
    const owner = this.#ownerOf(entry);
    this.#known.add(entry.r);
    this.#held.add(owner, 1);
    return { r: entry.r, owner };
  }

  #ownerOf(entry: StoredObject): string {
    return this.#options.ownerOf?.(entry) ?? '';
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

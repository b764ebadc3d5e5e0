import { namesOf } from '@really/protocol';
import { LRUCache } from 'lru-cache';
import type { Limits } from '../platform/limits.js';
import type { Store } from '../store/store.js';
import type { StoredObject } from '../store/stored-object.js';
import { estimateBytes } from './estimate-bytes.js';

/**
 * The committed state of objects, the most recently used in memory. Where the store has other
 * writers, the cache serves only updates (their commit detects a stale base), and reads go to the
 * store.
 */
export class ObjectCache {
  readonly #store: Store;
  readonly #cache: LRUCache<string, StoredObject>;
  /** Reads of the store, unless a commit has overtaken them: what they find may be stale then. */
  readonly #loads = new Map<string, Promise<StoredObject | undefined>>();
  /**
   * Objects that were looked for and are not deleted, such as the parents of new ones: they are not
   * loaded for that. May miss a deletion, which the commit sees.
   */
  readonly #living = new LRUCache<string, true>({
    max: 10_000,
    maxSize: 1024 * 1024,
    sizeCalculation: (_, r) => 100 + r.length,
  });

  constructor(store: Store, limits: Pick<Limits, 'cachedObjects' | 'cacheBytes'>) {
    this.#store = store;
    this.#cache = new LRUCache({
      max: limits.cachedObjects,
      maxSize: limits.cacheBytes,
      sizeCalculation: (object) => 200 + object.r.length + estimateBytes(object.data),
    });
  }

  get count(): number {
    return this.#cache.size;
  }

  get bytes(): number {
    return this.#cache.calculatedSize;
  }

  /** The state with every commit that was answered before the call. */
  async read(r: string): Promise<StoredObject | undefined> {
    if (!this.#store.isSoleWriter) return await this.#store.get(r);
    return this.#cache.get(r) ?? (await this.#load(r));
  }

  /** As `read` for each, in the order requested. */
  async readMany(rs: readonly string[]): Promise<(StoredObject | undefined)[]> {
    if (rs.length === 0) return [];
    if (!this.#store.isSoleWriter) return await this.#store.getMany(rs);
    const found = rs.map((r) => this.#cache.get(r));
    if (!found.includes(undefined)) return found;
    const missing = rs.filter((_, index) => !found[index]);
    this.#beginLoads(missing.filter((r) => !this.#loads.has(r)));
    const loaded = await Promise.all(missing.map((r) => this.#load(r)));
    let next = 0;
    return found.map((object) => object ?? loaded[next++]);
  }

  /** As `readMany`, with a pause after each if they are not all in memory. */
  async readInTurn(
    rs: readonly string[],
    pause: () => Promise<void> | undefined,
  ): Promise<(StoredObject | undefined)[]> {
    const known = this.inMemory(rs);
    if (known) return known;
    const found: (StoredObject | undefined)[] = [];
    for (const r of rs) {
      found.push(await this.read(r));
      const paused = pause();
      if (paused) await paused;
    }
    return found;
  }

  /** As `readMany`, but only whether each of them exists and is not deleted. */
  async areLiving(rs: readonly string[]): Promise<boolean[]> {
    if (!this.#store.isSoleWriter) return await this.#store.areLiving(rs);
    const known = rs.map((r) => this.#isKnownLiving(r));
    const unknown = rs.filter((_, index) => known[index] === undefined);
    const found = unknown.length > 0 ? await this.#store.areLiving(unknown) : [];
    for (const [index, r] of unknown.entries()) if (found[index]) this.#living.set(r, true);
    let next = 0;
    return known.map((isLiving) => isLiving ?? found[next++] ?? false);
  }

  /** As `readMany`, if they are in memory, and no other writer can have replaced them. */
  inMemory(rs: readonly string[]): StoredObject[] | undefined {
    if (!this.#store.isSoleWriter) return undefined;
    const found: StoredObject[] = [];
    for (const r of rs) {
      const object = this.#cache.get(r);
      if (object === undefined) return undefined;
      found.push(object);
    }
    return found;
  }

  /** The object, or what was committed of it since, as far as that is in memory. */
  newest(object: StoredObject): StoredObject {
    const known = this.#cache.peek(object.r);
    return known !== undefined && known.rev > object.rev ? known : object;
  }

  /** As `base`, if it is in memory. */
  known(r: string): StoredObject | undefined {
    return this.#cache.get(r);
  }

  /** The state that a write builds on; may be stale where the store has other writers. */
  async base(r: string): Promise<StoredObject | undefined> {
    return this.#cache.get(r) ?? (await this.#load(r));
  }

  /** Caches a committed state. */
  committed(object: StoredObject): void {
    this.#overtake(object.r);
    this.#cache.set(object.r, object);
  }

  /** Forgets an object, so that the next read goes to the store. */
  forget(r: string): void {
    this.#overtake(r);
    this.#cache.delete(r);
  }

  /** As `forget`, for all objects of these collections: `users`, `users/posts`. */
  forgetCollections(collections: ReadonlySet<string>): void {
    for (const r of [...this.#cache.keys(), ...this.#loads.keys()]) {
      if (collections.has(namesOf(r).join('/'))) this.forget(r);
    }
  }

  /** As `forget`, for all objects. */
  clear(): void {
    this.#loads.clear();
    this.#living.clear();
    this.#cache.clear();
  }

  #isKnownLiving(r: string): boolean | undefined {
    const object = this.#cache.peek(r);
    return object ? !object.deleted : this.#living.get(r);
  }

  #overtake(r: string): void {
    this.#living.delete(r);
    this.#loads.delete(r);
  }

  #load(r: string): Promise<StoredObject | undefined> {
    return this.#loads.get(r) ?? this.#track(r, this.#store.get(r));
  }

  /** Loads these in one read. */
  #beginLoads(rs: readonly string[]): void {
    const unique = [...new Set(rs)];
    if (unique.length === 0) return;
    const answer = this.#store.getMany(unique);
    for (const [index, r] of unique.entries()) {
      const object = answer.then((objects) => objects[index]);
      void this.#track(r, object);
    }
  }

  #track(r: string, answer: Promise<StoredObject | undefined>): Promise<StoredObject | undefined> {
    const finish = (object: StoredObject | undefined) => {
      if (this.#loads.get(r) !== load) return;
      this.#loads.delete(r);
      if (object) this.#cache.set(r, object);
    };
    const load = answer.then(
      (object) => {
        finish(object);
        return object;
      },
      (error: unknown) => {
        finish(undefined);
        throw error;
      },
    );
    this.#loads.set(r, load);
    return load;
  }
}

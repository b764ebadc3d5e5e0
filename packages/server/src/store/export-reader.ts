import type { ObjectWithHistory, Pos } from './store.js';

/**
 * The other half of the store port: reads all that a store holds, for copies of it. It needs no claim to
 * the store: another process may write meanwhile. Every answer is from one moment, two answers are not;
 * what `altered` tells brings earlier ones up to date. Rejects as `Store` does.
 */
export interface ExportReader {
  state(): Promise<StoreState>;

  /** Every collection that was ever prepared or written, sorted by its names joined with `/`. */
  collections(): Promise<CollectionSize[]>;

  /** The objects of a collection, tombstones included, ascending by id and then by R. */
  slice(wanted: SliceRequest): Promise<CollectionSlice>;

  /**
   * The objects that were written after position `after`, each once and as it is now, from at most `limit`
   * changes. What was erased since is left out.
   */
  altered(after: Pos, limit: number, history: boolean): Promise<AlteredObjects>;

  /** Everything after it is unavailable. */
  close(): Promise<void>;
}

export interface StoreState {
  /** As `Store.position` and `Store.newest`, of one moment. */
  readonly position: Pos;
  readonly newest: number;
}

export interface CollectionSize {
  readonly names: readonly string[];
  /** Tombstones included. */
  readonly objects: number;
}

export interface SliceRequest {
  readonly names: readonly string[];
  /** Only what comes after the object with this R, which need not be there any more. */
  readonly after?: string | undefined;
  /** At most so many; an adapter may answer with fewer of them, so that an answer stays small. */
  readonly limit: number;
  /** Whether histories are wanted; they are empty otherwise. */
  readonly history: boolean;
}

export interface CollectionSlice {
  readonly entries: readonly ObjectWithHistory[];
  /** False where this was the end of the collection. */
  readonly more: boolean;
}

export interface AlteredObjects {
  readonly entries: readonly ObjectWithHistory[];
  /** The position up to which the answer is complete, save for what was lost. */
  readonly through: Pos;
  /** False where that is the position of the store. */
  readonly more: boolean;
  /** Collections of which changes after `after` were pruned by their age: any object of theirs may have changed. */
  readonly lost: readonly (readonly string[])[];
}

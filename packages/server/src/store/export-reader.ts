import type { ObjectWithHistory, Pos } from './stored-object.js';

/**
 * The second part of the store port: reads everything that a store holds, for copies of it. It
 * needs no lock: another process may write meanwhile. Every result is from one moment, two results
 * are not; `altered` brings earlier ones up to date. Rejects as `Store` does.
 */
export interface ExportReader {
  state(): Promise<StoreState>;

  /** Every collection ever prepared or written, sorted by its names joined with `/`. */
  collections(): Promise<CollectionSize[]>;

  /** The objects of a collection, tombstones included, ascending by id and then by R. */
  slice(wanted: SliceRequest): Promise<CollectionSlice>;

  /**
   * Objects written after position `after`, each once in its current state, from at most `limit`
   * changes. Omits objects erased since.
   */
  altered(after: Pos, limit: number, history: boolean): Promise<AlteredObjects>;

  /** Later calls reject with `StoreUnavailable`. */
  close(): Promise<void>;
}

export interface StoreState {
  /** As `Store.position` and `Store.latestChangeTime`, from one moment. */
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
  /** Only objects after the one with this R, which need not exist any more. */
  readonly after?: string | undefined;
  /** Maximum number; an adapter may return fewer, so that a result stays small. */
  readonly limit: number;
  /** Whether to include histories; they are empty otherwise. */
  readonly history: boolean;
}

export interface CollectionSlice {
  readonly entries: readonly ObjectWithHistory[];
  /** False at the end of the collection. */
  readonly more: boolean;
}

export interface AlteredObjects {
  readonly entries: readonly ObjectWithHistory[];
  /** The position up to which the result is complete, except for `lost`. */
  readonly through: Pos;
  /** False where that is the position of the store. */
  readonly more: boolean;
  /**
   * Collections whose changes after `after` were pruned by age: any of their objects may have
   * changed.
   */
  readonly lost: readonly (readonly string[])[];
}

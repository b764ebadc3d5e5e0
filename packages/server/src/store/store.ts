import type { CollectionLayout, StoredFieldType } from './collection-layout.js';
import type {
  Changes,
  Created,
  Dependency,
  Dependents,
  DependentsPage,
  History,
  Outdated,
  Query,
  ReadOptions,
  Scope,
} from './store-reads.js';
import type { Pos, StoredObject } from './stored-object.js';
import type {
  GroupOutcome,
  Migration,
  MigrationOutcome,
  OnceRecord,
  RestoredObject,
  RestoreOutcome,
  WriteGroup,
} from './write-group.js';

/**
 * The store port: durable objects, their history, and the once-keys of answered commands.
 *
 * An adapter is correct when it passes `store.contract.ts`. All methods may be called at any time
 * between `open` and `close`, concurrently. They reject with `StoreUnavailable` when the store
 * cannot serve now (disk full, connection lost): nothing was written then, except where it is
 * `OutcomeUnknown`, and a later call may work. Any other rejection is a bug.
 */
export interface Store {
  /** True where this process is the only writer, so that its caches are always current. */
  readonly isSoleWriter: boolean;

  /** Identifies the store, see `Epoch`. Changes only where `restore` replaces objects. */
  readonly epoch: Epoch;

  /**
   * Prepares these collections: creates missing tables and indexes, and drops indexes that their
   * models no longer declare. Called before the first read or write and again after a reload.
   * Rejects with `UniqueClash` where stored objects forbid a new unique index, and changes nothing
   * then. A collection that was never prepared has no indexes and the default retention. A changed
   * model version takes its own position.
   */
  prepare(collections: readonly CollectionLayout[]): Promise<void>;

  /** The object as of the last commit, or its tombstone; `undefined` where it never existed. */
  get(r: string): Promise<StoredObject | undefined>;
  /** As `get`, in the order requested, all from one moment. */
  getMany(rs: readonly string[]): Promise<(StoredObject | undefined)[]>;
  /**
   * Whether each of these objects exists and is not deleted, in the order requested, all from one
   * moment. Takes no longer for large objects than for small ones.
   */
  areLiving(rs: readonly string[]): Promise<boolean[]>;

  /**
   * Applies the groups in order, and the writes of each in their order, each checked against the
   * state that the ones before it left, in one transaction. Of a group all writes are applied or
   * none: a refused write undoes its group, and does not stop the other groups. One object may be
   * written several times in a group, revision by revision. Positions follow the order of the
   * writes. When the promise resolves, every `committed` group is on disk (fsync). Commits take
   * effect in the order of the calls.
   *
   * A group is checked in this order: its once-key, what it erases, then write by write its
   * revision, what it was decided by, what it requires and what must not depend on it (in their order), then unique fields (in the order of the layout).
   * Unique fields are checked on the result of the whole group, so that values may move within it:
   * refused is the last write of the first object, in this order, whose value belongs to an earlier
   * object of the group or to one outside it. Values of unique fields are equal where they are
   * deeply equal; objects without a field of the index do not count, nor do deleted ones, nor those of a model
   * version below the layout's `currentFrom`.
   */
  commit(groups: readonly WriteGroup[]): Promise<GroupOutcome[]>;

  /**
   * Adds objects with their histories from another store, all of them or none, in one transaction:
   * revisions, times and model versions stay as they are, positions are new, in the order of the
   * entries. The history of a living object begins with the creation and ends with the unpruned
   * revisions up to the object's, without a gap; that of a deleted one is the deletion alone, or
   * empty where that was pruned. An existing object refuses its entry as a `conflict`, unless the
   * entry replaces it with all its history. For earlier positions, `changes` of these collections
   * is `gone`.
   *
   * `newest` is the other store's latest change time: this store's is no less afterwards.
   *
   * Revisions of another store are added, so the epoch is not the first any more. Where an object
   * is replaced, its revisions change their meaning, and the store has a new epoch.
   */
  restore(entries: readonly RestoredObject[], newest: number): Promise<RestoreOutcome>;

  /**
   * One page of a collection. Sees everything committed before the call. Rejects with
   * `QueryTimeout` when its time is up, and stops its work then. See `ReadOptions`.
   */
  query(query: Query): Promise<StoredObject[]>;
  /** Number of matching objects; ignores `order`, `from`, `skip` and `limit` of the query. */
  count(query: Query): Promise<number>;

  /**
   * The object and its history after revision `after`, from one moment. `entries` ascend by rev
   * without a gap from `after + 1`, at most `limit` of them, and about as many as `historyPageSize`
   * says; where the stored history does not
   * reach back that far (pruned, or scrubbed by a delete), `complete` is false and `entries` empty.
   * A deleted object has only its deletion. For an object that never existed, nothing is missing.
   * With `options` it rejects as `query` does, and so do the two below.
   */
  history(r: string, after: number, limit: number, options?: ReadOptions): Promise<History>;

  /**
   * Creations in a collection after position `after`, ascending, at most `limit`, and about as many
   * as `readPageSize` says: `more` where one of these ended the page. `through` is the position
   * up to which the result is complete: without `more` it is the position of the store at the
   * moment of reading. Omits objects deleted since. `gone` where the
   * store no longer has everything since then, or never had that position. A creation is kept as
   * long as its object lives, whatever the retention.
   */
  created(scope: Scope, after: Pos, limit: number, options?: ReadOptions): Promise<Created>;

  /**
   * All changes of objects in a scope after position `after`, ascending, at most `limit`, and about
   * as many as `readPageSize` says: `more` where that ended the page. `through` and `gone` as for
   * `created`. A deleted object has only its deletion. Also `gone` where the history of any object
   * of the collection was cut off after that position.
   */
  changes(scope: Scope, after: Pos, limit: number, options?: ReadOptions): Promise<Changes>;

  /**
   * Living objects of a collection with a model version below `version`, in a stable order, after a
   * place in it (0: from the beginning), at most `limit`. Almost free once `migrated` has reported
   * that there are none.
   */
  outdated(
    names: readonly string[],
    version: number,
    after: number,
    limit: number,
  ): Promise<Outdated>;
  /** Number of objects that `outdated` would find in all. */
  countOutdated(names: readonly string[], version: number): Promise<number>;
  /**
   * Gives objects other data and another model version, one by one, in the order of `objects`; on
   * disk when the promise resolves. Revisions, positions and histories stay as they are. Ordered
   * among the commits.
   */
  migrate(objects: readonly Migration[]): Promise<MigrationOutcome[]>;
  /**
   * Reports that no living object of the collection is below this model version; writes below it
   * undo that by themselves.
   */
  migrated(names: readonly string[], version: number): Promise<void>;

  /**
   * Whether any living object of a collection has, in one of these fields, a value of another type
   * (null counts, a missing value does not). Almost free for the `types` of the collection's
   * layout.
   */
  mistyped(names: readonly string[], types: readonly StoredFieldType[]): Promise<boolean>;

  /**
   * Living objects that depend on an object in one way, each once, in a stable order: at most
   * `limit` of them, after the place that an earlier page had as `next`. Sees everything committed
   * before the call, and takes no longer for a large collection than for a small one. Reads the
   * objects as stored, whatever the version of their model.
   */
  dependents(r: string, dependency: Dependency, page: DependentsPage): Promise<Dependents>;

  /** The position of the last commit; 0 in an empty store. */
  position(): Promise<Pos>;

  /**
   * The greatest `at` of any change ever committed (a lower bound will do where that one was
   * pruned); 0 in an empty store. Ids of a restarted server begin after it.
   */
  latestChangeTime(): Promise<number>;

  /** The record of a command with this once-key, within the window. */
  once(uid: string, id: string): Promise<OnceRecord | undefined>;

  /**
   * Resolves when the store can read, and could write when it last tried. Rejects with
   * `WritesUnavailable` where it could not.
   */
  ping(): Promise<void>;
  /**
   * Finishes the commits in progress; queries are abandoned. Later calls reject with
   * `StoreUnavailable`.
   */
  close(): Promise<void>;
}

/**
 * A revision or position has a meaning only in the store that issued it. A store gets a new epoch
 * when it may issue numbers again that it issued before: it was restored from a backup, or lacks
 * changes that its mark file has recorded. Stays the same when a store is closed and opened.
 */
export interface Epoch {
  /** 16 hexadecimal digits, random. Sent to clients. */
  readonly id: string;
  /**
   * Random, as long-lived as `id`, and never disclosed: digests keyed with it cannot be computed
   * elsewhere.
   */
  readonly secret: string;
  /** True where every revision ever issued for its objects is of this epoch. */
  readonly isFirst: boolean;
}

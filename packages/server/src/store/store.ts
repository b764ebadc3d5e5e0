import type { Actor, Delta, JsonObject, JsonValue, RqlExpression } from '@really/protocol';

/**
 * The store port: durable objects, their history, and the once-keys of answered commands.
 *
 * An adapter is correct when it passes `store.contract.ts`. All methods may be called at any time
 * between `open` and `close`, concurrently. They reject with `StoreUnavailable` when the store
 * cannot serve now (disk full, connection lost): nothing was written then, and a later call may
 * work. Any other rejection is a bug.
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
   * Applies the groups in order, and the writes of each in their order, each checked against the
   * state that the ones before it left, in one transaction. Of a group all writes are applied or
   * none: a refused write undoes its group, and does not stop the other groups. One object may be
   * written several times in a group, revision by revision. Positions follow the order of the
   * writes. When the promise resolves, every `committed` group is on disk (fsync). Commits take
   * effect in the order of the calls.
   *
   * A group is checked in this order: its once-key, what it erases, then write by write its
   * revision and what it requires (in its order), then unique fields (in the order of the layout).
   * Unique fields are checked on the result of the whole group, so that values may move within it:
   * refused is the last write of the first object, in this order, whose value belongs to an earlier
   * object of the group or to one outside it. Values of unique fields are equal where they are
   * deeply equal; objects without the field do not count, nor do deleted ones, nor those of a model
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
   * without a gap from `after + 1`, at most `limit` of them; where the stored history does not
   * reach back that far (pruned, or scrubbed by a delete), `complete` is false and `entries` empty.
   * A deleted object has only its deletion. For an object that never existed, nothing is missing.
   * With `options` it rejects as `query` does, and so do the two below.
   */
  history(r: string, after: number, limit: number, options?: ReadOptions): Promise<History>;

  /**
   * Creations in a collection after position `after`, ascending, at most `limit`. `through` is the
   * position up to which the result is complete: where `entries` are fewer than `limit` it is the
   * position of the store at the moment of reading. Omits objects deleted since. `gone` where the
   * store no longer has everything since then, or never had that position. A creation is kept as
   * long as its object lives, whatever the retention.
   */
  created(scope: Scope, after: Pos, limit: number, options?: ReadOptions): Promise<Created>;

  /**
   * All changes of objects in a scope after position `after`, ascending, at most `limit`; `through`
   * and `gone` as for `created`. A deleted object has only its deletion. Also `gone` where the
   * history of any object of the collection was cut off after that position.
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

  /** The position of the last commit; 0 in an empty store. */
  position(): Promise<Pos>;

  /**
   * The greatest `at` of any change ever committed (a lower bound will do where that one was
   * pruned); 0 in an empty store. Ids of a restarted server begin after it.
   */
  newest(): Promise<number>;

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

/** A position in the store's log of changes: an integer that grows with every change. 0 is before the first. */
export type Pos = number;

export interface StoredObject {
  /** Printed R, `/users/1/posts/2`. */
  readonly r: string;
  /** 1, 2, 3 … */
  readonly rev: number;
  /** Value, reference and calculated fields; `{}` where deleted. No `_` members. */
  readonly data: JsonObject;
  /**
   * Top-level field to the revision that last touched it. Absent fields were last touched by the
   * creation, 1.
   */
  readonly touched: Readonly<Record<string, number>>;
  readonly deleted: boolean;
  readonly modelVersion: number;
}

/** One revision of one object, as stored in the history and sent to subscribers. */
export interface Change {
  readonly r: string;
  readonly rev: number;
  readonly type: 'create' | 'update' | 'delete';
  /**
   * update: the delta of a push, by key, several ops on one field folded, calculated fields
   * included. Else `{}`.
   */
  readonly delta: Delta;
  /**
   * The fields that this change touched, each with the revision that had touched it before (update
   * only).
   */
  readonly touched: Readonly<Record<string, number>>;
  /** create: the data as created. Else null. */
  readonly created: JsonObject | null;
  /** The author, with only the public members of the token's data. */
  readonly by: Actor;
  readonly modelVersion: number;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  /**
   * The id of its group's once-key: only for connections of the author. Reads include it as long as
   * the key is remembered, and perhaps longer; ignored in a `Write`.
   */
  readonly once?: string | undefined;
}

/** A change that is on disk, with its position and the object as it left it. */
export interface CommittedChange extends Change {
  readonly pos: Pos;
  readonly object: StoredObject;
  /**
   * Trace of the command that made it: W3C's `traceparent`, for receivers of the change. Not
   * stored.
   */
  readonly trace?: string | undefined;
}

export interface Write {
  readonly change: Change;
  /**
   * The object as this write leaves it. Its rev is `change.rev`; the write is refused unless the
   * stored rev is one less (0: no object).
   */
  readonly object: StoredObject;
  /** Objects that must exist, undeleted, at the commit: the parent, new references. */
  readonly requires: readonly string[];
}

/** Writes that are applied together or not at all. */
export interface WriteGroup {
  /** At least one, unless something is erased. */
  readonly writes: readonly Write[];
  /**
   * System objects that are no longer needed, by R: they and their history are removed from the
   * store as if they had never existed, and take no position. The group is refused as `missing`
   * where one of them does not exist, with the number of its writes as the index. The group must
   * not write them.
   */
  readonly erases?: readonly string[] | undefined;
  /** Refuses the group where the key is known already, and is remembered with it. */
  readonly once?: OnceKey | undefined;
}

/** An object with all that is kept of its history, ascending by revision. */
export interface ObjectWithHistory {
  readonly object: StoredObject;
  readonly history: readonly Change[];
}

export interface RestoredObject extends ObjectWithHistory {
  /** Replaces an existing object. */
  readonly replaces: boolean;
}

export type RestoreOutcome =
  | { readonly kind: 'restored' }
  /** `index` is that of the refused entry. */
  | { readonly kind: 'refused'; readonly index: number; readonly refusal: WriteRefusal };

export interface OnceKey {
  readonly uid: string;
  readonly id: string;
  readonly cmd: string;
  /** The R of the request as printed: the collection for a create without an id. */
  readonly r: string;
}

export interface OnceRecord extends OnceKey {
  /** One for each write of the group, in its order. */
  readonly results: readonly OnceResult[];
}

export interface OnceResult {
  readonly r: string;
  readonly rev: number;
}

export type GroupOutcome =
  /** One position for each write. */
  | { readonly kind: 'committed'; readonly positions: readonly Pos[] }
  /** `index` is that of the refused write. */
  | { readonly kind: 'refused'; readonly index: number; readonly refusal: WriteRefusal }
  /** The once-key is known already; `first` is the command that used it. */
  | { readonly kind: 'repeated'; readonly first: OnceRecord };

/** Why a write was refused. */
export type WriteRefusal =
  /**
   * The stored revision is not `change.rev - 1`, or the object is deleted, which no write can
   * follow. `rev` is 0 where there is no object. Also the result of a create on a taken R.
   */
  | { readonly kind: 'conflict'; readonly rev: number; readonly deleted: boolean }
  /** A required object is missing or deleted. */
  | { readonly kind: 'missing'; readonly r: string }
  /** Another object of the collection has this value in a unique field. */
  | { readonly kind: 'unique'; readonly field: string };

/** The declared type of a top-level field, as values compare. */
export interface StoredFieldType {
  readonly field: string;
  readonly type: 'text' | 'number' | 'boolean';
}

/** The part of a model that the store needs. */
export interface CollectionLayout {
  /** `['users', 'posts']` for the posts of users. */
  readonly names: readonly string[];
  /**
   * Version of the model that the layout is of. Where it increases, every position up to then is
   * `gone` for `changes`.
   */
  readonly modelVersion?: number | undefined;
  /**
   * The model version from which on objects have the current form. Older ones are to be migrated,
   * and their unique fields are not checked until then.
   */
  readonly currentFrom?: number | undefined;
  /** Dotted paths of the fields that get an index. */
  readonly indexes: readonly { readonly field: string; readonly unique: boolean }[];
  /** Fields for which `mistyped` is called often. */
  readonly types?: readonly StoredFieldType[] | undefined;
  /** Revisions kept per object, or the age in ms up to which they are kept. */
  readonly retention: { readonly history?: number | undefined; readonly age?: number | undefined };
}

/** Which objects: a collection, its parents named or wildcards. */
export interface Scope {
  readonly names: readonly string[];
  /** One id for each name but the last; `*` for any. */
  readonly parents: readonly string[];
}

/**
 * Time limit and requester of a read. An adapter serves requesters round-robin, and reserves
 * capacity for quick reads, so that scans do not delay reads by an index (rule LIM13). Waiting for
 * others does not count as a read's own time, but is limited: to three times as long. (With a pool
 * of connections: a queue by requester in front of it, one connection with a `statement_timeout` of
 * some milliseconds on which every read begins, and the others for reads that were interrupted
 * there.)
 */
export interface ReadOptions {
  /** Milliseconds that the store may spend on it. */
  readonly timeout: number;
  /** Reads without a requester share one. */
  readonly asker?: ReadRequester | undefined;
}

/** The requester, across several reads that belong together. */
export interface ReadRequester {
  readonly owner: string;
  /** Milliseconds that they waited for others, in all. The store adds to it. */
  waited: number;
}

export interface Query extends ReadOptions {
  readonly scope: Scope;
  /** Bound: without any `$name`. Evaluated as by `compilePredicate` of the protocol package. */
  readonly filter?: RqlExpression | undefined;
  /** Only objects of this model version or a later one. */
  readonly modelVersion?: number | undefined;
  readonly order: Order;
  /** Only objects strictly after this position in the order. */
  readonly from?: SortPosition | undefined;
  readonly skip?: number | undefined;
  readonly limit: number;
  /** Maximum size of the page; the store may exceed it where it need not check. */
  readonly room?: PageRoom | undefined;
}

/**
 * A page may end early where its objects have this many characters of JSON, with at least one
 * object.
 */
export interface PageRoom {
  readonly size: number;
  /** Set by the store: the page ended early, and there may be more. */
  isCut: boolean;
}

/**
 * Sorted by the value at `field` (`_r`: by the id alone), missing values last in either direction,
 * ties by id and then by R, in the direction of `descending`. See `compareForSort` in the protocol
 * package.
 */
export interface Order {
  /** `_r`, `_rev`, or the dotted path of a field. */
  readonly field: string;
  readonly descending: boolean;
}

/**
 * A position in an order: that of the object with this R and this sort value (`undefined`:
 * missing).
 */
export interface SortPosition {
  readonly value: JsonValue | undefined;
  readonly r: string;
}

export interface History {
  readonly object: StoredObject | undefined;
  readonly entries: readonly Change[];
  readonly complete: boolean;
}

export interface Created {
  readonly entries: readonly CreatedEntry[];
  readonly through: Pos;
  readonly gone: boolean;
}

export interface CreatedEntry {
  readonly pos: Pos;
  readonly change: Change;
  /** The current object, for authorization. */
  readonly object: StoredObject;
}

export interface Changes {
  readonly entries: readonly LoggedChange[];
  readonly through: Pos;
  readonly gone: boolean;
}

export interface Outdated {
  readonly objects: readonly StoredObject[];
  /** Where to go on; `undefined` at the end. */
  readonly next: number | undefined;
}

/** What a migration makes of an object (rule MIG1). */
export interface Migration {
  /** The new state; its `r` and `rev` are those of the stored one, and `touched` is ignored. */
  readonly object: StoredObject;
  /** The model version of the stored object. */
  readonly from: number;
}

export type MigrationOutcome =
  | { readonly kind: 'migrated' }
  /**
   * The stored object has another revision or model version, does not exist, or was deleted:
   * another writer was faster.
   */
  | { readonly kind: 'overtaken' }
  /** Another migrated object of the collection has its value in a unique field. */
  | { readonly kind: 'unique'; readonly field: string };

export interface LoggedChange {
  readonly pos: Pos;
  readonly change: Change;
  /** The current object, a tombstone where it was deleted. */
  readonly object: StoredObject;
}

/** The store cannot serve now; nothing was written. Answered as 503 `server.unavailable`. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}

/**
 * Writes cannot be served now. The message has the reason in a few words, and is public (rule
 * DUR11).
 */
export class WritesUnavailable extends StoreUnavailable {}

/**
 * The store cannot be opened as it is: used by another process, written by a newer version, not a
 * store at all. The message is one line for the operator, who has to act.
 */
export class StoreRefused extends Error {
  override readonly name: string = 'StoreRefused';
  /** It may pass without action: a full disk, or another process's lock. */
  readonly passing: boolean;
  constructor(
    message: string,
    { passing = false, cause }: { passing?: boolean; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.passing = passing;
  }
}

/** Another process has the store open, most likely a server. */
export class StoreInUse extends StoreRefused {
  override readonly name = 'StoreInUse';
  constructor(message: string) {
    super(message, { passing: true });
  }
}

/**
 * The store lacks changes that were committed, and so may have been answered (rule DUR9).
 * `missing`: their number, where known.
 */
export class AnswersMissing extends StoreRefused {
  override readonly name = 'AnswersMissing';
  readonly missing: number | undefined;
  constructor(message: string, missing: number | undefined) {
    super(message);
    this.missing = missing;
  }
}

/** A query used up its time and was stopped. Answered as 503 `server.unavailable`. */
export class QueryTimeout extends Error {
  override readonly name = 'QueryTimeout';
}

/** A new unique index found two stored objects with one value. */
export class UniqueClash extends Error {
  override readonly name = 'UniqueClash';
  readonly collection: string;
  readonly field: string;
  constructor(collection: string, field: string) {
    super(
      `two objects of ${collection} have the same value in ${field}, so it cannot become unique`,
    );
    this.collection = collection;
    this.field = field;
  }
}

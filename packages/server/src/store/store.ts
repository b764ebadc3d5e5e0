import type { Actor, Delta, JsonObject, JsonValue, RqlExpression } from '@really/protocol';

/**
 * The store port: durable objects, their history, and the once-keys of commands that were answered.
 *
 * An adapter is correct when it passes `store.contract.ts`. All methods may be called at any time
 * between `open` and `close`, concurrently. They reject with `StoreUnavailable` when the store can
 * not serve now (disk full, connection lost): nothing was written then, and a later call may work.
 * Any other rejection is a bug.
 */
export interface Store {
  /** True where this process is the only writer, so that what it knows of an object is what is stored. */
  readonly isSoleWriter: boolean;

  /** Which store this is: see `Epoch`. Changes only where `restore` replaces objects. */
  readonly epoch: Epoch;

  /**
   * Makes room for these collections: tables and indexes that are missing are made, indexes of theirs
   * that their models do not ask for any more are dropped. Called before the first read or write and
   * again after a reload. Rejects with `UniqueClash` where stored objects forbid a new unique index;
   * all is as it was then. A collection that was never prepared has no indexes and keeps its history
   * by default. Another version of a model than before takes a position of its own.
   */
  prepare(collections: readonly CollectionLayout[]): Promise<void>;

  /** The object as of the last commit, a tombstone included; `undefined` where there never was one. */
  get(r: string): Promise<StoredObject | undefined>;
  /** As `get`, in the order asked for, all from one moment. */
  getMany(rs: readonly string[]): Promise<(StoredObject | undefined)[]>;

  /**
   * Applies the groups in order, and the writes of each in theirs, each judged against the state that
   * the ones before it left, in one transaction. Of a group all writes are applied or none: one that
   * is refused leaves no trace of its group, and does not stop the other groups. One object may be
   * written several times in a group, revision by revision. Positions follow the order of the writes.
   * When the promise resolves, every `committed` group is on disk (fsync). Commits take effect in the
   * order of the calls.
   *
   * What refuses a group is looked for in this order: its once-key, what it erases, then write by write its revision and
   * what it requires (in its order), then unique fields (in the order of the layout). These are judged by what the whole
   * group leaves, so that values may move within it: refused is the last write of the first object, in the order of these,
   * that has the value of one before it or of one that the group does not write. Values of
   * unique fields are the same where they are deeply equal; objects without the field do not count, nor do deleted
   * ones, nor those of a model version below the layout's `currentFrom`.
   */
  commit(groups: readonly WriteGroup[]): Promise<GroupOutcome[]>;

  /**
   * Takes in objects with their histories as another store held them, all of them or none, in one
   * transaction: revisions, times and model versions stay as they are, positions are new, in the order of
   * the entries. The history of an object that lives begins with the creation and ends with the
   * revisions up to the object's that were not pruned, without a gap; of a deleted one it is the deletion alone, or
   * empty where that was pruned. An object that is there refuses its entry as a `conflict`, unless the entry replaces
   * it with all its history. Who follows one of the collections from a position before is told `gone` by `changes`.
   *
   * `newest` is that of the other store: this one's is no less afterwards.
   *
   * Revisions of another store come in: the epoch is not the first one any more. Where an object is replaced, its revisions
   * begin to mean something else, and the store has a new epoch.
   */
  restore(entries: readonly RestoredObject[], newest: number): Promise<RestoreOutcome>;

  /**
   * One page of a collection. Sees what was committed before the call. Rejects with `QueryTimeout` when
   * its time is up; what it was doing is stopped then. See `Patience`.
   */
  query(query: Query): Promise<StoredObject[]>;
  /** How many objects match; `order`, `from`, `skip` and `limit` of the query are ignored. */
  count(query: Query): Promise<number>;

  /**
   * The object and its history after revision `after`, from one moment. `entries` ascend by rev
   * without a gap from `after + 1` up to at most `limit` of them; where the stored history does not
   * reach back that far (pruned, or scrubbed by a delete), `complete` is false and `entries` empty.
   * Of a deleted object the deletion is left. Where there never was one, nothing is missing.
   * With a `patience` it rejects as `query` does, and so do the two below.
   */
  history(r: string, after: number, limit: number, options?: ReadOptions): Promise<History>;

  /**
   * Creations in a collection after position `after`, ascending, at most `limit`. `through` is the
   * position up to which the answer is complete: where `entries` are fewer than `limit` it is the
   * position of the store at the moment of reading. Objects deleted since are left out.
   * `gone` where the store no longer knows all that happened since, or never had that position.
   * A creation is known as long as its object lives, whatever the retention.
   */
  created(scope: Scope, after: Pos, limit: number, options?: ReadOptions): Promise<Created>;

  /**
   * Everything that happened to objects of a scope after position `after`, ascending, at most `limit`;
   * `through` and `gone` as of `created`. Of a deleted object the deletion alone is left. `gone` also
   * where the history of any object of the collection was cut off behind that position.
   */
  changes(scope: Scope, after: Pos, limit: number, options?: ReadOptions): Promise<Changes>;

  /**
   * Living objects of a collection of a model version below `version`, in a steady order, after a place in it (0: from
   * the beginning), at most `limit`. Costs next to nothing once `migrated` has said that there are none.
   */
  outdated(
    names: readonly string[],
    version: number,
    after: number,
    limit: number,
  ): Promise<Outdated>;
  /** How many `outdated` would find in all. */
  countOutdated(names: readonly string[], version: number): Promise<number>;
  /**
   * Gives objects other data and another model version, each for itself, in the order of `objects`, and on disk when the
   * promise resolves. Revisions, positions and histories stay as they are. Takes its turn among the commits.
   */
  migrate(objects: readonly Migration[]): Promise<MigrationOutcome[]>;
  /** There is no living object of the collection below this model version any more; writes below it take that back by themselves. */
  migrated(names: readonly string[], version: number): Promise<void>;

  /**
   * Whether any living object of a collection has, in one of these fields, a value of another type (null counts as one,
   * a missing value does not). Costs next to nothing for the `types` of the collection's layout.
   */
  mistyped(names: readonly string[], types: readonly StoredFieldType[]): Promise<boolean>;

  /** The position of the last commit; 0 in an empty store. */
  position(): Promise<Pos>;

  /**
   * The greatest `at` of any change that was ever committed (a lower bound will do where that one was
   * pruned); 0 in an empty store. Ids of a server that starts anew begin after it.
   */
  newest(): Promise<number>;

  /** What is remembered of a command that carried this once-key, within the window. */
  once(uid: string, id: string): Promise<OnceRecord | undefined>;

  /** Resolves when the store can read, and could write when it last did. Rejects with `WritesUnavailable` where it could not. */
  ping(): Promise<void>;
  /** Finishes the commits that were begun; queries are given up. Everything after it is unavailable. */
  close(): Promise<void>;
}

/**
 * A revision or position means something only in the store that gave it out. A store has another epoch from the moment
 * at which it may give out numbers again that it gave out before: it was restored from a backup, or is behind what is
 * remembered of it. Stays the same when a store is closed and opened.
 */
export interface Epoch {
  /** 16 hexadecimal digits, random. Clients hear it. */
  readonly id: string;
  /** As random and as old, and never told to anybody: digests that are keyed with it cannot be worked out elsewhere. */
  readonly secret: string;
  /** True where every revision that was ever given out for its objects is of this epoch. */
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
  /** Top-level field to the revision that last touched it. A field that is absent was last touched by the creation, 1. */
  readonly touched: Readonly<Record<string, number>>;
  readonly deleted: boolean;
  readonly modelVersion: number;
}

/** One revision of one object, as it is stored in the history and told to subscribers. */
export interface Change {
  readonly r: string;
  readonly rev: number;
  readonly type: 'create' | 'update' | 'delete';
  /** update: what a push tells, by key, several ops on one field folded, calculated fields included. Else `{}`. */
  readonly delta: Delta;
  /** The fields that this change touched, each with the revision that had touched it before (update only). */
  readonly touched: Readonly<Record<string, number>>;
  /** create: the data as created. Else null. */
  readonly created: JsonObject | null;
  /** Who did it, with only the public members of the token's data. */
  readonly by: Actor;
  readonly modelVersion: number;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  /**
   * The id of the once-key of its group: for connections of the author alone. Reads tell it as long as the key is
   * remembered, and perhaps longer; in a `Write` it is not looked at.
   */
  readonly once?: string | undefined;
}

/** A change that is on disk, with where it stands in the log and the object as it left it. */
export interface CommittedChange extends Change {
  readonly pos: Pos;
  readonly object: StoredObject;
  /** Where the command that made it is traced: W3C's `traceparent`, for those who hear of it. Nobody stores it. */
  readonly trace?: string | undefined;
}

export interface Write {
  readonly change: Change;
  /** The object as this write leaves it. Its rev is `change.rev`; the write is refused unless the stored rev is one less (0: no object). */
  readonly object: StoredObject;
  /** Objects that must exist, undeleted, at the moment of the commit: the parent, new references. */
  readonly requires: readonly string[];
}

/** What is written together or not at all. */
export interface WriteGroup {
  /** One or more; none will do where something is erased. */
  readonly writes: readonly Write[];
  /**
   * Objects of the system that have done their work, by R: they and their history are taken out of the
   * store as if they had never been, and take no position. The group is refused as `missing` where one
   * of them is not there, with the number of its writes as the index. None of them is written by it.
   */
  readonly erases?: readonly string[] | undefined;
  /** Refuses the group where it is known already, and is remembered with it. */
  readonly once?: OnceKey | undefined;
}

/** An object with all that is kept of its history, ascending by revision. */
export interface ObjectWithHistory {
  readonly object: StoredObject;
  readonly history: readonly Change[];
}

export interface RestoredObject extends ObjectWithHistory {
  /** Takes the place of the object that is there, where there is one. */
  readonly replaces: boolean;
}

export type RestoreOutcome =
  | { readonly kind: 'restored' }
  /** `index` is that of the entry that could not be. */
  | { readonly kind: 'refused'; readonly index: number; readonly refusal: WriteRefusal };

export interface OnceKey {
  readonly uid: string;
  readonly id: string;
  readonly cmd: string;
  /** The R of the request as printed: the collection for a create without an id. */
  readonly r: string;
}

export interface OnceRecord extends OnceKey {
  /** What was written under it: one for each write of the group, in its order. */
  readonly results: readonly OnceResult[];
}

export interface OnceResult {
  readonly r: string;
  readonly rev: number;
}

export type GroupOutcome =
  /** One position for each write. */
  | { readonly kind: 'committed'; readonly positions: readonly Pos[] }
  /** `index` is that of the write that could not be. */
  | { readonly kind: 'refused'; readonly index: number; readonly refusal: WriteRefusal }
  /** The once-key is known already; `first` is what it was used for. */
  | { readonly kind: 'repeated'; readonly first: OnceRecord };

/** Why a write could not be. */
export type WriteRefusal =
  /**
   * The stored revision is not `change.rev - 1`, or the object is deleted, after which nothing comes.
   * `rev` is 0 where there is no object. A create on a taken R is this too.
   */
  | { readonly kind: 'conflict'; readonly rev: number; readonly deleted: boolean }
  /** A required object is missing or deleted. */
  | { readonly kind: 'missing'; readonly r: string }
  /** Another object of the collection has this value in a unique field. */
  | { readonly kind: 'unique'; readonly field: string };

/** How the values of a top-level field are expected to compare. */
export interface StoredFieldType {
  readonly field: string;
  readonly type: 'text' | 'number' | 'boolean';
}

/** What the store has to know of a model. */
export interface CollectionLayout {
  /** `['users', 'posts']` for the posts of users. */
  readonly names: readonly string[];
  /**
   * Of the model that the layout is of. Where it is higher than it was, what happened before is told to nobody as it was:
   * for `changes` every position up to then is gone.
   */
  readonly modelVersion?: number | undefined;
  /**
   * The model version from which on objects are as the model has them. Older ones are to be migrated, and what they hold in
   * unique fields by now says nothing of what they will.
   */
  readonly currentFrom?: number | undefined;
  /** Dotted paths of the fields that get an index. */
  readonly indexes: readonly { readonly field: string; readonly unique: boolean }[];
  /** Fields of which it is asked often whether they hold values of another type: see `mistyped`. */
  readonly types?: readonly StoredFieldType[] | undefined;
  /** Revisions kept per object, or the age in ms up to which they are kept. */
  readonly retention: { readonly history?: number | undefined; readonly age?: number | undefined };
}

/** Which objects: a collection, its parents named or wild. */
export interface Scope {
  readonly names: readonly string[];
  /** One id for each name but the last; `*` for any. */
  readonly parents: readonly string[];
}

/**
 * For how long a read may go on, and for whom it is. An adapter lets owners have their turns one after the other, and keeps room
 * for what is quick, so that nobody's read by an index stands behind scans (rule LIM13). Waiting for others is not a read's
 * own time, but it ends: after three times as long. (With a pool of connections: a queue by owner in front of it, one
 * connection of it with a `statement_timeout` of some milliseconds that everything begins on, and the others for what was
 * interrupted there.)
 */
export interface ReadOptions {
  /** Milliseconds that the store may spend on it. */
  readonly timeout: number;
  /** Those who say nothing are one owner. */
  readonly asker?: ReadRequester | undefined;
}

/** Who reads, over several reads that belong together. */
export interface ReadRequester {
  readonly owner: string;
  /** Milliseconds that they waited for others, in all. The store adds to it. */
  waited: number;
}

export interface Query extends ReadOptions {
  readonly scope: Scope;
  /** Bound: no `$name` left in it. Judged as `compilePredicate` of the protocol package judges it. */
  readonly filter?: RqlExpression | undefined;
  /** Only objects of this model version or a later one. */
  readonly modelVersion?: number | undefined;
  readonly order: Order;
  /** Only what comes strictly after this place in the order. */
  readonly from?: SortPosition | undefined;
  readonly skip?: number | undefined;
  readonly limit: number;
  /** How large the page may be; it may be larger where the store has no need to look. */
  readonly room?: PageRoom | undefined;
}

/** A page may end early where its objects have so many characters of JSON, with one at least. */
export interface PageRoom {
  readonly size: number;
  /** Set by the store: the page ended early, and there may be more. */
  isCut: boolean;
}

/**
 * Sorted by the value at `field` (`_r`: by the id alone), missing values last in either direction,
 * ties by id and then by R, in the direction of `descending`. See `compareForSort` in the protocol package.
 */
export interface Order {
  /** `_r`, `_rev`, or the dotted path of a field. */
  readonly field: string;
  readonly descending: boolean;
}

/** A place between two objects of an order: that of the object with this R and this sort value (`undefined`: missing). */
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
  /** The object as it is now: rights are judged by it. */
  readonly object: StoredObject;
}

export interface Changes {
  readonly entries: readonly LoggedChange[];
  readonly through: Pos;
  readonly gone: boolean;
}

export interface Outdated {
  readonly objects: readonly StoredObject[];
  /** The place to go on from; `undefined` where there are no more. */
  readonly next: number | undefined;
}

/** What a migration makes of an object (rule MIG1). */
export interface Migration {
  /** As it is to be; its `r` and `rev` are those of the stored one, and `touched` is not looked at. */
  readonly object: StoredObject;
  /** The model version that the stored one has. */
  readonly from: number;
}

export type MigrationOutcome =
  | { readonly kind: 'migrated' }
  /** The stored object has another revision or model version, or is not there, or was deleted: somebody was faster. */
  | { readonly kind: 'overtaken' }
  /** Another object of the collection that is migrated has its value in a unique field. */
  | { readonly kind: 'unique'; readonly field: string };

export interface LoggedChange {
  readonly pos: Pos;
  readonly change: Change;
  /** The object as it is now, a tombstone where it was deleted. */
  readonly object: StoredObject;
}

/** The store cannot serve now; nothing was written. Answered as 503 `server.unavailable`. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}

/** Writes can not be served now. The message says why in a few words, which anybody may read (rule DUR11). */
export class WritesUnavailable extends StoreUnavailable {}

/**
 * The store cannot be opened as it is: used by another process, written by a newer version, not a
 * store at all. The message is one line for the operator, who has to do something about it.
 */
export class StoreRefused extends Error {
  override readonly name: string = 'StoreRefused';
  /** It may pass by itself: a full disk, a lock of somebody else. */
  readonly passing: boolean;
  constructor(
    message: string,
    { passing = false, cause }: { passing?: boolean; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.passing = passing;
  }
}

/** Another process has the store open: a server, most likely. */
export class StoreInUse extends StoreRefused {
  override readonly name = 'StoreInUse';
  constructor(message: string) {
    super(message, { passing: true });
  }
}

/**
 * The store lacks changes that were committed, and so may have been answered (rule DUR9). `missing`: how many, where that is
 * known.
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

import type {
  Change,
  CollectionLayout,
  Epoch,
  GroupOutcome,
  Migration,
  OnceKey,
  Pos,
  Query,
  RestoredObject,
  RestoreOutcome,
  Scope,
  StoredFieldType,
  Write,
  WriteGroup,
} from '../../store.js';
import type { SqliteConfig } from '../config.js';
import type { PackedFilter } from '../sql/packed-filter.js';
import type { ObjectState } from '../tables/collection-writer.js';

/**
 * A write on its way to the writer thread. JSON goes as text that is stored as it is; a flat tuple of
 * plain values costs a third of what the objects themselves would cost to send.
 */
export type EncodedWrite = readonly [
  type: Change['type'],
  r: string,
  rev: number,
  at: number,
  /** Of the change. */
  modelVersion: number,
  author: string,
  /** Of the change; null where empty. */
  touched: string | null,
  delta: string | null,
  /** True where it is the object's data. */
  created: string | true | null,
  deleted: boolean,
  objectModelVersion: number,
  objectTouched: string,
  data: string,
  requires: readonly string[] | null,
  /** Of its group, where it is the first of it. */
  once: readonly [uid: string, id: string, cmd: string, r: string] | null,
];

export interface EncodedGroups {
  /** Of all groups, one after the other. */
  readonly writes: readonly EncodedWrite[];
  /** How many of them each group has; left out where each has one, as it nearly always is. */
  readonly writeCounts?: readonly number[] | undefined;
  /** What each group erases; left out where none erases anything. Then there are sizes. */
  readonly erases?: readonly (readonly string[])[] | undefined;
}

export function encodeGroups(groups: readonly WriteGroup[]): EncodedGroups {
  const writes = groups.flatMap(({ writes: all, once }) =>
    all.map((write, index) => encodeWrite(write, index === 0 ? once : undefined)),
  );
  const erasing = groups.some(({ erases }) => erases && erases.length > 0);
  if (writes.length === groups.length && !erasing) return { writes };
  const sizes = groups.map((group) => group.writes.length);
  return erasing
    ? { writes, writeCounts: sizes, erases: groups.map(({ erases }) => erases ?? []) }
    : { writes, writeCounts: sizes };
}

function encodeWrite({ change, object, requires }: Write, once: OnceKey | undefined): EncodedWrite {
  return [
    change.type,
    object.r,
    change.rev,
    change.at,
    change.modelVersion,
    JSON.stringify(change.by),
    textUnlessEmpty(change.touched),
    textUnlessEmpty(change.delta),
    createdText(change.created, object.data),
    object.deleted,
    object.modelVersion,
    JSON.stringify(object.touched),
    JSON.stringify(object.data),
    requires.length > 0 ? requires : null,
    once ? [once.uid, once.id, once.cmd, once.r] : null,
  ];
}

function textUnlessEmpty(object: object): string | null {
  for (const _member in object) return JSON.stringify(object);
  return null;
}

function createdText(created: object | null, data: object): string | true | null {
  if (created === null) return null;
  return created === data ? true : JSON.stringify(created);
}

/** A migration on its way to the writer thread. */
export type EncodedMigration = readonly [
  r: string,
  rev: number,
  from: number,
  modelVersion: number,
  data: string,
];

export function encodeMigration({ object, from }: Migration): EncodedMigration {
  return [object.r, object.rev, from, object.modelVersion, JSON.stringify(object.data)];
}

/** An object with its history on its way to the writer thread. */
export interface EncodedObjectWithHistory {
  readonly r: string;
  readonly state: ObjectState;
  /** What they say of the object itself is empty. */
  readonly history: readonly EncodedWrite[];
  readonly replaces: boolean;
}

export function encodeObjectWithHistory({
  object,
  history,
  replaces,
}: RestoredObject): EncodedObjectWithHistory {
  const { r, rev, deleted, modelVersion } = object;
  const bare = { ...object, data: {}, touched: {} };
  return {
    r,
    state: {
      rev,
      deleted,
      modelVersion,
      touched: JSON.stringify(object.touched),
      data: JSON.stringify(object.data),
    },
    history: history.map((change) =>
      encodeWrite({ change, object: bare, requires: [] }, undefined),
    ),
    replaces,
  };
}

/** What the writer thread is asked. It answers in the order of the questions. */
export type WriterRequest =
  /** `force`: also where changes are missing that were committed. */
  | ({
      readonly kind: 'open';
      readonly config: SqliteConfig;
      readonly force: boolean;
      /** The file of its lock is new: somebody else may have the database open all the same. */
      readonly isLockNew: boolean;
    } & FreshEpoch)
  | { readonly kind: 'prepare'; readonly layouts: readonly CollectionLayout[] }
  /** `now`: milliseconds since the epoch. */
  | ({ readonly kind: 'commit'; readonly now: number } & EncodedGroups)
  | { readonly kind: 'migrate'; readonly objects: readonly EncodedMigration[] }
  /** `collection`: `users/posts`. */
  | { readonly kind: 'migrated'; readonly collection: string; readonly version: number }
  | {
      readonly kind: 'restore';
      readonly entries: readonly EncodedObjectWithHistory[];
      readonly newest: number;
      /** The epoch that the store has afterwards where objects are replaced. */
      readonly epoch: Epoch;
    }
  | { readonly kind: 'ping' }
  /** Fails where the log was removed. */
  | { readonly kind: 'look' }
  /** See `checkpoints.ts`. Answered with the `LogSize`. `restart-log` is asked when nobody of this process reads. */
  | { readonly kind: 'finish-log' | 'restart-log' }
  /** `opening`: what the database is called until it is opened again. */
  | { readonly kind: 'close'; readonly opening: string };

/** What the opening found. */
export interface OpenResult {
  readonly upgrades: readonly string[];
  readonly epoch: Epoch;
  /** The epoch is another one than the database had: it is not the one that was closed here. */
  readonly isOther: boolean;
  /** What was missing, where it was opened all the same. */
  readonly cut?: { readonly message: string; readonly missing: number | undefined } | undefined;
}

export interface RestoreResult {
  readonly outcome: RestoreOutcome;
  /** That of the store from now on. */
  readonly epoch: Epoch;
}

/** All committed, at consecutive positions; or what became of each group. */
export type CommitResult = { readonly first: Pos } | { readonly outcomes: readonly GroupOutcome[] };

/** What the writer thread says without being asked: the log has grown, and is to be copied. */
export type WriterNotice = { readonly notice: 'log-due' };

/** What the thread that copies the log is asked. Answered with the `LogSize`. */
export type CheckpointRequest = { readonly kind: 'copy-log' };

/** Pages of the write-ahead log, and how many of them are not in the database yet. */
export interface LogSize {
  readonly pages: number;
  readonly left: number;
}

/** What a reader thread is asked. It answers with JSON text. */
export type ReaderRequest = Asked & {
  /** Milliseconds from now; without it, as long as it takes. */
  readonly timeout?: number | undefined;
  /** Milliseconds after which it gives way where others wait; without it, it never does. */
  readonly quantum?: number | undefined;
};

/** What a reader thread is started with. */
export interface ReaderStart {
  readonly file: string;
  /** One number: how many quick reads wait. */
  readonly waiting: Int32Array;
}

type Asked =
  | { readonly kind: 'query' | 'count'; readonly query: ThreadQuery }
  | {
      readonly kind: 'created' | 'changes';
      readonly scope: Scope;
      readonly after: Pos;
      readonly limit: number;
    }
  | {
      readonly kind: 'count-outdated';
      readonly names: readonly string[];
      readonly version: number;
    }
  | {
      readonly kind: 'mistyped';
      readonly names: readonly string[];
      readonly types: readonly StoredFieldType[];
    }
  | {
      readonly kind: 'outdated';
      readonly names: readonly string[];
      readonly version: number;
      readonly after: Pos;
      readonly limit: number;
    }
  | {
      readonly kind: 'history';
      readonly r: string;
      readonly after: number;
      readonly limit: number;
    };

/** What of a query its thread has to know. */
export interface ThreadQuery extends Omit<Query, 'timeout' | 'asker' | 'room' | 'filter'> {
  readonly filter?: PackedFilter | undefined;
  /** See `PageRoom`. */
  readonly size?: number | undefined;
}
/** Random texts that were made where randomness is: this thread has none. */
export interface FreshEpoch {
  /** The epoch that the store gets where it needs another one. */
  readonly epoch: Epoch;
  /** A name for this opening of the database. */
  readonly opening: string;
}

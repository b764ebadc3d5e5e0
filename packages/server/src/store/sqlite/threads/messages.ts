import type { Actor } from '@really/protocol';
import { jsonText } from '../../../platform/json-texts.js';
import type { CollectionLayout, StoredFieldType } from '../../collection-layout.js';
import type { Epoch } from '../../store.js';
import type { Dependency, Query, Scope } from '../../store-reads.js';
import type { Change, Pos } from '../../stored-object.js';
import type {
  GroupOutcome,
  Migration,
  ObjectRead,
  OnceKey,
  RestoredObject,
  RestoreOutcome,
  Write,
  WriteGroup,
} from '../../write-group.js';
import type { SqliteConfig } from '../config.js';
import type { PackedFilter } from '../sql/packed-filter.js';

/** JSON is sent as it is stored. Cloning a flat tuple costs a third of cloning the objects. */
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
  /** Of its group, on the first write of the group. */
  once: readonly [uid: string, id: string, cmd: string, r: string] | null,
  reads: readonly EncodedRead[] | null,
  cause: string | null,
  noDependents: readonly Dependency[] | null,
];

/** Null fields: all. */
export type EncodedRead = readonly [r: string, rev: number, fields: readonly string[] | null];

export interface EncodedGroups {
  /** Of all groups, one after the other. */
  readonly writes: readonly EncodedWrite[];
  /** Writes per group; omitted where each has one, as is nearly always the case. */
  readonly writeCounts?: readonly number[] | undefined;
  /** What each group erases; omitted where none erases anything. Requires `writeCounts`. */
  readonly erases?: readonly (readonly string[])[] | undefined;
}

export function encodeGroups(groups: readonly WriteGroup[]): EncodedGroups {
  const writes = groups.flatMap(({ writes: all, once }) =>
    all.map((write, index) => encodeWrite(write, index === 0 ? once : undefined)),
  );
  const erasing = groups.some(({ erases }) => erases && erases.length > 0);
  if (writes.length === groups.length && !erasing) return { writes };
  const writeCounts = groups.map((group) => group.writes.length);
  return {
    writes,
    writeCounts,
    erases: erasing ? groups.map(({ erases = [] }) => erases) : undefined,
  };
}

function encodeWrite(
  { change, object, requires, reads, noDependents }: Write,
  once?: OnceKey,
): EncodedWrite {
  return [
    change.type,
    object.r,
    change.rev,
    change.at,
    change.modelVersion,
    authorText(change.by),
    textUnlessEmpty(change.touched),
    textUnlessEmpty(change.delta),
    createdText(change.created, object.data),
    object.deleted,
    object.modelVersion,
    JSON.stringify(object.touched),
    jsonText(object.data),
    requires.length > 0 ? requires : null,
    once ? [once.uid, once.id, once.cmd, once.r] : null,
    reads && reads.length > 0 ? reads.map(encodeRead) : null,
    change.cause ?? null,
    noDependents && noDependents.length > 0 ? noDependents : null,
  ];
}

const authorTexts = new WeakMap<Actor, string>();

/** One author makes many writes. */
function authorText(author: Actor): string {
  const known = authorTexts.get(author);
  if (known !== undefined) return known;
  const text = JSON.stringify(author);
  authorTexts.set(author, text);
  return text;
}

function encodeRead({ r, rev, fields }: ObjectRead): EncodedRead {
  return [r, rev, fields ?? null];
}

function textUnlessEmpty(object: object): string | null {
  for (const _member in object) return jsonText(object);
  return null;
}

function createdText(created: object | null, data: object): string | true | null {
  if (created === null) return null;
  return created === data ? true : JSON.stringify(created);
}

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

/** The object as a write leaves it. */
export interface ObjectState {
  readonly rev: number;
  readonly deleted: boolean;
  readonly modelVersion: number;
  readonly touched: string;
  readonly data: string;
  /** To be made living by `unpark` before the transaction ends. */
  readonly parked?: boolean | undefined;
}

export interface EncodedObjectWithHistory {
  readonly r: string;
  readonly state: ObjectState;
  /** Their parts about the object itself are empty. */
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
    history: history.map((change) => encodeWrite({ change, object: bare, requires: [] })),
    replaces,
  };
}

/** Requests to the writer thread, answered in order. */
export type WriterRequest =
  /** `force`: also where committed changes are missing. */
  | ({
      readonly kind: 'open';
      readonly config: SqliteConfig;
      readonly force: boolean;
      /** The lock file is new: another process may have the database open all the same. */
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
      /** The epoch of the store afterwards, if objects are replaced. */
      readonly epoch: Epoch;
    }
  | { readonly kind: 'ping' }
  /** Fails where the log was removed. */
  | { readonly kind: 'look' }
  /** See `Checkpoints`. `restart-log` is sent while nobody in this process reads. */
  | { readonly kind: 'finish-log' | 'restart-log' }
  /** `opening`: the name of the database until it is opened again. */
  | { readonly kind: 'close'; readonly opening: string };

/** Random texts that were made where randomness is: this thread has none. */
export interface FreshEpoch {
  /** The epoch that the store gets where it needs another one. */
  readonly epoch: Epoch;
  /** A name for this opening of the database. */
  readonly opening: string;
}

export interface OpenResult {
  readonly upgrades: readonly string[];
  readonly epoch: Epoch;
  /** The epoch differs from the one in the database: it is not the one that was closed here. */
  readonly isOther: boolean;
  /** The missing changes, where it was opened all the same. */
  readonly cut?: { readonly message: string; readonly missing: number | undefined } | undefined;
}

export interface RestoreResult {
  readonly outcome: RestoreOutcome;
  /** The store's epoch from now on. */
  readonly epoch: Epoch;
}

/** All committed, at consecutive positions; or the outcome of each group. */
export type CommitResult = { readonly first: Pos } | { readonly outcomes: readonly GroupOutcome[] };

/** Sent by the writer thread without a request: the log has grown and must be copied. */
export type WriterNotice = { readonly notice: 'log-due' };

/** Answered with the `LogSize`. */
export type CheckpointRequest = { readonly kind: 'copy-log' };

/** Pages of the write-ahead log, and how many of them are not in the database yet. */
export interface LogSize {
  readonly pages: number;
  readonly left: number;
}

/** A request to a reader thread. Answered with JSON text. */
export type ReaderRequest = Asked & {
  /** Milliseconds from now; unlimited if missing. */
  readonly timeout?: number | undefined;
  /** Milliseconds after which it yields to waiting reads; never if missing. */
  readonly quantum?: number | undefined;
};

/** Start data of a reader thread. */
export interface ReaderStart {
  readonly file: string;
  /** One element: the number of quick reads that wait. */
  readonly waiting: Int32Array;
  /** One element: microseconds of a processor that the last request took. */
  readonly spent: Int32Array;
}

type Asked =
  | { readonly kind: 'query' | 'count'; readonly query: ThreadQuery }
  | {
      readonly kind: 'created' | 'changes';
      readonly scope: Scope;
      readonly after: Pos;
      readonly limit: number;
    }
  | { readonly kind: 'count-outdated'; readonly names: readonly string[]; readonly version: number }
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

/** The part of a query that its thread needs. */
export interface ThreadQuery extends Omit<Query, 'timeout' | 'requester' | 'room' | 'filter'> {
  readonly filter?: PackedFilter | undefined;
  /** See `PageRoom`. */
  readonly size?: number | undefined;
}

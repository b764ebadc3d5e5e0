import type { RqlExpression, SortKey, SortPosition } from '@really/protocol';
import type { Change, Pos, StoredObject } from './stored-object.js';

/** Which objects: a collection, its parents named or wildcards. */
export interface Scope {
  readonly names: readonly string[];
  /** One id for each name but the last; `*` for any. */
  readonly parents: readonly string[];
}

/** The parents that a scope names, from the left: all before the first wildcard. */
export function namedParents({ parents }: Pick<Scope, 'parents'>): readonly string[] {
  const wild = parents.indexOf('*');
  return wild < 0 ? parents : parents.slice(0, wild);
}

/** The beginning of the Rs of objects in a scope: its named parents, and a slash. */
export function prefixOf(scope: Scope): string {
  const named = namedParents(scope).map((id, index) => `/${scope.names[index]}/${id}`);
  return `${named.join('')}/`;
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
  readonly requester?: ReadRequester | undefined;
}

/** The requester, across several reads that belong together. */
export interface ReadRequester {
  readonly owner: string;
  /** Milliseconds that they waited for others, in all. The store adds to it. */
  waited: number;
  /** Called with the milliseconds of a processor that a thread of the store took for them. */
  readonly spend?: ((time: number) => void) | undefined;
}

export interface Query extends ReadOptions {
  readonly scope: Scope;
  /** Bound: without any `$name`. Evaluated as by `compilePredicate` of the protocol package. */
  readonly filter?: RqlExpression | undefined;
  /** Only objects of this model version or a later one. */
  readonly modelVersion?: number | undefined;
  /** Only objects with this id, below whatever parents of the scope. Found by an index. */
  readonly id?: string | undefined;
  /** Only objects right below one of these. Found by an index. */
  readonly below?: readonly string[] | undefined;
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

/** Sorted as `compareInOrder` of the protocol package says. */
export interface Order {
  /** At least one. */
  readonly keys: readonly SortKey[];
  /** From the end to the beginning: missing values first. */
  readonly reversed?: boolean | undefined;
}

export interface History {
  readonly object: StoredObject | undefined;
  readonly entries: readonly Change[];
  readonly complete: boolean;
}

/** A page of a log. */
export interface LogPage<Entry> {
  readonly entries: readonly Entry[];
  readonly through: Pos;
  readonly gone: boolean;
  /** There may be more after `through`. */
  readonly more?: true | undefined;
}

/** Characters of JSON at which a page of creations or changes ends, with at least one. */
export const readPageSize = 1024 * 1024;

export interface CreatedEntry {
  readonly pos: Pos;
  readonly change: Change;
  /** The current object, for authorization. */
  readonly object: StoredObject;
}

export type Created = LogPage<CreatedEntry>;
export type Changes = LogPage<LoggedChange>;

/** Characters of JSON at which a page of a history ends, with at least one change. */
export const historyPageSize = 512 * 1024;

export interface Outdated {
  readonly objects: readonly StoredObject[];
  /** Where to go on; `undefined` at the end. */
  readonly next: number | undefined;
}

export interface LoggedChange {
  readonly pos: Pos;
  readonly change: Change;
  /**
   * With the object's last change: the object, a tombstone where it was deleted. So a page has it
   * once, however often it changed.
   */
  readonly object?: StoredObject | undefined;
}

/**
 * How objects depend on another one: those of the collection `names` right below it; or, with
 * `field`, those of `names` that refer to it there. The field is one of `CollectionLayout.references`.
 */
export interface Dependency {
  readonly names: readonly string[];
  readonly field?: string | undefined;
}

export interface DependentsPage {
  /** `next` of an earlier page; from the beginning if missing. */
  readonly after?: string | undefined;
  readonly limit: number;
}

export interface Dependents {
  readonly rs: readonly string[];
  /** Where to go on; `undefined` at the end. Valid whatever happens to the objects. */
  readonly next?: string | undefined;
}

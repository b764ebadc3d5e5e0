import { ownMember } from '@really/protocol/values';
import type { Dependency } from './store-reads.js';
import type { Change, ObjectWithHistory, Pos, StoredObject } from './stored-object.js';

export interface Write {
  readonly change: Change;
  /**
   * The object as this write leaves it. Its rev is `change.rev`; the write is refused unless the
   * stored rev is one less (0: no object).
   */
  readonly object: StoredObject;
  /** Objects that must exist, undeleted, at the commit: the parent, new references. */
  readonly requires: readonly string[];
  /** Objects that it was decided by, which must be at the commit as they were then. */
  readonly reads?: readonly ObjectRead[] | undefined;
  /**
   * Of a deletion: refused as `referenced` while a living object, other than itself, depends on it
   * in one of these ways. Checked against what the writes before it left, so that with `requires`
   * no reference is left to what is deleted, whichever of the two comes first. (Where commits run
   * side by side, as in PostgreSQL: whoever requires an object locks its row `FOR KEY SHARE`, and
   * its deletion locks it `FOR UPDATE` before it looks for dependents.)
   */
  readonly noDependents?: readonly Dependency[] | undefined;
  /** How many references the written fields have before it. Only says how long it takes. */
  readonly keptReferences?: number | undefined;
}

/** An object as something was decided by it. */
export interface ObjectRead {
  readonly r: string;
  /** 0: there was none, or it was deleted. */
  readonly rev: number;
  /** The top-level fields that count, `undefined` for all. Whether there is an object counts in any case. */
  readonly fields: readonly string[] | undefined;
}

/** Whether an object, as it is now, is the one that was read, as far as that counts. */
export function isUnchanged(
  { rev, fields }: ObjectRead,
  now: Pick<StoredObject, 'rev' | 'deleted' | 'touched'> | undefined,
): boolean {
  if (now === undefined || now.deleted) return rev === 0;
  if (rev === 0 || now.rev < rev) return false;
  if (now.rev === rev) return true;
  if (!fields) return false;
  const { touched } = now;
  return fields.every((field) => (ownMember(touched, field) ?? 1) <= rev);
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
  /** An object that the write was decided by is not as it was. */
  | { readonly kind: 'changed'; readonly r: string }
  /** A required object is missing or deleted. */
  | { readonly kind: 'missing'; readonly r: string }
  /** A living object depends on the deleted one in this way. */
  | { readonly kind: 'referenced'; readonly by: Dependency }
  /** Another object of the collection has the same values in these fields of a unique index. */
  | { readonly kind: 'unique'; readonly fields: readonly string[] };

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
  /** Another migrated object of the collection has its values in these fields of a unique index. */
  | { readonly kind: 'unique'; readonly fields: readonly string[] };

import {
  type Actor,
  type Auth,
  type Delta,
  type JsonObject,
  ownMember,
  setMember,
} from '@really/protocol';
import type { StoredObject } from '../store/stored-object.js';
import type { ObjectRead, Write } from '../store/write-group.js';

/** The metadata that every write carries. */
export interface WriteOrigin {
  readonly by: Actor;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  /** Version of the model that the write was validated by. */
  readonly modelVersion: number;
  /** Objects that must exist at the commit. */
  readonly requires?: readonly string[] | undefined;
  /** Objects that the write was decided by. */
  readonly reads?: readonly ObjectRead[] | undefined;
  /** As in `Change`. */
  readonly cause?: string | undefined;
}

const actors = new WeakMap<
  Auth,
  { readonly publicData: readonly string[]; readonly actor: Actor }
>();

/**
 * The author as others may see it: of the token's data only the members that the app declares
 * public. The same object for every write of a token.
 */
export function actorOf(auth: Auth, publicData: readonly string[]): Actor {
  const known = actors.get(auth);
  if (known?.publicData === publicData) return known.actor;
  const actor = makeActor(auth, publicData);
  actors.set(auth, { publicData, actor });
  return actor;
}

function makeActor(auth: Auth, publicData: readonly string[]): Actor {
  const { uid, authType, _r, data, admin } = auth;
  const shown: JsonObject = {};
  for (const name of publicData) {
    const value = data && ownMember(data, name);
    if (value !== undefined) setMember(shown, name, value);
  }
  return {
    uid,
    ...(authType !== undefined && { authType }),
    ...(_r !== undefined && { _r }),
    ...(Object.keys(shown).length > 0 && { data: shown }),
    ...(admin && { admin }),
  };
}

/** The revision that last touched a field; 1 where only the creation did. */
export function lastTouched(object: StoredObject, field: string): number {
  return ownMember(object.touched, field) ?? 1;
}

export function createWrite(r: string, data: JsonObject, origin: WriteOrigin): Write {
  const { by, at, modelVersion } = origin;
  return {
    change: {
      r,
      rev: 1,
      type: 'create',
      delta: {},
      touched: {},
      created: data,
      by,
      modelVersion,
      at,
    },
    object: { r, rev: 1, data, touched: {}, deleted: false, modelVersion },
    requires: origin.requires ?? [],
    reads: origin.reads,
  };
}

export interface Updated {
  readonly data: JsonObject;
  readonly delta: Delta;
  /** Top-level fields: those that the operations name, and calculated ones that changed. */
  readonly touched: Iterable<string>;
  /** As in `Write`. */
  readonly keptReferences?: number | undefined;
}

export function updateWrite(head: StoredObject, updated: Updated, origin: WriteOrigin): Write {
  const { by, at, modelVersion, cause } = origin;
  const { r } = head;
  const rev = head.rev + 1;
  const before: Record<string, number> = {};
  const touched: Record<string, number> = { ...head.touched };
  for (const field of updated.touched) {
    before[field] = lastTouched(head, field);
    touched[field] = rev;
  }
  return {
    change: {
      r,
      rev,
      type: 'update',
      delta: updated.delta,
      touched: before,
      created: null,
      by,
      modelVersion,
      at,
      ...(cause !== undefined && { cause }),
    },
    object: { r, rev, data: updated.data, touched, deleted: false, modelVersion },
    requires: origin.requires ?? [],
    reads: origin.reads,
    keptReferences: updated.keptReferences,
  };
}

/** Leaves a tombstone: the R and its last revision. */
export function deleteWrite(head: StoredObject, origin: WriteOrigin): Write {
  const { by, at, modelVersion, cause } = origin;
  const { r } = head;
  const rev = head.rev + 1;
  return {
    change: {
      r,
      rev,
      type: 'delete',
      delta: {},
      touched: {},
      created: null,
      by,
      modelVersion,
      at,
      ...(cause !== undefined && { cause }),
    },
    object: { r, rev, data: {}, touched: {}, deleted: true, modelVersion },
    requires: [],
    reads: origin.reads,
  };
}

import type { Actor } from '../actor.js';
import type { ErrorBody } from '../errors.js';
import type { JsonObject } from '../json/json.js';
import type { Delta } from '../ops/field-op.js';

/** What the server sends of its own accord: messages without a tag. */
export type Push =
  | CreatedPush
  | UpdatedPush
  | DeletedPush
  | SnapshotPush
  | FailedPush
  | SchemaUpdatedPush
  | { evt: 'kicked' }
  | { evt: 'token-expired' };

export interface CreatedPush {
  evt: 'created';
  /** The collection as subscribed. */
  r: string;
  /** `pos` is where to go on from; `subscription` is there for a read with `subscribe`, `view` where it is another one than before. */
  meta: { opBy: Actor; pos: string; subscription?: string; view?: string };
  body: JsonObject;
}

export interface UpdatedPush {
  evt: 'updated';
  r: string;
  rev: number;
  /** `prev`: the last revision before this one that changed any field subscribed to; without it, `rev` - 1. `view`: as of a created push. */
  meta: { opBy: Actor; prev?: number; view?: string };
  body: Delta;
}

export interface DeletedPush {
  evt: 'deleted';
  r: string;
  rev: number;
  meta: { opBy: Actor; prev?: number };
}

export interface SnapshotPush {
  evt: 'snapshot';
  r: string;
  rev: number;
  /** `view`: to be given with `rev` where to go on from it. */
  meta: { view: string };
  body: JsonObject;
}

/** The subscription has ended. */
export interface FailedPush {
  evt: 'failed';
  r: string;
  error: ErrorBody;
}

/** The model of a collection is another one now: reload. */
export interface SchemaUpdatedPush {
  evt: 'schemaUpdated';
  // `/users/*`, and `/users/*/posts/*` for the posts of all users.
  r: string;
}

import type { Actor } from '../actor.js';
import type { ErrorBody } from '../errors.js';
import type { JsonObject } from '../json/json.js';
import type { Delta } from '../ops/field-op.js';

/** Messages from the server without a request: they have no tag. */
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
  /**
   * `pos`: where to continue from; `subscription`: only for a read with `subscribe`; `view`: only
   * where it has changed.
   */
  meta: { opBy: Actor; pos: string; subscription?: string; view?: string };
  body: JsonObject;
}

export interface UpdatedPush {
  evt: 'updated';
  r: string;
  rev: number;
  /**
   * `prev`: the last earlier revision that changed any subscribed field; `rev` - 1 if missing.
   * `view`: as in a created push.
   */
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
  /** `view`: to be sent with `rev` to continue from it. */
  meta: { view: string };
  body: JsonObject;
}

/** The subscription has ended. */
export interface FailedPush {
  evt: 'failed';
  r: string;
  error: ErrorBody;
}

/** The model of a collection has changed: reload. */
export interface SchemaUpdatedPush {
  evt: 'schemaUpdated';
  // `/users/*`, and `/users/*/posts/*` for the posts of all users.
  r: string;
}

import type { Actor } from '../actor.js';
import type { ErrorBody } from '../errors.js';
import type { JsonObject, JsonValue } from '../json/json.js';
import type { Delta } from '../ops/field-op.js';

/** Messages from the server without a request: they have no tag. */
export type Push =
  | CreatedPush
  | UpdatedPush
  | DeletedPush
  | SnapshotPush
  | FailedPush
  | SchemaUpdatedPush
  | EphemeralPush
  | { evt: 'kicked' }
  | { evt: 'token-expired' };

/** In the `meta` of each push that reports a change. */
export interface ChangeMeta {
  opBy: Actor;
  /** The time of the change, ISO 8601 in UTC with milliseconds (rule ADM3). */
  at: string;
  /** R of the deleted object, where its deletion led to the change (rule CAS4). */
  cause?: string;
}

export interface CreatedPush {
  evt: 'created';
  /** The collection as subscribed. */
  r: string;
  /**
   * `pos`: where to continue from; `subscription`: only for a read with `subscribe`; `view`: only
   * where it has changed.
   */
  meta: ChangeMeta & { pos: string; subscription?: string; view?: string };
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
  meta: ChangeMeta & { prev?: number; view?: string };
  body: Delta;
}

export interface DeletedPush {
  evt: 'deleted';
  r: string;
  rev: number;
  meta: ChangeMeta & { prev?: number };
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

/** Pushes of rooms: not counted in `received`, and never sent again (rule PRS6). */
export type EphemeralPush = PresencePush | PresenceListPush | RoomMessagePush | RoomFailedPush;

/** A connection in the room of an object. */
export interface PresenceMember {
  id: string;
  user: Actor;
  state: JsonObject;
}

/** What changed in a room since the last such push. */
export interface PresencePush {
  evt: 'presence';
  eph: true;
  r: string;
  body: {
    joined: PresenceMember[];
    /** With the whole state; `user` only where it changed. */
    changed: { id: string; state: JsonObject; user?: Actor }[];
    left: string[];
    count: number;
  };
}

/** The whole list of a room: pushes before it may have been left out. */
export interface PresenceListPush {
  evt: 'presence';
  eph: true;
  r: string;
  /** `members`: the first of them, where there are very many. */
  body: { members: PresenceMember[]; count: number };
}

/** A message to a room. */
export interface RoomMessagePush {
  evt: 'sent';
  eph: true;
  r: string;
  /** `member`: the id of the sender's connection, if it has joined the room. */
  meta: { member?: string; opBy: Actor };
  body: { event: string; data?: JsonValue };
}

/** The connection is no longer in the room: it lost the right, or the object is gone. */
export interface RoomFailedPush extends FailedPush {
  eph: true;
}

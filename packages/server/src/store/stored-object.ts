import type { Actor, Delta, JsonObject } from '@really/protocol';

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
  /** R of the deleted object that this change follows from, where a cascade made it (rule CAS4). */
  readonly cause?: string | undefined;
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

/** An object with all that is kept of its history, ascending by revision. */
export interface ObjectWithHistory {
  readonly object: StoredObject;
  readonly history: readonly Change[];
}

import type { JsonObject, JsonValue } from '../json/json.js';

export type FieldOpName =
  | 'set'
  | 'addNumber'
  | 'push'
  | 'addToSet'
  | 'pull'
  | 'insertAt'
  | 'removeAt';

/** One operation of an update, as a client sends it. */
export interface FieldOp {
  readonly op: FieldOpName;
  /** A path: `picture.xlarge`, `picture[0]`, `tags`. */
  readonly key: string;
  readonly value?: JsonValue | undefined;
  readonly opArgs?: { readonly index?: number | undefined } | undefined;
}

/**
 * The body of an `updated` push: operations by key. Several ops on one top-level field are folded
 * into one `set` of that field.
 */
export interface Delta {
  [key: string]: DeltaEntry;
}

export interface DeltaEntry {
  op: FieldOpName;
  /** The value as sent; for a folded or calculated `set`, the new value (null: unset). */
  opValue: JsonValue;
  opArgs?: JsonObject;
  /** addNumber: the resulting number. */
  value?: number;
}

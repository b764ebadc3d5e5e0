import type { ReallyError } from '../really-error.js';
import type { CopyChange } from '../store/copy-change.js';

export type LiveStatus =
  /** Nothing is known yet. */
  | 'loading'
  /** There is a value. `stale` says whether it is kept up to date at this moment. */
  | 'live'
  /** The object was deleted. */
  | 'deleted'
  /** The server refuses it, or ended it; `error` says why. */
  | 'failed'
  /** By `close()`: the value is the last one. */
  | 'closed';

/** A live copy at one moment. The same reference until something changes. Rule TSC10. */
export interface LiveSnapshot<Value> {
  readonly status: LiveStatus;
  readonly value: Value | undefined;
  /** Not connected, or not caught up: the value may have changed meanwhile. */
  readonly stale: boolean;
  /** It shows writes of this client that the server has not confirmed. */
  readonly pending: boolean;
  readonly error: ReallyError | undefined;
}

/** Why a live object changed. `status`: its value is the same, and one of the other members changed. */
export type ObjectChange = CopyChange | { readonly kind: 'status' };

/** Why a live list changed. `r`: the object that it is about. */
export type ListChange =
  /** The whole list: the first, or in place of changes that were missed. */
  | { readonly kind: 'snapshot' }
  | { readonly kind: 'reset' }
  /** A new object, and one that was not in the list before. */
  | { readonly kind: 'created'; readonly r: string }
  | { readonly kind: 'entered'; readonly r: string }
  | { readonly kind: 'left'; readonly r: string }
  /** An object of the list changed, and is still in it. */
  | { readonly kind: 'updated'; readonly r: string; readonly rev: number }
  | { readonly kind: 'local'; readonly r: string }
  | { readonly kind: 'status' };

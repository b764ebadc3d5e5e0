import type { Span } from '../platform/tracing.js';
import type { StoredObject } from '../store/stored-object.js';
import type { OnceKey, OnceRecord, Write, WriteRefusal } from '../store/write-group.js';

/**
 * Reads other objects while a write is prepared: their committed state, after waiting for earlier
 * requests of its owner for them. So a client may send a parent and its child without waiting. In a
 * batch, the writes before it are seen.
 */
export type ReadObjects = (rs: readonly string[]) => Promise<(StoredObject | undefined)[]>;

/** Whether each exists and is not deleted: costs as little for large objects as for small ones. */
export type AreLiving = (rs: readonly string[]) => Promise<boolean[]>;

/** Whose write it is. */
export interface WriteAsker {
  /** See `ownerOf`. Without one, the server itself. */
  readonly owner?: string | undefined;
  /** Called with each object to be written that had to be loaded for it. */
  readonly onLoad?: ((object: StoredObject) => void) | undefined;
}

/** A request for `Objects.write` or `Objects.writeAll`. */
export interface WriteRequest {
  /** Printed R of the object. */
  readonly r: string;
  /** True for a newly generated R: it is not read before the commit. */
  readonly fresh?: boolean | undefined;
  /** Writes with the same key are committed in the order of their calls, whatever their objects. */
  readonly orderKey?: CommitOrderKey | undefined;
  /**
   * Validates the request on `head`, a state that may not be on disk yet, and returns what to
   * write. Called again where that state turns out not to be the stored one, so it must have no
   * side effects. Throws a `ProtocolError` to refuse.
   */
  readonly prepare: (
    head: StoredObject | undefined,
    look: ReadObjects,
    areLiving: AreLiving,
  ) => PreparedWrite | Promise<PreparedWrite>;
}

/** Of the command that writes. */
interface CommandOptions extends WriteAsker {
  readonly once?: OnceKey | undefined;
  /** Span of the command, where it is traced. */
  readonly span?: Span | undefined;
}

/** A request outside a batch. */
export interface SingleWriteRequest extends WriteRequest, CommandOptions {}

export interface PreparedWrite extends Write {
  /**
   * Creations committed together with it or not at all: system objects (`/_outbox/…`) under new
   * ids, which no other request can know yet.
   */
  readonly sideWrites?: readonly Write[] | undefined;
}

/** Options of a whole batch. */
export interface WriteAllOptions extends CommandOptions {
  /**
   * System objects that are erased from the store with the writes, or not at all: see `WriteGroup`.
   * They must not be written at the time.
   */
  readonly erases?: readonly string[] | undefined;
}

export interface CommitOrderKey {
  readonly owner: object;
  readonly name: string;
}

/**
 * Why the commit refused a write. (A conflict of revisions, and a change of an object that it was
 * decided by, are no result: the request is prepared again.)
 */
export type CommitRefusal = Exclude<WriteRefusal, { kind: 'conflict' | 'changed' }>;

export type WriteResult =
  /** On disk. */
  | { readonly kind: 'committed'; readonly write: Write; readonly pos: number }
  /** Its once-key was used before: nothing was written. */
  | { readonly kind: 'repeated'; readonly first: OnceRecord }
  /** The commit found a required object missing or a unique value taken: nothing was written. */
  | CommitRefusal;

export type WriteAllResult =
  /** All on disk: one write for each request, in order. */
  | { readonly kind: 'committed'; readonly writes: readonly Write[] }
  /** The once-key was used before: nothing was written. `first.results` begins with one for each request. */
  | { readonly kind: 'repeated'; readonly first: OnceRecord }
  /** Nothing was written: `prepare` of the request at `index` threw `error`. */
  | { readonly kind: 'refused'; readonly index: number; readonly error: unknown }
  /** Nothing was written: together they exceed a commit (`limits.commitBytes`). */
  | { readonly kind: 'too-large' }
  /**
   * Nothing was written: the commit refused the request at `index`. An index beyond the requests:
   * an object to be erased is `missing`.
   */
  | (CommitRefusal & { readonly index: number });

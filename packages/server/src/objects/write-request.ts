import type { Span } from '../platform/tracing.js';
import type { OnceKey, OnceRecord, StoredObject, Write, WriteRefusal } from '../store/store.js';

/**
 * Looks at other objects while a write is judged: as committed, but what was asked for before this write and
 * is still under way is waited for. So a client may create a parent and its child in one go. In a batch, what
 * the writes before it make is seen.
 */
export type ReadObjects = (rs: readonly string[]) => Promise<(StoredObject | undefined)[]>;

/** What is asked of `Objects.write`, and each of what is asked of `Objects.writeAll`. */
export interface WriteRequest {
  /** Printed R of the object. */
  readonly r: string;
  /** True for an R that was just made up: nothing is looked up before the commit. */
  readonly fresh?: boolean | undefined;
  /** Writes of one lane are committed in the order of their calls, whatever objects they are of. */
  readonly orderKey?: CommitOrderKey | undefined;
  /**
   * Judges the request on `head`, a state that may still be on its way to the disk, and says what is
   * to be written. Called again where that state turns out to be not the stored one; so it has no
   * effects. A refusal is thrown, as a `ProtocolError`.
   */
  readonly prepare: (
    head: StoredObject | undefined,
    look: ReadObjects,
  ) => PreparedWrite | Promise<PreparedWrite>;
}

/** A request that stands alone. */
export interface SingleWriteRequest extends WriteRequest {
  readonly once?: OnceKey | undefined;
  /** Of the command, where that is traced. */
  readonly span?: Span | undefined;
}

export interface PreparedWrite extends Write {
  /**
   * Creations that are committed with it or not at all: objects of the system (`/_outbox/…`) under new
   * ids, which nobody can have asked for yet.
   */
  readonly sideWrites?: readonly Write[] | undefined;
}

/** What `Objects.writeAll` is told besides the requests. */
export interface WriteAllOptions {
  readonly once?: OnceKey | undefined;
  /** Of the command, where that is traced. */
  readonly span?: Span | undefined;
  /**
   * Objects of the system that are taken out of the store with the writes, or not at all: see `WriteGroup`.
   * Nobody may be writing them at the time.
   */
  readonly erases?: readonly string[] | undefined;
}

export interface CommitOrderKey {
  readonly owner: object;
  readonly name: string;
}

/** What the commit found wrong. (A conflict of revisions is no result: the request is judged again.) */
export type CommitRefusal = Exclude<WriteRefusal, { kind: 'conflict' }>;

export type WriteResult =
  /** On disk. */
  | { readonly kind: 'committed'; readonly write: Write; readonly pos: number }
  /** Its once-key was used before: nothing was written. */
  | { readonly kind: 'repeated'; readonly first: OnceRecord }
  /** What the commit found, nothing was written: an object that it requires is not there, or a unique value is taken. */
  | CommitRefusal;

export type WriteAllResult =
  /** All on disk: one write for each request, in order. */
  | { readonly kind: 'committed'; readonly writes: readonly Write[] }
  /** The once-key was used before: nothing was written. `first.results` begins with one for each request. */
  | { readonly kind: 'repeated'; readonly first: OnceRecord }
  /** Nothing was written: `prepare` of the request at `index` threw `error`. */
  | { readonly kind: 'refused'; readonly index: number; readonly error: unknown }
  /** Nothing was written: together they are more than one commit may hold (`limits.commitBytes`). */
  | { readonly kind: 'too-large' }
  /**
   * Nothing was written: what the commit found of the request at `index`. An index beyond the requests: an
   * object that was to be erased is `missing`.
   */
  | (CommitRefusal & { readonly index: number });

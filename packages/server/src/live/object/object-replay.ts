import type { History } from '../../store/store-reads.js';
import type { Change, StoredObject } from '../../store/stored-object.js';
import { FairHistoryReader } from '../catch-up/fair-history-reader.js';
import { readWithRetry } from '../catch-up/read-with-retry.js';
import type { LiveContext } from '../live-context.js';
import type { SnapshotReason } from '../live-metrics.js';
import type { RevisionToSend } from './object-frames.js';

/** Revisions per read: they may be large. */
const pageSize = 32;

/** What the store has after a revision. */
export type ObjectReplayPage =
  | { readonly kind: 'missing' }
  /** `change` is `undefined` if the history no longer has the deletion. */
  | {
      readonly kind: 'deleted';
      readonly rev: number;
      readonly change: Pick<Change, 'by' | 'at' | 'once'> | undefined;
    }
  /** The revisions cannot be sent one by one; a snapshot of `object` replaces them. */
  | { readonly kind: 'unknown'; readonly object: StoredObject; readonly reason: SnapshotReason }
  | {
      readonly kind: 'revisions';
      /** The current object: used for authorization. */
      readonly object: StoredObject;
      readonly changes: readonly Change[];
    };

export interface ObjectReplayOptions {
  readonly r: string;
  /** Whose query time the reads use; `undefined` if they are for many subscribers. */
  readonly owner?: string | undefined;
  /** The current model version: a replay never crosses versions (rule SUB8). */
  readonly version: number;
  /** Whether a recipient may see only part of the object, and so needs `prev`. */
  readonly partial: boolean;
}

/** The last revision that touched each field, at some point in the history. Absent fields: 1. */
type FieldRevisions = Map<string, number>;

type ReplayContext = Pick<LiveContext, 'store' | 'platform' | 'limits'>;

/** Reads the history of one object, page by page. */
export class ObjectReplay {
  readonly #context: ReplayContext;
  readonly #options: ObjectReplayOptions;
  #reads: FairHistoryReader;
  /** Last revision by field before the next change; read with the first page after a snapshot. */
  #fieldRevisions: FieldRevisions | undefined;

  constructor(context: ReplayContext, options: ObjectReplayOptions) {
    this.#context = context;
    this.#options = options;
    this.#reads = this.#newReads();
  }

  /** The next page of changes after this revision. Rejects if the store stays unavailable. */
  async next(after: number): Promise<ObjectReplayPage> {
    this.#reads = this.#newReads();
    const { object, entries, complete } = await this.#read(after);
    if (!object) return { kind: 'missing' };
    if (object.deleted) return await this.#deleted(object);
    if (!complete || after === 0) return this.#unknown(object, 'history');
    const changes = entries.filter((change) => change.rev > after);
    const known = entries.length > 0 ? entries : [object];
    if (known.some(({ modelVersion }) => modelVersion !== this.#options.version)) {
      return this.#unknown(object, 'version');
    }
    if (this.#options.partial) {
      this.#fieldRevisions ??= await this.#fieldRevisionsBefore(object, changes);
    }
    return { kind: 'revisions', object, changes };
  }

  /** The current object, for a snapshot. Rejects if the store stays unavailable. */
  async current(reason: SnapshotReason): Promise<ObjectReplayPage> {
    this.#reads = this.#newReads();
    const { store, platform } = this.#context;
    const object = await readWithRetry(platform, () => store.get(this.#options.r));
    if (!object) return { kind: 'missing' };
    return object.deleted ? await this.#deleted(object) : this.#unknown(object, reason);
  }

  /** The page's revisions in order. Finish with each before taking the next. */
  *revisions({
    changes,
  }: Extract<ObjectReplayPage, { kind: 'revisions' }>): Iterable<RevisionToSend> {
    const fieldRevisions: FieldRevisions = this.#fieldRevisions ?? new Map();
    const touchedBefore = (field: string) => fieldRevisions.get(field) ?? 1;
    for (const change of changes) {
      yield { change, touchedBefore };
      for (const field of Object.keys(change.touched)) fieldRevisions.set(field, change.rev);
    }
  }

  /** With the subscriber's own revision, which shows whether the model's version changed since. */
  async #read(after: number): Promise<History> {
    if (after > 0) {
      const history = await this.#history(after - 1, pageSize + 1);
      const { object, entries, complete } = history;
      // It alone may be as large as a page.
      const isCut = complete && entries.length === 1 && after < (object?.rev ?? 0);
      if (isCut) return withFirst(entries, await this.#history(after, pageSize));
      if (complete || object?.deleted) return history;
    }
    return await this.#history(after, pageSize);
  }

  /** Its snapshot stands for revisions that are not looked at. */
  #unknown(object: StoredObject, reason: SnapshotReason): ObjectReplayPage {
    this.#fieldRevisions = undefined;
    return { kind: 'unknown', object, reason };
  }

  async #deleted({ r, rev }: StoredObject): Promise<ObjectReplayPage> {
    const { entries } = await this.#history(rev - 1, 1);
    const last = entries[0];
    return { kind: 'deleted', rev, change: last?.r === r ? last : undefined };
  }

  /**
   * Last revision by field before the first of the changes. Each change has it for the fields that
   * it touched, and the object for fields that no change touched; so the rest of the history may
   * have to be read.
   */
  async #fieldRevisionsBefore(
    object: StoredObject,
    changes: readonly Change[],
  ): Promise<FieldRevisions> {
    const fieldRevisions: FieldRevisions = new Map();
    let head = object;
    let page = changes;
    for (;;) {
      for (const change of page) recordEarlier(fieldRevisions, change);
      const last = page.at(-1)?.rev;
      if (last === undefined || last >= head.rev) break;
      const history = await this.#history(last, pageSize);
      page = history.entries;
      head = history.object ?? head;
    }
    recordEarlier(fieldRevisions, head);
    return fieldRevisions;
  }

  #history(after: number, limit: number): Promise<History> {
    return this.#reads.history(this.#options.r, after, limit);
  }

  /** Each page has its own time budget, since a slow client may delay the next one. */
  #newReads(): FairHistoryReader {
    return new FairHistoryReader(this.#context, this.#options.owner ?? '');
  }
}

function withFirst(first: readonly Change[], history: History): History {
  return history.complete ? { ...history, entries: [...first, ...history.entries] } : history;
}

function recordEarlier(fieldRevisions: FieldRevisions, { touched }: Pick<Change, 'touched'>): void {
  for (const [field, rev] of Object.entries(touched)) {
    if (!fieldRevisions.has(field)) fieldRevisions.set(field, rev);
  }
}

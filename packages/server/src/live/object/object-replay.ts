import type { Change, History, StoredObject } from '../../store/store.js';
import { FairHistoryReader } from '../catch-up/fair-history-reader.js';
import { readWithRetry } from '../catch-up/read-with-retry.js';
import type { LiveContext } from '../live-context.js';
import type { SnapshotReason } from '../live-metrics.js';
import { type FieldRevisions, ReplayedRevision, type RevisionToSend } from './revision-to-send.js';

/** Revisions read at once: enough to be quick, few enough to be held in memory however large they are. */
const pageSize = 32;

/** What the store knows of what happened after a revision. */
export type ObjectReplayPage =
  | { readonly kind: 'missing' }
  /** `change` is `undefined` where not even the deletion is in the history any more. */
  | {
      readonly kind: 'deleted';
      readonly rev: number;
      readonly change: Pick<Change, 'by' | 'once'> | undefined;
    }
  /** The revisions cannot be told one by one; a snapshot of `object` stands for them. */
  | { readonly kind: 'unknown'; readonly object: StoredObject; readonly reason: SnapshotReason }
  | {
      readonly kind: 'steps';
      /** As it is now: rights are judged by it. */
      readonly object: StoredObject;
      readonly changes: readonly Change[];
    };

export interface ObjectReplayOptions {
  readonly r: string;
  /** Whose turn its reads take; nobody's in particular where they are for many. */
  readonly owner?: string | undefined;
  /** The model's, now: a replay does not cross into another one (rule SUB8). */
  readonly version: number;
  /** Whether somebody sees a part of the object only, and so has to be told `prev`. */
  readonly partial: boolean;
}

/** Reads the history of one object, page by page. */
export class ObjectReplay {
  readonly #context: LiveContext;
  readonly #options: ObjectReplayOptions;
  #reads: FairHistoryReader;
  /** How the fields stood before the next step; read when the first page is. */
  #fieldRevisions: FieldRevisions | undefined;

  constructor(context: LiveContext, options: ObjectReplayOptions) {
    this.#context = context;
    this.#options = options;
    this.#reads = this.#newReads();
  }

  /** What happened after this revision, or the first part of it. Rejects where the store stays away. */
  async next(after: number): Promise<ObjectReplayPage> {
    this.#reads = this.#newReads();
    const { object, entries, complete } = await this.#read(after);
    if (!object) return { kind: 'missing' };
    if (object.deleted) return await this.#deleted(object);
    if (!complete || after === 0) return { kind: 'unknown', object, reason: 'history' };
    const changes = entries.filter((change) => change.rev > after);
    const known = entries.length > 0 ? entries : [object];
    if (known.some(({ modelVersion }) => modelVersion !== this.#options.version)) {
      return { kind: 'unknown', object, reason: 'version' };
    }
    if (this.#options.partial) {
      this.#fieldRevisions ??= await this.#fieldRevisionsBefore(object, changes);
    }
    return { kind: 'steps', object, changes };
  }

  /** The object as it is, for a snapshot. Rejects where the store stays away. */
  async current(reason: SnapshotReason): Promise<ObjectReplayPage> {
    this.#reads = this.#newReads();
    const { store, platform } = this.#context;
    const object = await readWithRetry(platform, () => store.get(this.#options.r));
    if (!object) return { kind: 'missing' };
    return object.deleted ? await this.#deleted(object) : { kind: 'unknown', object, reason };
  }

  /** The page's revisions in order. Each has to be done with before the next is asked for. */
  *revisions({
    object,
    changes,
  }: Extract<ObjectReplayPage, { kind: 'steps' }>): Iterable<RevisionToSend> {
    const fieldRevisions: FieldRevisions = this.#fieldRevisions ?? new Map();
    for (const change of changes) {
      yield new ReplayedRevision(change, object, fieldRevisions);
      for (const field of Object.keys(change.touched)) fieldRevisions.set(field, change.rev);
    }
  }

  /**
   * The revision that the subscriber has is read too, where it still is there: by it one sees whether
   * the model has another version since.
   */
  async #read(after: number): Promise<History> {
    if (after > 0) {
      const history = await this.#history(after - 1, pageSize + 1);
      if (history.complete || history.object?.deleted) return history;
    }
    return await this.#history(after, pageSize);
  }

  async #deleted({ r, rev }: StoredObject): Promise<ObjectReplayPage> {
    const { entries } = await this.#history(rev - 1, 1);
    const last = entries[0];
    return { kind: 'deleted', rev, change: last?.r === r ? last : undefined };
  }

  /**
   * How the fields stood before the first of the changes. Each change says it of the fields that it
   * touched, and the object of those that none did; so the rest of the history may have to be looked
   * through.
   */
  async #fieldRevisionsBefore(
    object: StoredObject,
    changes: readonly Change[],
  ): Promise<FieldRevisions> {
    const fieldRevisions: FieldRevisions = new Map();
    let head = object;
    let page = changes;
    for (;;) {
      for (const change of page) noteEarlier(fieldRevisions, change);
      const last = page.at(-1)?.rev;
      if (last === undefined || last >= head.rev) break;
      const history = await this.#history(last, pageSize);
      page = history.entries;
      head = history.object ?? head;
    }
    for (const [field, rev] of Object.entries(head.touched)) {
      if (!fieldRevisions.has(field)) fieldRevisions.set(field, rev);
    }
    return fieldRevisions;
  }

  #history(after: number, limit: number): Promise<History> {
    return this.#reads.history(this.#options.r, after, limit);
  }

  /** Each page has its own time: between them its reader may make it wait. */
  #newReads(): FairHistoryReader {
    return new FairHistoryReader(this.#context, this.#options.owner ?? '');
  }
}

function noteEarlier(fieldRevisions: FieldRevisions, change: Change): void {
  for (const [field, rev] of Object.entries(change.touched)) {
    if (!fieldRevisions.has(field)) fieldRevisions.set(field, rev);
  }
}

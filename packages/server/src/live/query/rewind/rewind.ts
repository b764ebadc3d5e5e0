import { fail, type JsonObject, setMember } from '@really/protocol';
import type { Model } from '../../../model/model.js';
import { hidesNothing } from '../../../model/view/view.js';
import { estimateBytes, estimateChangeBytes } from '../../../objects/estimate-bytes.js';
import type { Hit } from '../../../queries/search.js';
import type { Pos, StoredObject } from '../../../store/stored-object.js';
import { FairHistoryReader } from '../../catch-up/fair-history-reader.js';
import { readWithRetry } from '../../catch-up/read-with-retry.js';
import type { LiveContext } from '../../live-context.js';
import { dataAtRevision } from '../../object/data-at-revision.js';
import type { SubscriptionOwner } from '../../registry/subscription-owner.js';
import { fetchWindow } from '../fetch-window.js';
import type { QueryGroupTraits } from '../query-group-traits.js';
import { QueryWindow, type Row } from '../query-window.js';
import { RewindLimits } from './rewind-limits.js';
import {
  type PastObject,
  type ReplayedChange,
  WindowReplay,
  type WindowReplayStep,
} from './window-replay.js';

/** Changes per read. */
const pageSize = 256;
/** Most changes to replay, fewer where each is much work; beyond that the position is gone. */
const maxChanges = 20_000;
/** Bytes that are read in about the time of a comparison. */
const comparisonBytes = 4;
/** Objects that may change during the search, before it is done again. */
const spare = 64;

/** The window at a position, and its changes since. */
export interface Rewind {
  /** The window at the position. */
  readonly shown: readonly Row[];
  readonly steps: readonly WindowReplayStep[];
  /** The window after the steps. */
  readonly after: readonly Row[];
  /** The position of `after`. */
  readonly pos: Pos;
  /** False if there are later changes without steps: the difference covers them. */
  readonly isComplete: boolean;
  /** Number of deleted objects whose place is unknown. */
  readonly deletedCandidates: number;
}

/** What happened since a position. */
interface MissedChanges {
  readonly changes: readonly ReplayedChange[];
  /** The changed objects as they are now, by R. */
  readonly now: ReadonlyMap<string, StoredObject>;
  readonly through: Pos;
}

export interface RewindOptions {
  /** Whom it is for. */
  readonly session: Pick<SubscriptionOwner, 'pushTarget' | 'dropped'>;
  readonly traits: QueryGroupTraits;
  readonly since: Pos;
  /** If the connection is remembered: whether its client has exactly everything up to `since`. */
  readonly resumeState?: { readonly isExact: boolean } | undefined;
}

/**
 * Reconstructs a window at a position and replays the changes since. Unchanged objects come from a
 * query, changed ones are rebuilt from their history. Rejects with 410 `position.gone` if that does
 * not reach back, or is too much.
 */
export async function rewindTo(
  context: LiveContext,
  model: Model,
  options: RewindOptions,
): Promise<Rewind> {
  const rewinding = new Rewinding(context, model, options);
  try {
    return await rewinding.run();
  } finally {
    await rewinding.limits.rateWait;
  }
}

class Rewinding {
  readonly #context: LiveContext;
  readonly #model: Model;
  readonly #options: RewindOptions;
  readonly limits: RewindLimits;
  readonly #reads: FairHistoryReader;

  constructor(context: LiveContext, model: Model, options: RewindOptions) {
    this.#context = context;
    this.#model = model;
    this.#options = options;
    this.limits = new RewindLimits(context, options.session);
    this.#reads = new FairHistoryReader(context, options.traits.owner);
  }

  async run(): Promise<Rewind> {
    const { traits, since, resumeState } = this.#options;
    const missed = await this.#changesSince(since);
    const { changes, through } = missed;
    this.limits.charge(changes.length * traits.cost.work * comparisonBytes);
    const window = new QueryWindow(traits);
    const { unchanged, past } = await this.#objectsThen(window.capacity, missed);
    const parts = { traits, window, past, limits: this.limits };
    const replay = new WindowReplay(this.#context, this.#model, parts);
    await replay.fill(unchanged);
    const { shown } = window;
    const { deletedCandidates } = replay;
    const steps = await replay.run(changes, { isExact: resumeState?.isExact ?? false });
    const isComplete = !window.isShort;
    const pos = isComplete ? through : (steps.at(-1)?.pos ?? since);
    return { shown, steps, after: window.shown, pos, isComplete, deletedCandidates };
  }

  /** Of those that have not changed, at least the first `capacity`. */
  async #objectsThen(
    capacity: number,
    missed: MissedChanges,
  ): Promise<{ unchanged: readonly Hit[]; past: ReadonlyMap<string, PastObject> }> {
    const { traits } = this.#options;
    const changed = await this.#pastObjectsOf(missed);
    let past: ReadonlyMap<string, PastObject> = changed;
    for (;;) {
      const limit = capacity + past.size + spare;
      const hits = await readWithRetry(this.#context.platform, () =>
        fetchWindow(this.#context, this.#model, traits, limit, this.limits),
      );
      // Objects that changed during the search have to be rebuilt, too.
      const meanwhile = await this.#changesSince(missed.through);
      past = new Map([...asLater(await this.#pastObjectsOf(meanwhile)), ...changed]);
      const unchanged = hits.filter(({ object }) => !past.has(object.r));
      // If more of them changed than it allowed for, it did not reach far enough.
      if (unchanged.length >= capacity || hits.length < limit) return { unchanged, past };
    }
  }

  async #changesSince(since: Pos): Promise<MissedChanges> {
    const { scope, cost } = this.#options.traits;
    const { windowWorkPerNode } = this.#context.limits;
    const most = Math.min(maxChanges, windowWorkPerNode / cost.work);
    const changes: ReplayedChange[] = [];
    const now = new Map<string, StoredObject>();
    for (let at = since; ; ) {
      const page = await this.#reads.changes(scope, at, pageSize);
      if (page.gone) throw fail('position.gone');
      for (const entry of page.entries) {
        const { pos, change, object } = entry;
        this.limits.take(estimateChangeBytes(entry));
        if (change.modelVersion !== this.#model.version) throw fail('position.gone');
        changes.push({ pos, change });
        if (object) now.set(change.r, object);
      }
      if (changes.length > most) throw fail('position.gone');
      if (!page.more) return { changes, now, through: page.through };
      at = page.through;
    }
  }

  /** The changed objects by R. */
  async #pastObjectsOf(missed: MissedChanges): Promise<Map<string, PastObject>> {
    const { filter, from } = this.#options.traits;
    // Then every object was in the result, even if its data is gone.
    const isKnowable = hidesNothing(this.#model) && filter === undefined && from === undefined;
    const past = new Map<string, PastObject>();
    const touched = touchedBefore(missed);
    for (const { change } of missed.changes) {
      if (past.has(change.r)) continue;
      if (this.limits.isOver) await this.limits.rest();
      const now = missed.now.get(change.r);
      if (!now) throw fail('position.gone');
      const rev = change.rev - 1;
      const data = rev === 0 ? undefined : await this.#dataAt(change.r, rev);
      const isScrubbed = change.type === 'delete';
      if (rev > 0 && !data && !isScrubbed) throw fail('position.gone');
      if (rev > 0 && isScrubbed && !isKnowable) throw fail('position.gone');
      past.set(change.r, { rev, data, touched: touched.get(change.r) ?? {}, now });
    }
    return past;
  }

  async #dataAt(r: string, rev: number): Promise<JsonObject | undefined> {
    const charge = (bytes: number) => this.limits.charge(bytes);
    const data = await dataAtRevision(this.#reads, this.#model, r, rev, charge);
    this.limits.take(estimateBytes(data));
    return data;
  }
}

function asLater(past: ReadonlyMap<string, PastObject>): [string, PastObject][] {
  return [...past].map(([r, entry]) => [r, { ...entry, isLater: true }]);
}

/** By R, the last revision of each field before the changes, from these or from the object. */
function touchedBefore({ changes, now }: MissedChanges): Map<string, StoredObject['touched']> {
  const byR = new Map<string, Record<string, number>>();
  // In reverse: the earliest change wins.
  for (const { change } of changes.toReversed()) {
    const { r } = change;
    const touched = byR.get(r) ?? { ...now.get(r)?.touched };
    for (const [field, rev] of Object.entries(change.touched)) setMember(touched, field, rev);
    byR.set(r, touched);
  }
  return byR;
}

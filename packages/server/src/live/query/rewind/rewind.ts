import { fail } from '@really/protocol';
import type { Model } from '../../../model/model.js';
import { hidesNothing } from '../../../model/view/view.js';
import { estimateBytes, estimateChangeBytes } from '../../../objects/estimate-bytes.js';
import { readBytes } from '../../../platform/limits.js';
import type { Hit } from '../../../queries/search.js';
import type { Pos, StoredObject } from '../../../store/stored-object.js';
import { FairHistoryReader } from '../../catch-up/fair-history-reader.js';
import { readWithRetry } from '../../catch-up/read-with-retry.js';
import type { LiveContext } from '../../live-context.js';
import { dataAtRevision } from '../../object/data-at-revision.js';
import { fetchWindow } from '../fetch-window.js';
import type { QueryGroupTraits } from '../query-group-traits.js';
import { QueryWindow, type Row } from '../query-window.js';
import { RewindRoom } from './rewind-room.js';
import {
  type PastObject,
  type ReplayedChange,
  WindowReplay,
  type WindowReplayStep,
} from './window-replay.js';

/** Changes per read. */
const pageSize = 256;
/** Most changes to replay; beyond that the position is gone. */
const maxChanges = 20_000;
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
  readonly traits: QueryGroupTraits;
  readonly since: Pos;
  /**
   * If the server remembers the connection: whether the client received exactly everything up to
   * `since`.
   */
  readonly resumeState?: { readonly isExact: boolean } | undefined;
}

/**
 * Reconstructs a window at a position and replays the changes since. Unchanged objects come from a
 * query, changed ones are rebuilt from their history. Rejects with 410 `position.gone` if that does
 * not reach back.
 */
export async function rewindTo(
  context: LiveContext,
  model: Model,
  { traits, since, resumeState }: RewindOptions,
): Promise<Rewind> {
  const reads = new FairHistoryReader(context, traits.owner);
  const room = new RewindRoom(readBytes(context.limits));
  const missed = await changesSince(reads, model, { traits, since, room });
  const { changes, through } = missed;
  // Then every object was in the result, even if its data is gone.
  const isKnowable =
    hidesNothing(model) && traits.filter === undefined && traits.from === undefined;
  const changed = await pastObjectsOf(reads, model, { missed, isKnowable, room });
  const window = new QueryWindow(traits);
  let past: ReadonlyMap<string, PastObject> = changed;
  let unchanged: readonly Hit[] = [];
  for (let isSearched = false; !isSearched; ) {
    const limit = window.capacity + past.size + spare;
    const hits = await readWithRetry(context.platform, () =>
      fetchWindow(context, model, traits, limit, room),
    );
    // Objects that changed during the search have to be rebuilt, too.
    const meanwhile = await changesSince(reads, model, { traits, since: through, room });
    const later = await pastObjectsOf(reads, model, { missed: meanwhile, isKnowable, room });
    past = new Map([...asLater(later), ...changed]);
    unchanged = hits.filter(({ object }) => !past.has(object.r));
    // If more of them changed than it allowed for, it did not reach far enough.
    isSearched = unchanged.length >= window.capacity || hits.length < limit;
  }
  const replay = new WindowReplay(context, model, { traits, window, past });
  await replay.fill(unchanged);
  const { shown } = window;
  const { deletedCandidates } = replay;
  const steps = await replay.run(changes, { isExact: resumeState?.isExact ?? false });
  const isComplete = !window.isShort;
  const pos = isComplete ? through : (steps.at(-1)?.pos ?? since);
  return { shown, steps, after: window.shown, pos, isComplete, deletedCandidates };
}

function asLater(past: ReadonlyMap<string, PastObject>): [string, PastObject][] {
  return [...past].map(([r, entry]) => [r, { ...entry, isLater: true }]);
}

async function changesSince(
  reads: FairHistoryReader,
  { version }: Model,
  {
    traits: { scope },
    since,
    room,
  }: Pick<RewindOptions, 'traits' | 'since'> & { room: RewindRoom },
): Promise<MissedChanges> {
  const changes: ReplayedChange[] = [];
  const now = new Map<string, StoredObject>();
  for (let at = since; ; ) {
    const page = await reads.changes(scope, at, pageSize);
    if (page.gone || changes.length > maxChanges) throw fail('position.gone');
    if (page.entries.some(({ change }) => change.modelVersion !== version)) {
      throw fail('position.gone');
    }
    room.take(estimateChangeBytes(page.entries));
    for (const { pos, change, object } of page.entries) {
      changes.push({ pos, change });
      if (object) now.set(change.r, object);
    }
    if (!page.more) return { changes, now, through: page.through };
    at = page.through;
  }
}

/** The changed objects by R. */
async function pastObjectsOf(
  reads: FairHistoryReader,
  model: Model,
  { missed, isKnowable, room }: { missed: MissedChanges; isKnowable: boolean; room: RewindRoom },
): Promise<Map<string, PastObject>> {
  const past = new Map<string, PastObject>();
  const touched = touchedBefore(missed);
  for (const { change } of missed.changes) {
    if (past.has(change.r)) continue;
    const now = missed.now.get(change.r);
    if (!now) throw fail('position.gone');
    const rev = change.rev - 1;
    const data = rev === 0 ? undefined : await dataAtRevision(reads, model, change.r, rev);
    const isScrubbed = change.type === 'delete';
    if (rev > 0 && !data && !isScrubbed) throw fail('position.gone');
    if (rev > 0 && isScrubbed && !isKnowable) throw fail('position.gone');
    room.take(estimateBytes(data));
    past.set(change.r, { rev, data, touched: touched.get(change.r) ?? {}, now });
  }
  return past;
}

/**
 * By R, the last revision of each field before the changes: each change has it for the fields it
 * touched, and the object for the others.
 */
function touchedBefore({ changes, now }: MissedChanges): Map<string, StoredObject['touched']> {
  const byR = new Map<string, StoredObject['touched']>();
  // In reverse: the earliest change wins.
  for (const { change } of changes.toReversed()) {
    const { r } = change;
    byR.set(r, { ...(byR.get(r) ?? now.get(r)?.touched), ...change.touched });
  }
  return byR;
}

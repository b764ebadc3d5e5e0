import { isLastSeen } from '../../model/deleted.js';
import type { Model } from '../../model/model.js';
import { authorizedTogether } from '../../queries/access-scope.js';
import type { Hit } from '../../queries/search.js';
import type { CommittedChange, StoredObject } from '../../store/stored-object.js';
import type { LiveContext } from '../live-context.js';
import { onceMarkerOf } from '../push/once-marker.js';
import { viewNow } from '../push/view-now.js';
import { gainsFields, lastVisibleChange } from '../push/visibility.js';
import type { QueryGroupTraits } from './query-group-traits.js';
import type { KnownRow, KnownRows, Row } from './query-window.js';
import type { WindowEvent } from './window-event.js';

/** The window row of a search hit. */
export function rowOf({ object, hidden, place }: Hit, fields: readonly string[] | undefined): Row {
  const changedAt = lastVisibleChange(object, { fields, hidden });
  return { r: object.r, rev: object.rev, place, hidden, changedAt };
}

/** What a read of the window found. All subscribers are compared with the same rows. */
export interface FoundWindow {
  /** All rows, including the reserve. */
  readonly rows: readonly Row[];
  readonly shown: readonly Row[];
  readonly objects: ReadonlyMap<string, StoredObject>;
}

export function foundWindow(
  hits: readonly Hit[],
  { fields, limit }: Pick<QueryGroupTraits, 'fields' | 'limit'>,
): FoundWindow {
  const rows = hits.map((hit) => rowOf(hit, fields));
  const objects = new Map(hits.map(({ object }) => [object.r, object]));
  return { rows, shown: rows.slice(0, limit), objects };
}

/**
 * The events that lead from `known` to the window that a search found. `isOtherView`: `known` is of
 * another view, so newly hidden fields are reported, too.
 */
export async function eventsSince(
  context: Pick<LiveContext, 'objects' | 'slice'>,
  model: Model,
  traits: Pick<QueryGroupTraits, 'auth' | 'finder' | 'fields'>,
  { known, found, isOtherView }: { known: KnownRows; found: FoundWindow; isOtherView: boolean },
): Promise<WindowEvent[]> {
  const { shown, objects } = found;
  const { fields } = traits;
  const now = new Set(shown.map(({ r }) => r));
  const removed = isOtherView ? [] : [...known.keys()].filter((r) => !now.has(r));
  const revs = await visibleRevs(context, model, traits, { known, removed });
  const events: WindowEvent[] = [];
  for (const [r, { rev }] of known) {
    if (!now.has(r)) events.push({ evt: 'left', r, rev: revs.get(r) ?? rev });
  }
  for (const row of shown) {
    const object = objects.get(row.r);
    if (!object) continue;
    const { hidden } = row;
    const before = known.get(row.r);
    if (!before) events.push({ evt: 'entered', object, hidden });
    else if (hasChanged(before, row, { fields, isOtherView }))
      events.push({ evt: 'snapshot', object, hidden });
  }
  return events;
}

function hasChanged(
  before: KnownRow,
  { changedAt, hidden }: Row,
  { fields, isOtherView }: { fields: readonly string[] | undefined; isOtherView: boolean },
): boolean {
  if (before.isOutdated || changedAt > before.rev) return true;
  if (gainsFields(before.hidden, { fields, hidden })) return true;
  return isOtherView && gainsFields(hidden, { fields, hidden: before.hidden });
}

/** A queued change must carry its once-id also where the difference tells it to its author. */
export function markedEvents(
  events: WindowEvent[],
  queue: readonly CommittedChange[],
): WindowEvent[] {
  const own = new Map<string, CommittedChange>();
  for (const change of queue)
    if (change.once !== undefined) own.set(`${change.rev} ${change.r}`, change);
  if (own.size === 0) return events;
  return events.map((event) => {
    const { r, rev } = 'object' in event ? event.object : event;
    const change = own.get(`${rev} ${r}`);
    return change ? { ...event, onceMarker: onceMarkerOf(change) } : event;
  });
}

/**
 * The revisions of objects that left a window, without those that its reader may not see any more: what changed after
 * a right ended is not sent, not even by a revision (rule LKP4).
 */
async function visibleRevs(
  context: Pick<LiveContext, 'objects' | 'slice'>,
  model: Model,
  reader: Pick<QueryGroupTraits, 'auth' | 'finder'>,
  { known, removed }: { readonly known: KnownRows; readonly removed: readonly string[] },
): Promise<ReadonlyMap<string, number>> {
  const { read, subscribe } = model.access;
  const isSeen = async (head: StoredObject): Promise<boolean> => {
    if (head.deleted) {
      if (isSeenUntilDeleted(model, head, known.get(head.r))) return true;
      return await isLastSeen(model, head, reader.auth, [read, subscribe]);
    }
    const { object, view } = await viewNow(context, model, head, reader);
    return view.kind === 'visible' && object === head;
  };
  const { objects, slice } = context;
  const revs = new Map<string, number>();
  const pause = () => (slice.isOver ? slice.rest() : undefined);
  // A part at a time: there may be a thousand of a megabyte.
  for (let index = 0; index < removed.length; index += authorizedTogether) {
    const heads = await objects.heads(removed.slice(index, index + authorizedTogether), pause);
    const judge = async (head: StoredObject | undefined) => {
      if (head && (await isSeen(head))) revs.set(head.r, head.rev);
    };
    await Promise.all(heads.map(judge));
  }
  return revs;
}

/** True if only the object itself decides who may see it, and nothing but its deletion came after what the reader knows. */
function isSeenUntilDeleted(
  { access, hooks }: Model,
  { rev }: StoredObject,
  known: KnownRow | undefined,
): boolean {
  const byItself = [access.read, access.subscribe].every(({ lookups }) => !lookups?.length);
  return byItself && !hooks.preGet?.mayCancel && known?.rev === rev - 1;
}

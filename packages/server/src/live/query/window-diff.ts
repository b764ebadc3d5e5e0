import type { Hit } from '../../queries/search.js';
import type { StoredObject } from '../../store/stored-object.js';
import type { LiveContext } from '../live-context.js';
import { gainsFields, lastVisibleChange } from '../push/visibility.js';
import type { KnownRows, Row } from './query-window.js';
import type { WindowEvent, WindowTraits } from './window-event.js';

/** The window row of a search hit. */
export function rowOf({ object, hidden, place }: Hit, fields: readonly string[] | undefined): Row {
  const changedAt = lastVisibleChange(object, { fields, hidden });
  return { r: object.r, rev: object.rev, place, hidden, changedAt };
}

export interface WindowDiffOptions {
  readonly known: KnownRows;
  /** The window now. */
  readonly shown: readonly Row[];
  /** The objects of the window's rows. */
  readonly objects: ReadonlyMap<string, StoredObject>;
  /** The revisions of objects that left the window, where the reader may know them. */
  readonly revs: ReadonlyMap<string, number>;
  readonly fields: readonly string[] | undefined;
  /** `known` is of another view: newly hidden fields are reported, too. */
  readonly isOtherView: boolean;
}

/** The events that lead from `known` to the current window. */
export function diffWindow(options: WindowDiffOptions): WindowEvent[] {
  const { known, shown, objects, revs } = options;
  const now = new Set(shown.map(({ r }) => r));
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
    else if (hasChanged(before, row, options)) events.push({ evt: 'snapshot', object, hidden });
  }
  return events;
}

function hasChanged(
  before: Pick<Row, 'rev' | 'hidden'>,
  { changedAt, hidden }: Row,
  { fields, isOtherView }: Pick<WindowDiffOptions, 'fields' | 'isOtherView'>,
): boolean {
  if (changedAt > before.rev || gainsFields(before.hidden, { fields, hidden })) return true;
  return isOtherView && gainsFields(hidden, { fields, hidden: before.hidden });
}

/**
 * As `diffWindow`, for the result of a search. Looks up the revisions of objects that left; but in another view they may
 * have left because the reader lost a right, and what changed after that is not sent, not even by a revision (rule LKP4).
 */
export async function eventsSince(
  { objects }: Pick<LiveContext, 'objects'>,
  { fields, limit }: WindowTraits & { readonly limit: number },
  { known, hits, isOtherView }: { known: KnownRows; hits: readonly Hit[]; isOtherView: boolean },
): Promise<WindowEvent[]> {
  const found = new Map(hits.map(({ object }) => [object.r, object]));
  const shown = hits.slice(0, limit).map((hit) => rowOf(hit, fields));
  const now = new Set(shown.map(({ r }) => r));
  const removed = [...known].flatMap(([r, { rev }]) => {
    return now.has(r) || (isOtherView && rev > 0) ? [] : [r];
  });
  const heads = removed.length > 0 ? await objects.heads(removed) : [];
  const revs = new Map(heads.flatMap((head) => (head ? [[head.r, head.rev] as const] : [])));
  return diffWindow({ known, shown, objects: found, revs, fields, isOtherView });
}
